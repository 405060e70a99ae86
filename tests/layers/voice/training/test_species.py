"""Species are told apart by their rows; rates count what the shipped threshold gets wrong."""

from dataclasses import replace

import numpy as np
import pytest

from layers.voice.detector.combined import Calibration, Combination, Member
from layers.voice.training.data import Row
from layers.voice.training.species import (
    document,
    is_conversion,
    live_elsewhere,
    markdown,
    outcome,
    rejected,
    species_of,
)

REAL = Row("r.flac", True, "", "demo", "p1", "dev", True, True, "flac", False, False)
FAKE = replace(REAL, path="f.flac", bonafide=False, generator="VITS")
CONVERTED = replace(FAKE, path="c.flac", generator="FreeVC")
REPLAYED = replace(FAKE, path="p.flac", generator="phone replay")

CALIBRATION = Calibration("embedded", slope=2.0, operating_score=0.5, operating_p=0.6, weights="-")
CHOSEN = Combination(CALIBRATION, (Member(CALIBRATION, 1.0),))


@pytest.mark.parametrize(
    ("generator", "expected"),
    [("FreeVC", True), ("YourTTS-VC", True), ("vqmivc", True), ("VITS", False)],
)
def test_conversion_is_told_by_the_generator(generator: str, expected: bool) -> None:
    assert is_conversion(replace(FAKE, generator=generator)) is expected
    assert not is_conversion(replace(REAL, generator=generator))


def test_every_row_stands_where_it_belongs() -> None:
    found = {one.name: one for one in species_of([REAL, FAKE, CONVERTED, REPLAYED])}
    assert found["bona fide"].rows == (REAL,)
    assert found["recorded replay"].rows == (REPLAYED,)
    assert found["voice conversion: FreeVC"].rows == (CONVERTED,)
    assert found["simulated_replay of bona fide"].rows == (REAL,)
    assert found["simulated_replay of synthetic"].rows == (FAKE, CONVERTED, REPLAYED)
    for one in found.values():
        assert one.simulated == (one.change is not None)
    assert {one.name for one in found.values() if not one.attack} == {
        "bona fide",
        "bona fide in simulated rooms",
    }


def test_a_risk_at_the_threshold_passes_and_above_it_is_rejected() -> None:
    assert not rejected(0.5, CHOSEN)
    assert rejected(0.4, CHOSEN)
    assert not rejected(3.0, CHOSEN)


def test_wrong_means_let_through_for_attacks_and_rejected_for_people() -> None:
    kinds = {one.name: one for one in species_of([REAL, FAKE])}
    scores = [2.0, 1.0, -2.0, None]
    attacks = outcome(kinds["synthetic, all"], scores, CHOSEN)
    people = outcome(kinds["bona fide"], scores, CHOSEN)
    assert (attacks.wrong.errors, attacks.wrong.n, attacks.unscored) == (2, 3, 1)
    assert (people.wrong.errors, people.wrong.n) == (1, 3)


def test_report_says_what_is_simulated_and_what_is_missing() -> None:
    kinds = {one.name: one for one in species_of([REAL, FAKE])}
    rows = document(
        [
            outcome(kinds["bona fide"], [2.0, 3.0, 4.0], CHOSEN),
            outcome(kinds["simulated_replay of bona fide"], [1.9, -3.0], CHOSEN),
            outcome(kinds["recorded replay"], [], CHOSEN),
            outcome(kinds["bona fide in simulated rooms"], [1.0, -4.0], CHOSEN),
        ]
    )
    assert (rows[1]["percent"][0], rows[1]["eer_percent"][0]) == (50.0, 0.0)
    assert rows[1]["eer_in_rooms_percent"][0] == 50.0
    assert "percent" not in rows[2]
    lines = markdown(rows).splitlines()
    assert "| simulated | 2 (0) | APCER 50.0" in lines[3]
    assert "none in the data" in lines[4]


def test_the_control_is_a_person_in_the_room_of_the_replay() -> None:
    wave = (0.1 * np.random.default_rng(0).standard_normal(16_000)).astype(np.float32)
    made = live_elsewhere(wave, np.random.default_rng(1))
    low = np.abs(np.fft.rfft(made))[50:200].mean()
    middle = np.abs(np.fft.rfft(made))[1_000:2_000].mean()
    assert low > 0.3 * middle  # no loudspeaker took the low end away

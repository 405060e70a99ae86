"""Pairs and error rates from recordings whose cosines are known."""

from __future__ import annotations

import numpy as np
import pytest

from layers.voice.speaker.measure import cosine_of, fit
from layers.voice.speaker.similarity import similarity_pct
from layers.voice.speaker.trials import (
    PEOPLE,
    Recording,
    Trials,
    clones_of,
    interval_by_speaker,
    joined,
    part_of,
    shared_score,
    trials_of,
)


def recording(speaker: str, angle: float, source: str = "one", path: str = "") -> Recording:
    """One stretch in the plane: cosines are those of the differences of angles."""
    stretch = np.array([[np.cos(angle), np.sin(angle)]] * 3, np.float32)
    return Recording("fit", speaker, source, path or f"{speaker}/{angle}/{source}", stretch)


def test_pairs_of_different_people_stay_within_their_source() -> None:
    trials = trials_of(
        [
            recording("a", 0.0),
            recording("a", 0.4),
            recording("a", 0.5, source="two"),
            recording("b", 1.0),
            recording("c", 1.2, source="two"),
        ],
        0.76,
    )
    assert sorted(trials.same["a"]) == pytest.approx(sorted(map(np.cos, (0.4, 0.5))), abs=1e-4)
    assert sorted(trials.different) == [("a", "b"), ("a", "c")]
    assert trials.different["a", "b"] == pytest.approx((np.cos(1.0), np.cos(0.6)), abs=1e-4)
    # 0.4 and 0.5 are a tenth apart: above 0.97, and so taken for one recording.
    assert len(trials.same["a"]) == 2


def test_error_rates_and_their_interval_by_speaker() -> None:
    trials = Trials(
        same={"a": (0.9, 0.5), "b": (0.9, 0.9)},
        different={("a", "b"): (0.8, 0.1), ("a", "c"): (0.1, 0.1)},
    )
    assert trials.false_matches(0.8).value == 0.25
    assert trials.false_non_matches(0.9).value == 0.25
    low, high = interval_by_speaker(trials, 0.9, same=True)
    assert (low, high) == (0.0, 0.5)  # only b drawn, only a drawn


def test_fit_puts_one_and_five_in_a_hundred_at_the_cut_offs() -> None:
    scores = tuple(np.linspace(0.0, 1.0, 1001))
    same, unclear = fit(Trials(same={}, different={("a", "b"): scores}))
    assert (same, unclear) == (0.99, 0.95)
    for cut_pct in (55.0, 75.0, 90.0):
        least = cosine_of(cut_pct, 0.726, 0.67)
        assert similarity_pct(least, 0.726, 0.67) >= cut_pct
        assert similarity_pct(least - 0.001, 0.726, 0.67) < cut_pct


def test_joined_recordings_keep_speaker_and_source_apart() -> None:
    three = [recording("a", angle) for angle in (0.0, 0.1, 0.2)]
    made = joined([*three, recording("a", 0.3, source="two"), recording("b", 0.4)])
    assert [(one.speaker, one.source, len(one.partials)) for one in made] == [("a", "one", 6)]


def test_shared_score_is_the_mean_over_people() -> None:
    found = [recording("a", 0.0), recording("a", 0.5), recording("b", 0.0), recording("b", 1.0)]
    expected = (np.cos(0.5) + np.cos(1.0)) / 2
    assert shared_score(found) == pytest.approx(expected, abs=1e-4)


def test_each_clone_is_paired_with_a_real_recording_of_its_voice() -> None:
    real = [recording("a", 0.0), recording("b", 1.0)]
    clones = [recording("a", 0.5), recording("a", 0.6), recording("c", 0.0)]
    made = clones_of(real, clones, 0.76)
    assert made.different["a", "a"] == pytest.approx((np.cos(0.5), np.cos(0.6)), abs=1e-4)
    assert made.people == ("a",)
    assert made.false_matches(0.85).value == 0.5
    assert interval_by_speaker(made, 0.85, same=False) == (0.5, 0.5)  # one person, no spread


def test_halves_are_by_speaker_and_leave_out_whoever_is_elsewhere() -> None:
    parts = {part_of("train", f"libri-{n}", elsewhere=False) for n in range(50)}
    assert parts == {"fit", "held"}
    assert part_of("train", "libri-1", elsewhere=True) == "shared"
    assert part_of("test", "libri-1", elsewhere=True) == "test"
    assert PEOPLE.fullmatch("vctk-225")
    assert not PEOPLE.fullmatch("fs-dataset_vc-13")  # an item of a demo, not a person

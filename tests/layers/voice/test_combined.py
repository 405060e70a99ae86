"""Which detectors decide: single, mean of several, and a calibration that must be their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from math import exp
from pathlib import Path

import pytest

from layers.voice.detector.combined import (
    Calibration,
    Combination,
    Member,
    combination,
    combination_in_force,
    ensemble_digest,
)
from layers.voice.detector.errors import UncalibratedError
from layers.voice.detector.loading import DetectorFiles
from layers.voice.standing import CalibrationState, limits_of_embedded, standing, standings
from verdict.policy import Entry, Policy, Source, load_policy

SHIPPED = load_policy()


def policy(changes: Mapping[str, float | str]) -> Policy:
    """Return the shipped policy with entries below ``voice.detector`` changed."""
    made = {
        f"voice.detector.{name}": Entry(
            f"voice.detector.{name}",
            value,
            "name" if isinstance(value, str) else "1",
            Source.MEASURED,
            "a test",
            date(2026, 11, 21),
        )
        for name, value in changes.items()
    }
    return Policy(SHIPPED.version, {**SHIPPED.entries, **made})


def member(name: str, slope: float, operating: float, share: float) -> Member:
    return Member(Calibration(name, slope, operating, 0.6, f"{name}-weights"), share)


def test_one_detector_decides_by_its_own_score() -> None:
    chosen = combination_in_force(SHIPPED)
    assert chosen.calibration.name == "embedded"
    assert not chosen.is_ensemble
    assert chosen.score({"embedded": 1.25}) == 1.25
    assert chosen.calibration.p_attack(chosen.calibration.operating_score) == pytest.approx(0.6)


def test_an_ensemble_is_the_weighted_mean_of_calibrated_log_odds() -> None:
    members = (member("embedded", 2.0, 1.0, 3.0), member("aasist", 0.5, -4.0, 1.0))
    chosen = Combination(Calibration("ensemble", 1.0, 0.0, 0.6, ""), members)
    # (3 * 2 * (2 - 1) + 1 * 0.5 * (0 + 4)) / 4
    assert chosen.score({"embedded": 2.0, "aasist": 0.0}) == pytest.approx(2.0)
    odds = 0.6 / 0.4 * exp(-2.0)
    assert chosen.calibration.p_attack(2.0) == pytest.approx(odds / (1 + odds))


def test_more_attack_in_a_member_is_never_more_lenient() -> None:
    members = (member("embedded", 2.0, 1.0, 1.0), member("aasist", 0.5, -4.0, 1.0))
    chosen = Combination(Calibration("ensemble", 1.3, 0.2, 0.6, ""), members)
    scores = [chosen.score({"embedded": 2.0, "aasist": one}) for one in (-9.0, -1.0, 3.0)]
    risks = [chosen.calibration.p_attack(score) for score in scores]
    assert risks == sorted(risks, reverse=True)


def test_weights_of_another_training_are_refused_with_what_to_run() -> None:
    with pytest.raises(UncalibratedError, match=r"'embedded' is not calibrated.*--detector embed"):
        combination_in_force(SHIPPED).check({"embedded": "f" * 64})


def test_an_ensemble_is_stale_when_a_member_or_a_share_changes() -> None:
    members = (member("embedded", 2.0, 1.0, 1.0), member("aasist", 0.5, -4.0, 1.0))
    digest = ensemble_digest(members)
    chosen = Combination(Calibration("ensemble", 1.0, 0.0, 0.6, digest), members)
    loaded = {"embedded": "embedded-weights", "aasist": "aasist-weights"}
    chosen.check(loaded)
    with pytest.raises(UncalibratedError, match="'ensemble' is not calibrated"):
        replace(chosen, members=(members[0], replace(members[1], share=2.0))).check(loaded)
    with pytest.raises(UncalibratedError, match="'aasist' is not calibrated"):
        chosen.check({**loaded, "aasist": "others"})


def test_names_and_members_that_do_not_exist_are_refused() -> None:
    with pytest.raises(UncalibratedError, match="no voice detector 'best'; the policy can choose"):
        combination_in_force(policy({"in_force": "best"}))
    alone = policy({"ensemble.share.aasist": 0.0})
    with pytest.raises(UncalibratedError, match="needs two members or more"):
        combination("ensemble", alone)


def test_the_shipped_policy_is_calibrated_for_the_shipped_weights() -> None:
    one = standing("embedded", SHIPPED, DetectorFiles())
    assert (one.state, one.in_force, one.problem) == (CalibrationState.CALIBRATED, True, "")


def test_each_detector_stands_as_its_files_and_its_calibration_say(tmp_path: Path) -> None:
    by_name = {one.name: one for one in standings(SHIPPED, DetectorFiles(tmp_path))}
    assert by_name["aasist"].state is CalibrationState.ABSENT
    assert by_name["transformers"].problem.endswith("set BONAFIDE_VOICE_MODEL_FOLDER to its folder")
    stale = standing("embedded", policy({"embedded.weights": "0" * 64}), DetectorFiles())
    assert stale.state is CalibrationState.STALE
    assert "python -m layers.voice.calibrate MANIFEST --detector embedded" in stale.problem


def test_the_limits_are_the_measured_ones_and_only_of_the_embedded_detector(
    tmp_path: Path,
) -> None:
    card = tmp_path / "card.json"
    figures = '{"eer_percent": %s, "low": 30, "high": 50, "n_bonafide": 7, "n_attack": 9}'
    good, bad = figures % 20, figures % 41
    card.write_text(f'{{"held_out_sources": {{"pooled": {bad}, "a": {bad}, "b": {good}}}}}')
    said = limits_of_embedded(SHIPPED, card)
    basis = SHIPPED.entry("voice.detector.embedded.operating_score").basis
    assert basis in said
    assert "never heard: EER 41 % [30, 50], n 7 + 9." in said
    assert "on: a 41 % [30, 50], n 7 + 9." in said
    assert "b 20 %" not in said
    assert limits_of_embedded(policy({"in_force": "aasist"}), card) == ""

"""The layer as a whole: landmarks, confidence, and that it always answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from layers.liveness import analyse
from layers.liveness.landmarks import check_landmarks
from tests.layers.liveness.liveness_builders import capture, session, six_pictures, times, track
from verdict.evidence import CheckName
from verdict.policy import load_policy

POLICY = load_policy()


@pytest.mark.parametrize("fps", [10.0, 15.0, 30.0])
def test_somebody_who_does_as_asked_passes(fps: float) -> None:
    result = analyse(session(fps), POLICY)
    assert result.passed, [check.reason for check in result.checks]
    assert result.confidence == 1.0


def test_six_pictures_pass_with_less_confidence() -> None:
    result = analyse(six_pictures(), POLICY)
    assert result.passed, [check.reason for check in result.checks]
    assert result.confidence == POLICY.number("liveness.confidence.sparse_share")


def test_every_check_names_its_measurement_and_reason() -> None:
    result = analyse(session(blinks_at=(), turns=()), POLICY)
    failed = {check.name for check in result.checks if not check.passed}
    assert failed == {CheckName.BLINK_DETECTION, CheckName.HEAD_MOVEMENT}
    for check in result.checks:
        assert check.measurements
        assert bool(check.reason) is not check.passed


@pytest.mark.parametrize(("lost", "passes"), [(0, True), (20, True), (40, False), (100, False)])
def test_landmarks_have_a_tolerance(lost: int, passes: bool) -> None:
    t_s = times(10.0, 10.0)
    found = np.arange(len(t_s)) >= lost
    result = check_landmarks(capture(track(t_s, found=found)), POLICY)
    assert result.passed is passes
    assert result.value == pytest.approx(1 - lost / 100)
    assert len(result.frames) == lost


def test_a_step_without_a_face_fails() -> None:
    good = six_pictures()
    landmarks = good.track.landmarks.copy()
    landmarks[4] = np.nan
    result = check_landmarks(replace(good, track=replace(good.track, landmarks=landmarks)), POLICY)
    assert not result.passed
    assert "speak" in result.reason


def test_confidence_falls_with_rate_and_face() -> None:
    quick, slow = times(6.0, 30.0), times(6.0, 4.0)
    full = analyse(capture(track(quick)), POLICY).confidence
    assert full == 1.0
    assert analyse(capture(track(slow)), POLICY).confidence == pytest.approx(0.5)
    small = analyse(capture(track(quick, face_px=45.0)), POLICY).confidence
    assert small == pytest.approx(0.5)


@pytest.mark.parametrize("n", [0, 1, 2, 9, 10])
def test_any_number_of_frames_has_an_answer(n: int) -> None:
    for found in (True, False):
        there = np.full(n, found, dtype=np.bool_)
        result = analyse(capture(track(np.arange(n) / 15.0, found=there)), POLICY)
        assert not result.passed
        assert 0.0 <= result.confidence <= 1.0

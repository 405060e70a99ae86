"""Blinks from closed-form curves of the eye aspect ratio."""

from __future__ import annotations

import numpy as np
import pytest

from layers.capture.types import Step
from layers.liveness.blink import check_blink
from tests.layers.liveness.liveness_builders import (
    OPEN_EAR,
    capture,
    ear_with_blinks,
    session,
    six_pictures,
    times,
    track,
)
from verdict.policy import load_policy

POLICY = load_policy()


@pytest.mark.parametrize("fps", [8.0, 10.0, 15.0, 25.0, 30.0, 60.0])
def test_a_blink_passes_at_every_frame_rate(fps: float) -> None:
    t_s = times(5.0, fps)
    result = check_blink(capture(track(t_s, ear=ear_with_blinks(t_s, [2.0]))), POLICY)
    assert result.passed, result.reason
    assert result.measurements[1].value == 1
    assert result.value is not None
    assert abs(t_s[list(result.frames)].mean() - 2.0) < 0.25


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.6])
def test_the_baseline_is_the_persons_own(scale: float) -> None:
    t_s = times(5.0, 30.0)
    result = check_blink(capture(track(t_s, ear=scale * ear_with_blinks(t_s, [2.0]))), POLICY)
    assert result.passed
    assert result.measurements[2].value == pytest.approx(scale * OPEN_EAR, rel=1e-3)
    assert result.value == pytest.approx(0.15, abs=1e-3), "the dip is by 85 %"


def test_eyes_that_stay_open_are_no_blink() -> None:
    t_s = times(5.0, 30.0)
    result = check_blink(capture(track(t_s)), POLICY)
    assert not result.passed
    assert "never closed" in result.reason


def test_half_closed_lids_are_no_blink() -> None:
    t_s = times(5.0, 30.0)
    result = check_blink(capture(track(t_s, ear=ear_with_blinks(t_s, [2.0], depth=0.3))), POLICY)
    assert not result.passed


def test_one_eye_is_a_wink() -> None:
    t_s = times(5.0, 30.0)
    both = np.stack([ear_with_blinks(t_s, [2.0]), np.full(len(t_s), OPEN_EAR)], axis=1)
    assert not check_blink(capture(track(t_s, ear=both)), POLICY).passed


def test_a_slow_drift_is_no_blink() -> None:
    t_s = times(12.0, 30.0)
    slow = ear_with_blinks(t_s, [6.0], half_s=5.0)
    assert not check_blink(capture(track(t_s, ear=slow)), POLICY).passed


def test_closing_without_opening_is_no_blink() -> None:
    t_s = times(5.0, 30.0)
    closing = np.where(t_s < 3.0, OPEN_EAR, 0.05)
    result = check_blink(capture(track(t_s, ear=closing)), POLICY)
    assert not result.passed
    assert "not between two moments of open eyes" in result.reason


def test_one_slipped_frame_of_a_fast_video_is_no_blink() -> None:
    t_s = times(5.0, 30.0)
    slipped = np.full(len(t_s), OPEN_EAR)
    slipped[70] = 0.05
    assert not check_blink(capture(track(t_s, ear=slipped)), POLICY).passed


def test_turning_the_head_alone_is_no_blink() -> None:
    t_s = times(5.0, 30.0)
    yaw = 30.0 * np.sin(2 * np.pi * t_s / 2.5)
    result = check_blink(capture(track(t_s, yaw=yaw)), POLICY)
    assert not result.passed
    assert result.value == pytest.approx(1.0, abs=0.02), "the widening under yaw is undone"


def test_a_blink_counts_in_its_step_only() -> None:
    assert check_blink(session(), POLICY).passed
    late = check_blink(session(blinks_at=(9.5,)), POLICY)
    assert not late.passed


def test_a_blink_before_one_could_react_does_not_count() -> None:
    early = check_blink(session(fps=30.0, blinks_at=(1.55,)), POLICY)
    assert not early.passed
    assert "reacted" in early.reason
    assert check_blink(session(fps=30.0, blinks_at=(1.55, 2.6)), POLICY).passed


def test_frames_outside_the_window_of_their_prompt_fail() -> None:
    good = session()
    steps = [
        Step.BLINK if t > 9.0 else step
        for t, step in zip(good.track.t_s, good.track.steps, strict=True)
    ]
    t_s = good.track.t_s
    moved = track(t_s, ear=ear_with_blinks(t_s, [2.3], half_s=0.25), steps=steps)
    result = check_blink(
        capture(moved, prompts=[(p.step, p.t_s) for p in good.challenge.prompts]), POLICY
    )
    assert not result.passed
    assert "outside the time" in result.reason


def test_a_step_without_frames_fails() -> None:
    t_s = times(5.0, 15.0)
    asked = capture(track(t_s, ear=ear_with_blinks(t_s, [2.0])), prompts=[(Step.BLINK, 1.0)])
    result = check_blink(asked, POLICY)
    assert not result.passed
    assert "no frame was taken" in result.reason


@pytest.mark.parametrize(
    ("ears", "passes"),
    [
        ((0.30, 0.06, 0.30, 0.31, 0.29, 0.30), True),
        ((0.30, 0.29, 0.30, 0.31, 0.29, 0.30), False),
        ((0.30, 0.20, 0.30, 0.31, 0.29, 0.30), False),
        ((0.06, 0.06, 0.06, 0.06, 0.06, 0.06), False),
        ((0.30, 0.29, 0.30, 0.06, 0.29, 0.30), False),
    ],
    ids=["blink", "open", "half", "always closed", "in another step"],
)
def test_six_pictures(ears: tuple[float, ...], passes: bool) -> None:
    assert check_blink(six_pictures(ears), POLICY).passed is passes


def test_without_a_face_it_fails_with_a_reason() -> None:
    t_s = times(2.0, 15.0)
    result = check_blink(capture(track(t_s, found=np.zeros(len(t_s), dtype=np.bool_))), POLICY)
    assert not result.passed
    assert result.value is None
    assert "could not be measured" in result.reason

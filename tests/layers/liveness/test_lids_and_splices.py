"""Blinks between slow frames, blinks in a row, and frames cut in from elsewhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from layers.capture.types import FaceTrack, FloatArray
from layers.liveness.blink import check_blink
from layers.liveness.lids import closed_below, closures_of
from layers.liveness.splice import belongs_between, splice_offset
from layers.liveness.steps import Sampling
from tests.layers.liveness.liveness_builders import (
    OPEN_EAR,
    Curve,
    capture,
    ear_with_blinks,
    times,
    track,
)
from verdict.policy import load_policy

POLICY = load_policy()
CLOSED = POLICY.number("liveness.blink.closed_ratio")
COARSE = POLICY.number("liveness.blink.coarse_closed_ratio")
DROP = POLICY.number("liveness.blink.least_drop")


def test_the_limit_rises_with_the_time_between_frames() -> None:
    fine = POLICY.number("liveness.blink.fine_interval_s")
    coarse = POLICY.number("liveness.blink.coarse_interval_s")
    assert closed_below(1 / 60, POLICY) == CLOSED
    assert closed_below((fine + coarse) / 2, POLICY) == pytest.approx((CLOSED + COARSE) / 2)
    assert closed_below(0.2, POLICY) == COARSE
    assert closed_below(float("nan"), POLICY) == CLOSED, "six pictures"


def _one_low(value: float) -> FloatArray:
    opening = np.ones(20, np.float32)
    opening[10] = value
    return opening


@pytest.mark.parametrize("fps", [5.0, 7.0])
def test_what_is_left_of_a_blink_between_slow_frames_counts(fps: float) -> None:
    t_s = times(20 / fps, fps)
    assert len(closures_of(_one_low(COARSE - 0.02), t_s, 1 / fps, POLICY)) == 1
    assert not closures_of(_one_low(COARSE + 0.02), t_s, 1 / fps, POLICY)


def test_the_same_dip_on_quick_frames_is_none() -> None:
    t_s = times(1.0, 30.0)
    opening = np.ones(30, np.float32)
    opening[10:13] = COARSE - 0.02
    assert not closures_of(opening, t_s, 1 / 30, POLICY)


@pytest.mark.parametrize(("drop", "n"), [(0.8 * DROP, 0), (1.2 * DROP, 1)])
def test_a_slow_dip_needs_open_eyes_on_both_sides(drop: float, n: int) -> None:
    opening = np.full(20, COARSE - 0.02 + drop, np.float32)
    opening[10] = COARSE - 0.02
    opening[:5] = 1.0  # wide open long before says nothing of this moment
    assert len(closures_of(opening, times(4.0, 5.0), 0.2, POLICY)) == n


def test_two_blinks_in_a_row_are_two() -> None:
    t_s = times(4.0, 30.0)
    opening = (ear_with_blinks(t_s, [1.5, 2.0], half_s=0.2) / OPEN_EAR).astype(np.float32)
    found = closures_of(opening, t_s, 1 / 30, POLICY)
    assert [round(float(t_s[one.lowest]), 1) for one in found] == [1.5, 2.0]


def moving(t_s: Curve, px_per_s: float = 60.0) -> FaceTrack:
    """A face of 200 px that crosses the picture, blinking at 2 s on one frame of 10 a second."""
    own = track(t_s, ear=ear_with_blinks(t_s, [2.0], half_s=0.12))
    landmarks = own.landmarks.copy()
    landmarks[:, :, 0] += (px_per_s * t_s)[:, None].astype(np.float32)
    return replace(own, landmarks=landmarks)


def test_a_frame_between_its_neighbours_has_no_offset() -> None:
    own = moving(times(4.0, 10.0))
    assert splice_offset(own, 20) == pytest.approx(0.0, abs=1e-3)
    assert splice_offset(own, 0) is None
    assert splice_offset(own, len(own) - 1) is None
    assert check_blink(capture(own), POLICY).passed


def test_a_closed_frame_from_elsewhere_is_no_blink() -> None:
    own = moving(times(4.0, 10.0))
    landmarks = own.landmarks.copy()
    landmarks[20] = landmarks[5]
    spliced = replace(own, landmarks=landmarks)
    # 15 frames back at 6 px a frame, over neighbours 12 px apart and 4 px of trembling.
    assert splice_offset(spliced, 20) == pytest.approx(90 / 16, rel=0.01)
    result = check_blink(capture(spliced), POLICY)
    assert not result.passed
    assert "neighbours" in result.reason


def test_slow_frames_and_missing_neighbours_are_not_judged() -> None:
    own = moving(times(4.0, 10.0))
    landmarks = own.landmarks.copy()
    landmarks[20] = landmarks[5]
    spliced = replace(own, landmarks=landmarks)
    assert not belongs_between(spliced, 20, Sampling(0.1, True), POLICY)
    assert belongs_between(spliced, 20, Sampling(0.2, True), POLICY)
    landmarks[19] = np.nan
    assert belongs_between(replace(own, landmarks=landmarks), 20, Sampling(0.1, True), POLICY)


@pytest.mark.parametrize(("contrast", "passes"), [(0.8, False), (0.05, True)])
def test_a_covered_eye_that_the_mesh_draws_open_is_left_out(contrast: float, passes: bool) -> None:
    t_s = times(4.0, 30.0)
    both = np.stack([np.full(len(t_s), OPEN_EAR), ear_with_blinks(t_s, [2.0])], axis=1)
    seen = np.tile(np.array([contrast, 0.8, 0.8], np.float32), (len(t_s), 1))
    own = replace(track(t_s, ear=both), contrast=seen)
    assert check_blink(capture(own), POLICY).passed is passes, "an uncovered one is a wink"
    dark = np.full((len(t_s), 3), 0.05, np.float32)
    assert not check_blink(capture(replace(own, contrast=dark)), POLICY).passed

"""Frame timing: order, rate, gaps, repeats, stand-stills, loops and clocks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from layers.capture.types import Image
from layers.liveness.frame_timing import check_frame_timing
from layers.liveness.repetition import closest_loop, longest_still_s, repeated_share
from tests.layers.liveness.liveness_builders import (
    Curve,
    capture,
    noisy_thumbs,
    session,
    six_pictures,
    times,
    track,
)
from verdict.evidence import CheckResult
from verdict.policy import load_policy

POLICY = load_policy()


def check(t_s: Curve, thumbs: Image | None = None) -> CheckResult:
    return check_frame_timing(capture(track(t_s, thumbs=thumbs)), POLICY)


@pytest.mark.parametrize("fps", [5.0, 15.0, 30.0, 60.0, 120.0])
def test_a_camera_passes(fps: float) -> None:
    result = check(times(4.0, fps))
    assert result.passed, result.reason
    assert result.measurements[1].value == pytest.approx(fps)


def test_variable_rate_with_jitter_passes() -> None:
    chance = np.random.default_rng(1)
    gaps = chance.choice([0.033, 0.040, 0.066], 150) + chance.uniform(0, 0.004, 150)
    assert check(np.cumsum(gaps)).passed


def test_a_whole_session_and_six_pictures_pass() -> None:
    assert check_frame_timing(session(), POLICY).passed
    assert check_frame_timing(six_pictures(), POLICY).passed


def test_times_that_go_back_fail_and_name_the_frame() -> None:
    t_s = times(4.0, 15.0)
    t_s[20] = t_s[18]
    result = check(t_s)
    assert not result.passed
    assert result.value == 1
    assert result.frames == (20,)


def test_equal_times_fail() -> None:
    assert not check(np.zeros(30)).passed


def test_more_frames_than_a_camera_gives_fail() -> None:
    result = check(times(0.5, 400.0))
    assert not result.passed
    assert "400 frames a second" in result.reason


def test_a_long_gap_fails() -> None:
    t_s = times(4.0, 15.0)
    t_s[30:] += 3.0
    result = check(t_s)
    assert not result.passed
    assert 30 in result.frames


def test_irregular_times_fail() -> None:
    gaps = np.tile([0.03, 0.03, 0.03, 0.2], 30)
    assert not check(np.cumsum(gaps)).passed


def test_no_frames_fail() -> None:
    assert not check(np.zeros(0)).passed


@pytest.mark.parametrize("shown", [2, 3, 6])
def test_a_dim_webcam_that_repeats_its_pictures_passes(shown: int) -> None:
    """15, 10 and 5 pictures a second, taken as 30."""
    assert check(times(4.0, 30.0), noisy_thumbs(120 // shown).repeat(shown, axis=0)).passed


def test_a_frozen_picture_fails() -> None:
    result = check(times(4.0, 30.0), noisy_thumbs(1).repeat(120, axis=0))
    assert not result.passed
    assert "stood still" in result.reason
    assert "repeat" in result.reason


def test_a_stand_still_in_the_middle_fails() -> None:
    thumbs = noisy_thumbs(120)
    thumbs[40:80] = thumbs[40]
    result = check(times(4.0, 30.0), thumbs)
    assert not result.passed
    share, rows = repeated_share(thumbs)
    assert share == pytest.approx(39 / 120)
    assert rows == tuple(range(41, 80))
    still_s, _ = longest_still_s(thumbs, times(4.0, 30.0))
    assert still_s == pytest.approx(39 / 30)


def test_a_frozen_picture_that_a_codec_keeps_refining_stands_still_too() -> None:
    thumbs = noisy_thumbs(120)
    thumbs[40:80] = thumbs[40]
    for k in range(40, 80):
        thumbs[k, k % 48, :60] += 1  # 60 of 3072 values by one: 0.04 in the mean of two frames
    assert longest_still_s(thumbs, times(4.0, 30.0))[0] == 0.0
    result = check(times(4.0, 30.0), thumbs)
    assert not result.passed
    assert "stood still for 1.3 s" in result.reason


def _forwards(thumbs: Image) -> Image:
    return np.concatenate([thumbs, thumbs])


def _to_and_fro(thumbs: Image) -> Image:
    return np.concatenate([thumbs, thumbs[::-1]])


@pytest.mark.parametrize("play", [_forwards, _to_and_fro])
@pytest.mark.parametrize("fps", [5.0, 15.0, 30.0])
def test_a_loop_fails_also_with_fresh_noise(play: Callable[[Image], Image], fps: float) -> None:
    n = round(3.0 * fps)
    chance = np.random.default_rng(5)
    looped = play(noisy_thumbs(n)).astype(np.float64)
    noisy = np.clip(looped + chance.normal(0, 1.0, looped.shape), 0, 255).astype(np.uint8)
    result = check(times(6.0, fps), noisy)
    assert not result.passed
    assert "shown before" in result.reason
    assert min(result.frames) >= n - 2, "the second showing is named"


def test_live_pictures_are_no_loop() -> None:
    for seed in range(5):
        loop = closest_loop(noisy_thumbs(150, seed), times(5.0, 30.0), POLICY)
        assert loop.ratio is not None
        assert loop.ratio > POLICY.number("liveness.loop.least_ratio")


def test_a_person_who_sits_still_is_no_loop() -> None:
    chance = np.random.default_rng(2)
    scene = chance.uniform(40, 200, (1, 48, 64))
    thumbs = np.clip(scene + chance.normal(0, 1.0, (150, 48, 64)), 0, 255).astype(np.uint8)
    assert check(times(5.0, 30.0), thumbs).passed


@pytest.mark.parametrize(("skew_s", "passes"), [(2.0, True), (-20.0, True), (3600.0, False)])
def test_clocks(skew_s: float, passes: bool) -> None:
    own = capture(track(times(4.0, 15.0)), clock_skew_s=skew_s)
    assert check_frame_timing(own, POLICY).passed is passes


def test_receipts_of_a_live_stream_pass_and_of_the_future_fail() -> None:
    t_s = times(8.0, 10.0)
    live = track(t_s, received_s=1e9 + t_s + 0.2)
    assert check_frame_timing(capture(live), POLICY).passed
    at_once = track(t_s, received_s=np.full(len(t_s), 1e9))
    assert check_frame_timing(capture(at_once), POLICY).passed, "sent together at the end"
    hurried = track(t_s, received_s=1e9 + 0.4 * t_s)
    assert not check_frame_timing(capture(hurried), POLICY).passed

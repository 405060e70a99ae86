"""What injection leaves behind: made-up times, virtual cameras, links too young, blended frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from layers.capture.types import Capture, Device, Image, MediaKind, SensorFigures
from layers.liveness.device import Concern, virtual_camera, virtual_cameras
from layers.liveness.frame_timing import check_frame_timing
from layers.liveness.injection_attacks import page_times
from layers.liveness.interpolation import residuals
from layers.liveness.intervals import clock_tick_ms
from layers.liveness.repetition import repeat_cadence, repeated_share
from tests.layers.liveness.liveness_builders import Curve, capture, noisy_thumbs, times, track
from verdict.evidence import CheckResult
from verdict.policy import load_policy

POLICY = load_policy()
WEBCAM = Device("HD Webcam (046d:0825)", 1280, 720, 30.0)


def page(t_s: Curve, thumbs: Image | None = None, device: Device | None = WEBCAM) -> Capture:
    own = capture(track(t_s, thumbs=thumbs))
    return replace(own, source=replace(own.source, device=device))


def value(result: CheckResult, name: str) -> float | None:
    return next(one.value for one in result.measurements if one.name == name)


def threshold(result: CheckResult, name: str) -> float | None:
    return next(one.threshold for one in result.measurements if one.name == name)


@pytest.mark.parametrize("tick_ms", [0.1, 1.0])
@pytest.mark.parametrize("fps", [8.0, 15.0, 30.0])
def test_a_page_in_an_honest_browser_passes(fps: float, tick_ms: float) -> None:
    t_s = page_times(17.5, fps, tick_ms, np.random.default_rng(3))
    result = check_frame_timing(page(t_s), POLICY)
    assert result.passed, result.reason
    assert value(result, "clock_tick_ms") == tick_ms


def test_times_without_jitter_are_no_browsers() -> None:
    result = check_frame_timing(page(times(8.0, 15.0)), POLICY)
    assert not result.passed
    assert "no browser's timer" in result.reason
    shaken = times(8.0, 15.0) + np.random.default_rng(0).uniform(0, 0.002, 120)
    assert check_frame_timing(page(shaken), POLICY).passed


@pytest.mark.parametrize(
    ("t_s", "device"),
    [
        (times(12.0, 8.0), WEBCAM),  # 125 ms: a clock of whole milliseconds may hide the jitter
        (times(12.0, 15.0), None),  # nobody said that these are a browser's times
        (times(3.0, 15.0), WEBCAM),  # too few to tell
    ],
)
def test_even_times_that_an_honest_client_may_send_only_inform(
    t_s: Curve, device: Device | None
) -> None:
    result = check_frame_timing(page(t_s, device=device), POLICY)
    assert result.passed, result.reason
    assert value(result, "interval_spread_ms") == pytest.approx(0.0, abs=1e-6)
    assert threshold(result, "interval_spread_ms") is None


def test_a_file_has_even_times_and_is_not_judged_by_them() -> None:
    own = page(times(8.0, 15.0))
    video = replace(own, source=replace(own.source, kind=MediaKind.VIDEO))
    result = check_frame_timing(video, POLICY)
    assert result.passed, result.reason
    assert "interval_spread_ms" not in {one.name for one in result.measurements}


@pytest.mark.parametrize(
    ("tick_ms", "multiples"), [(1.0, 7), (0.1, 123), (40.0, 3), (1000 / 30, 4), (1000 / 60, 1)]
)
def test_the_clocks_tick_is_found(tick_ms: float, multiples: int) -> None:
    t_ms = 5.0 + tick_ms * np.cumsum([multiples, multiples + 1] * 20)
    assert clock_tick_ms(t_ms) == tick_ms
    assert np.isnan(clock_tick_ms(t_ms + np.random.default_rng(0).uniform(0, 1, 40)))


@pytest.mark.parametrize(
    ("label", "concern"),
    [
        ("OBS Virtual Camera", Concern.SOFTWARE),
        ("OBS-Camera2", Concern.SOFTWARE),
        ("ManyCam Virtual Webcam (pleV:ideo)", Concern.SOFTWARE),
        ("Snap Camera", Concern.SOFTWARE),
        ("Dummy video device (0x0000)", Concern.SOFTWARE),
        ("fake_device_0", Concern.SOFTWARE),
        ("DroidCam Source 3", Concern.RELAY),
        ("Ada's Phone (Windows Virtual Camera)", Concern.RELAY),
        ("OBSBOT Tiny 2 StreamCamera (3564:fef8)", Concern.NONE),
        ("FaceTime HD Camera (Built-in) (05ac:8514)", Concern.NONE),
        ("camera2 1, facing front", Concern.NONE),
        ("Ada's iPhone Camera", Concern.NONE),
        ("", Concern.NONE),
    ],
)
def test_cameras_by_their_names(label: str, concern: Concern) -> None:
    found = virtual_camera(label)
    assert (Concern.NONE if found is None else found.concern) is concern
    device = replace(WEBCAM, label=label)
    result = check_frame_timing(page(times(3.0, 15.0), device=device), POLICY)
    assert result.passed is (concern is not Concern.SOFTWARE)
    assert value(result, "camera_label_concern") == float(concern)
    assert "Ada" not in str(result), "a label may hold a name"


def test_every_camera_of_the_list_is_found_by_its_own_words() -> None:
    for camera in virtual_cameras():
        found = virtual_camera(" ".join(camera.words).upper())
        assert found is not None, camera
        assert found.concern >= camera.concern
        assert camera.source


def test_a_capture_longer_than_its_link_was_open_fails() -> None:
    own = page(page_times(12.0, 8.0, 0.1, np.random.default_rng(0)))
    for open_s, device, passes in (
        (3.0, WEBCAM, False),
        (11.0, WEBCAM, True),
        (300.0, WEBCAM, True),
        (3.0, None, True),  # a recording sent by hand: nobody said when it was taken
    ):
        source = replace(own.source, open_s=open_s, device=device)
        result = check_frame_timing(replace(own, source=source), POLICY)
        assert result.passed is passes, (open_s, device, result.reason)
        assert value(result, "longer_than_open_s") == pytest.approx(11.8 - open_s, abs=0.3)


def test_the_rate_of_the_clients_clock_is_measured_where_frames_stream() -> None:
    t_s = times(10.0, 8.0)
    slow = track(t_s, received_s=1e9 + 1.25 * t_s)
    assert value(check_frame_timing(capture(slow), POLICY), "clock_rate") == pytest.approx(1.25)


def _moving(n: int, seed: int = 0) -> Image:
    """A bright spot on an uneven way across a fixed scene, with noise."""
    chance = np.random.default_rng(seed)
    scene = chance.uniform(60, 120, (48, 64))
    x = 20 + np.cumsum(chance.normal(0, 2.0, n)).clip(-15, 30)
    columns, rows = np.meshgrid(np.arange(64), np.arange(48))
    spots = [120 * np.exp(-((columns - at) ** 2 + (rows - 24) ** 2) / 90) for at in x]
    noisy = scene + np.array(spots) + chance.normal(0, 1.0, (n, 48, 64))
    return np.asarray(np.clip(noisy, 0, 255), np.uint8)


def _doubled(thumbs: Image) -> Image:
    """Every second picture the mean of its neighbours."""
    means = (thumbs[:-1].astype(np.float32) + thumbs[1:]) / 2
    woven = np.empty((2 * len(means), 48, 64), np.uint8)
    woven[::2], woven[1::2] = thumbs[:-1], np.round(means)
    return woven


def test_frames_that_are_the_mean_of_their_neighbours_fail() -> None:
    live, doubled = _moving(80), _doubled(_moving(80))
    assert residuals(doubled)[::2].max() < 0.5 < residuals(doubled)[1::2].min()
    result = check_frame_timing(
        capture(track(times(len(doubled) / 30, 30.0), thumbs=doubled)), POLICY
    )
    assert not result.passed
    assert "mean of their neighbours" in result.reason
    named = next(one for one in result.measurements if one.name == "interpolated_share").frames
    assert len(named) > 40
    assert all(row % 2 for row in named), "the blends are named"
    assert check_frame_timing(capture(track(times(80 / 30, 30.0), thumbs=live)), POLICY).passed


def test_where_nothing_moves_blends_can_not_be_told() -> None:
    chance = np.random.default_rng(0)
    thumbs = np.asarray(100 + (chance.random((60, 48, 64)) < 0.1), np.uint8)
    result = check_frame_timing(capture(track(times(2.0, 30.0), thumbs=thumbs)), POLICY)
    assert value(result, "interpolated_share") is None
    assert result.passed, result.reason


def test_a_regular_repeat_is_measured_and_does_not_fail() -> None:
    shown = _moving(50)[np.floor(np.arange(60) * 25 / 30).astype(int)]
    _, rows = repeated_share(shown)
    assert repeat_cadence(rows, len(shown)) == 6
    assert repeat_cadence(rows[:2], len(shown)) is None
    result = check_frame_timing(capture(track(times(2.0, 30.0), thumbs=shown)), POLICY)
    assert result.passed, result.reason
    assert value(result, "repeat_cadence") == 6


def test_sensor_figures_inform_whatever_they_are() -> None:
    figures = SensorFigures(0.0, 1.0, 0.0, 3.0, 4.0, (3, 5), 0.3)
    thumbs = noisy_thumbs(60)
    own = replace(capture(track(times(4.0, 15.0), thumbs=thumbs)), sensor=figures)
    result = check_frame_timing(own, POLICY)
    assert result.passed, result.reason
    assert value(result, "unchanged_flat_share") == 1.0
    assert threshold(result, "temporal_noise") is None


def test_size_and_writer_inform() -> None:
    own = page(times(4.0, 15.0), device=replace(WEBCAM, width_px=500, height_px=500))
    source = replace(own.source, metadata={"encoder": "Lavf60.16.100"})
    result = check_frame_timing(replace(own, source=source), POLICY)
    assert result.passed, result.reason
    assert (value(result, "unusual_size"), value(result, "edited_by_tag")) == (1.0, 1.0)
    usual = check_frame_timing(page(times(4.0, 15.0)), POLICY)
    assert value(usual, "unusual_size") == 0.0
    assert "edited_by_tag" not in {one.name for one in usual.measurements}

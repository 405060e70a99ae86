"""The runner: side by side, a time limit on each, a dead child harms only its own task."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from layers.capture.errors import DecodeTimeoutError, UnreadableMediaError
from layers.capture.types import (
    N_LANDMARKS,
    THUMB_SHAPE,
    Capture,
    Challenge,
    FaceTrack,
    MediaKind,
    Source,
)
from layers.runner import LayerRunner, MediaRequest, RunnerSettings
from layers.runner.tasks import ModelPaths, Tasks
from tests.builders import liveness, vision, voice
from verdict import decide, load_policy
from verdict.evidence import FailureKind, LivenessResult, NotExecuted, VisionResult
from verdict.policy import Policy
from verdict.voice_evidence import VoiceResult

POLICY = load_policy()
PAUSE_S = 0.6


def empty_capture(request: MediaRequest) -> Capture:
    if request.video and request.video.name == "kills-the-decoder.mp4":
        os.abort()
    if request.video and request.video.name == "stalls-the-decoder.mp4":
        time.sleep(60)
    n = 3
    flat = np.zeros(n, np.float32)
    track = FaceTrack(
        t_s=np.arange(n) / 10,
        steps=(None,) * n,
        received_s=np.full(n, np.nan),
        n_faces=np.zeros(n, np.int32),
        landmarks=np.full((n, N_LANDMARKS, 3), np.nan, np.float32),
        yaw_deg=flat,
        pitch_deg=flat,
        roll_deg=flat,
        ear=np.zeros((n, 2), np.float32),
        mar=flat,
        thumbs=np.zeros((n, *THUMB_SHAPE), np.uint8),
        brightness=flat,
        sharpness=flat,
    )
    image = np.zeros((8, 8, 3), np.uint8)
    return Capture(Source(MediaKind.VIDEO), track, (image,), (0,), None, Challenge())


def sound_only(request: MediaRequest) -> Capture:
    return replace(empty_capture(request), source=Source(MediaKind.AUDIO))


def slow_liveness(capture: Capture, policy: Policy, paths: ModelPaths) -> LivenessResult:
    time.sleep(PAUSE_S)
    assert capture.images == (), "liveness is handed no pixels"
    return liveness()


def slow_vision(capture: Capture, policy: Policy, paths: ModelPaths) -> VisionResult:
    time.sleep(PAUSE_S)
    assert len(capture.images) == 1
    return vision(22, 90)


def slow_voice(capture: Capture, policy: Policy, paths: ModelPaths) -> VoiceResult:
    time.sleep(PAUSE_S)
    return voice(13, 88)


def dying_vision(capture: Capture, policy: Policy, paths: ModelPaths) -> VisionResult:
    os.abort()


def raising_vision(capture: Capture, policy: Policy, paths: ModelPaths) -> VisionResult:
    message = "the secret words were apple river stone"
    raise ValueError(message)


def hanging_voice(capture: Capture, policy: Policy, paths: ModelPaths) -> VoiceResult:
    time.sleep(60)
    return voice(13, 88)


def nothing_to_warm(stage: str, paths: ModelPaths) -> None:
    pass


def tasks(**other: object) -> Tasks:
    base = {
        "decode": empty_capture,
        "liveness": slow_liveness,
        "vision": slow_vision,
        "voice": slow_voice,
        "warm": nothing_to_warm,
    }
    return Tasks(**(base | other))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> MediaRequest:
    return MediaRequest(video=tmp_path_factory.mktemp("media") / "any.mp4")


@pytest.fixture(scope="module")
def healthy() -> Iterator[LayerRunner]:
    with LayerRunner(tasks=tasks()) as runner:
        runner.wait_until_warm()
        yield runner


def test_layers_run_side_by_side(healthy: LayerRunner, video: MediaRequest) -> None:
    start = time.perf_counter()
    analysis = healthy.analyse(video, POLICY)
    assert time.perf_counter() - start < 2.5 * PAUSE_S
    assert decide(analysis.evidence, POLICY).rule.verdict == "LIVE"
    assert set(analysis.evidence.timings_ms) == {"capture", "liveness", "vision", "voice"}
    assert analysis.evidence.timings_ms["voice"] >= 1000 * PAUSE_S


def test_media_that_kills_the_decoder_is_an_error_and_the_next_one_works(
    healthy: LayerRunner, video: MediaRequest
) -> None:
    with pytest.raises(UnreadableMediaError, match="decoder failed"):
        healthy.decode(MediaRequest(video=Path("kills-the-decoder.mp4")))
    assert len(healthy.decode(video).images) == 1


def test_a_decoder_that_takes_too_long_is_told_apart_from_bad_media() -> None:
    with LayerRunner(RunnerSettings(capture_timeout_s=0.5), tasks()) as runner:
        runner.wait_until_warm()
        with pytest.raises(DecodeTimeoutError, match="try again"):
            runner.decode(MediaRequest(video=Path("stalls-the-decoder.mp4")))


def test_a_layer_that_dies_or_hangs_is_reported_and_never_live(video: MediaRequest) -> None:
    broken = tasks(vision=dying_vision, voice=hanging_voice)
    with LayerRunner(RunnerSettings(layer_timeout_s=1.5), broken) as runner:
        runner.wait_until_warm()
        evidence = runner.analyse(video, POLICY).evidence
    assert isinstance(evidence.vision, NotExecuted)
    assert isinstance(evidence.voice, NotExecuted)
    assert evidence.vision.kind is FailureKind.CRASHED
    assert evidence.voice.kind is FailureKind.TIMED_OUT
    assert isinstance(evidence.liveness, LivenessResult)
    decision = decide(evidence, POLICY)
    assert (decision.rule.verdict, decision.reason_code) == ("INCONCLUSIVE", "not_executed")


def test_sound_alone_is_judged_by_the_voice_layer_and_never_live(tmp_path: Path) -> None:
    with LayerRunner(tasks=tasks(decode=sound_only)) as runner:
        analysis = runner.analyse(MediaRequest(audio=tmp_path / "any.wav"), POLICY)
    decision = decide(analysis.evidence, POLICY)
    assert (decision.rule.verdict, decision.reason_code) == ("INCONCLUSIVE", "not_executed")
    kinds = {layer.layer: layer.kind for layer in analysis.evidence.not_executed}
    assert kinds == {"liveness": FailureKind.NO_INPUT, "vision": FailureKind.NO_INPUT}


def test_a_layer_that_raises_leaks_no_message(video: MediaRequest) -> None:
    with LayerRunner(tasks=tasks(vision=raising_vision)) as runner:
        evidence = runner.analyse(video, POLICY).evidence
    assert isinstance(evidence.vision, NotExecuted)
    assert evidence.vision.detail == "ValueError"


def test_a_request_needs_exactly_one_source_of_frames(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing to analyse"):
        MediaRequest()
    with pytest.raises(ValueError, match="not both"):
        MediaRequest(video=tmp_path / "a.mp4", frames=tmp_path)

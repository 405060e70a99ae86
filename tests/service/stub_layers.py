"""Layers that answer at once, for tests in which only the decoder is real. Run in children."""

from __future__ import annotations

import os
import time

import numpy as np

from layers.capture.errors import UnreadableMediaError
from layers.capture.types import N_LANDMARKS, Capture, FaceTrack, MediaKind, Source
from layers.runner import MediaRequest
from layers.runner.tasks import ModelPaths, Tasks
from tests.service.service_builders import evidence
from verdict.evidence import LivenessResult, NotExecuted, VisionResult
from verdict.policy import Policy
from verdict.voice_evidence import VoiceResult


def liveness(_capture: Capture, _policy: Policy, _paths: ModelPaths) -> LivenessResult:
    result = evidence().liveness
    assert not isinstance(result, NotExecuted)
    return result


def vision(_capture: Capture, _policy: Policy, _paths: ModelPaths) -> VisionResult:
    result = evidence().vision
    assert not isinstance(result, NotExecuted)
    return result


def voice(_capture: Capture, _policy: Policy, _paths: ModelPaths) -> VoiceResult:
    result = evidence().voice
    assert not isinstance(result, NotExecuted)
    return result


def warm(_stage: str, _paths: ModelPaths) -> None:
    return


def tasks_with_real_decoder() -> Tasks:
    return Tasks(liveness=liveness, vision=vision, voice=voice, warm=warm)


def decode_nothing(_request: MediaRequest) -> Capture:
    time.sleep(0.05)
    message = "nothing to see"
    raise UnreadableMediaError(message)


def decode_slowly(request: MediaRequest) -> Capture:
    """Leave a mark beside the sound, so that a test can count."""
    assert request.audio is not None
    request.audio.with_suffix(".decoded").touch()
    time.sleep(0.3)
    message = "nothing to hear"
    raise UnreadableMediaError(message)


def decode_by_name(request: MediaRequest) -> Capture:
    """Say which policy judges the quality of the capture."""
    message = "no policy" if request.policy is None else request.policy.version
    raise UnreadableMediaError(message)


def tasks_that_name_their_policy() -> Tasks:
    return Tasks(decode=decode_by_name, liveness=liveness, vision=vision, voice=voice, warm=warm)


def tasks_with_slow_decoder() -> Tasks:
    return Tasks(decode=decode_slowly, liveness=liveness, vision=vision, voice=voice, warm=warm)


def tasks_without_decoder() -> Tasks:
    return Tasks(decode=decode_nothing, liveness=liveness, vision=vision, voice=voice, warm=warm)


def decode_stub(request: MediaRequest) -> Capture:
    """A capture without anything in it: what passes through the pools is real, the media not."""
    nothing, none = np.zeros(0), np.zeros(0, dtype=np.float32)
    track = FaceTrack(
        t_s=nothing,
        steps=(),
        received_s=nothing,
        n_faces=np.zeros(0, dtype=np.int32),
        landmarks=np.zeros((0, N_LANDMARKS, 3), dtype=np.float32),
        yaw_deg=none,
        pitch_deg=none,
        roll_deg=none,
        ear=np.zeros((0, 2), dtype=np.float32),
        mar=none,
        thumbs=np.zeros((0, 48, 64), dtype=np.uint8),
        brightness=none,
        sharpness=none,
    )
    return Capture(Source(MediaKind.VIDEO), track, (), (), None, request.challenge)


def vision_for_a_while(capture: Capture, policy: Policy, paths: ModelPaths) -> VisionResult:
    time.sleep(float(os.environ.get("STUB_PAUSE_S", "0")))
    return vision(capture, policy, paths)


def tasks_for_load() -> Tasks:
    """Stubs all through; an analysis takes as long as the environment says."""
    return Tasks(
        decode=decode_stub, liveness=liveness, vision=vision_for_a_while, voice=voice, warm=warm
    )

"""Layers that answer at once, for tests in which only the decoder is real. Run in children."""

from __future__ import annotations

import time

from layers.capture.errors import UnreadableMediaError
from layers.capture.types import Capture
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

"""What runs in the children: decode, and one function per layer, with models loaded once."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from layers.capture.types import Capture
from layers.runner.confinement import confine
from layers.runner.request import MediaRequest
from verdict.evidence import LivenessResult, VisionResult
from verdict.policy import Policy
from verdict.voice_evidence import VoiceResult

if TYPE_CHECKING:
    from layers.voice.models import VoiceModels

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True, slots=True)
class ModelPaths:
    """Where a deployment keeps weights that the project does not ship.

    Parameters
    ----------
    whisper_checkpoint
        A file; None takes the bundled recogniser.
    models_folder
        Holds ``minifasnet/*.pth`` and ``aasist/*.pth``; None goes without.
    voice_model_folder, voice_bona_fide_label
        A transformers model folder, and the name of its bona fide class where it does not tell.
    voice_detectors
        Those that are loaded at start-up; others when a policy first asks for them.
    """

    whisper_checkpoint: Path | None = None
    models_folder: Path | None = None
    voice_model_folder: Path | None = None
    voice_bona_fide_label: str | None = None
    voice_detectors: tuple[str, ...] = ()


def decode(request: MediaRequest) -> Capture:
    """Decode and track the media once."""
    from layers.capture.load import load_audio_only, load_frames, load_video

    asked, limits, received_s = request.challenge, request.limits, request.received_s
    if request.frames is not None:
        return load_frames(
            request.frames,
            audio_path=request.audio,
            challenge=asked,
            limits=limits,
            received_s=received_s,
            open_s=request.open_s,
            policy=request.policy,
        )
    if request.video is not None:
        return load_video(
            request.video,
            audio_path=request.audio,
            audio_start_s=request.audio_start_s,
            client_time_s=request.client_time_s,
            challenge=asked,
            limits=limits,
            received_s=received_s,
            device=request.device,
            policy=request.policy,
        )
    if request.audio is None:
        msg = "nothing to analyse: give a video, a folder of frames or a sound file"
        raise ValueError(msg)
    return load_audio_only(request.audio, challenge=asked, limits=limits, policy=request.policy)


def liveness(capture: Capture, policy: Policy, _paths: ModelPaths) -> LivenessResult:
    """Run the liveness layer."""
    from layers.liveness import analyse

    return analyse(capture, policy)


def vision(capture: Capture, policy: Policy, paths: ModelPaths) -> VisionResult:
    """Run the vision layer."""
    from layers.vision import analyse

    return analyse(capture, policy, paths.models_folder)


def voice(capture: Capture, policy: Policy, paths: ModelPaths) -> VoiceResult:
    """Run the voice layer."""
    from layers.voice import analyse

    return analyse(capture, policy, voice_models(paths))


@cache
def voice_models(paths: ModelPaths) -> VoiceModels:
    """Return the models of the voice layer, loaded once in this process."""
    from layers.voice.detector.loading import DetectorFiles
    from layers.voice.models import load_voice_models

    files = DetectorFiles(
        paths.models_folder, paths.voice_model_folder, paths.voice_bona_fide_label
    )
    return load_voice_models(paths.whisper_checkpoint, files, paths.voice_detectors)


def warm(stage: str, paths: ModelPaths) -> None:
    """Import and load what `stage` needs, so that the first capture does not wait for it."""
    import_module("layers.capture.load" if stage == "capture" else f"layers.{stage}")
    if stage == "voice":
        voice_models(paths)


@dataclass(frozen=True, slots=True)
class Tasks:
    """The functions that the children run; a test hands in ones that crash or hang."""

    decode: Callable[[MediaRequest], Capture] = decode
    liveness: Callable[[Capture, Policy, ModelPaths], LivenessResult] = liveness
    vision: Callable[[Capture, Policy, ModelPaths], VisionResult] = vision
    voice: Callable[[Capture, Policy, ModelPaths], VoiceResult] = voice
    warm: Callable[[str, ModelPaths], None] = warm


def die_with_parent() -> None:
    """Have this process killed when the thread that started it ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def initialise_child() -> None:
    """Prepare a child: die with the parent, leave Ctrl-C to it, one thread per library."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def initialise_confined(memory_bytes: int, programs: bool) -> None:
    """Prepare a child that touches what strangers send: it may take no more than it is given."""
    initialise_child()
    confine(memory_bytes, programs=programs)

"""What runs in the voice child for the voice endpoints: score and voiceprint of one recording."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from layers.capture.types import Capture
from layers.runner.tasks import ModelPaths, voice_models
from verdict.policy import Policy

if TYPE_CHECKING:
    from layers.voice.speaker.protocol import SpeakerEncoder
    from layers.voice.speaker.reading import VoiceReading


def voice_reading(capture: Capture, policy: Policy, paths: ModelPaths) -> VoiceReading:
    """Read one recording.

    Raises
    ------
    SpeakerEncoderError
        When there is no speaker encoder to use.
    """
    from layers.voice.speaker.reading import read_voice

    encoder = _encoder(policy.text("speaker.encoder"), paths.models_folder)
    return read_voice(capture, policy, voice_models(paths), encoder)


@cache
def _encoder(name: str, models_folder: Path | None) -> SpeakerEncoder:
    from layers.voice.speaker.load import load_encoder

    return load_encoder(name, models_folder)

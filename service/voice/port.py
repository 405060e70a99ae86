"""The port to the layers for the voice endpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from layers.capture.types import Capture
from layers.voice.speaker.reading import VoiceReading
from verdict.policy import Policy


class VoiceEar(Protocol):
    """Decodes and reads recordings, never in this process."""

    @property
    def is_ready(self) -> bool:
        """Whether the models are loaded."""

    async def decode_voice(self, audio: Path) -> Capture:
        """Decode a sound file.

        Raises
        ------
        layers.capture.errors.MediaError
            When it can't be used.
        """

    async def read_voice(self, capture: Capture, policy: Policy) -> VoiceReading:
        """Score it for synthetic speech and take its voiceprint.

        Raises
        ------
        layers.voice.speaker.protocol.SpeakerEncoderError
            When there is no speaker encoder to use.
        TimeoutError
            When it took too long.
        """

"""The real analyser with ears: single recordings go through the same children as sessions."""

from __future__ import annotations

from pathlib import Path

from layers.capture.types import Capture
from layers.runner import MediaRequest
from layers.voice.speaker.reading import VoiceReading
from service.layer_analyser import LayerAnalyser
from verdict.policy import Policy


class ListeningAnalyser(LayerAnalyser):
    """Implements `Analyser` and `VoiceEar`."""

    async def decode_voice(self, audio: Path) -> Capture:
        """Decode in a child."""
        return await self._wait_for(self._running.decode, MediaRequest(audio=audio))

    async def read_voice(self, capture: Capture, policy: Policy) -> VoiceReading:
        """Read in the voice layer's child."""
        return await self._wait_for(self._running.read_voice, capture, policy)

"""The real analyser with ears: single recordings go through the same children as sessions."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from layers.capture.types import Capture
from layers.runner import MediaRequest
from layers.runner.tasks import Tasks
from layers.voice.speaker.reading import VoiceReading
from service.layer_analyser import LayerAnalyser
from service.settings import Settings
from verdict.policy import Policy

# At work in a child, and next in line. The others wait here, where one that is given up goes for
# nothing; in the children's queue it would still be done, with sessions waiting behind it.
_PER_WORKER = 2


class ListeningAnalyser(LayerAnalyser):
    """Implements `Analyser` and `VoiceEar`."""

    def __init__(self, settings: Settings, tasks: Tasks | None = None) -> None:
        super().__init__(settings, tasks)
        self._listening = ThreadPoolExecutor(
            _PER_WORKER * settings.workers, thread_name_prefix="voices"
        )

    async def decode_voice(self, audio: Path) -> Capture:
        """Decode in a child."""
        loop = asyncio.get_running_loop()
        request = MediaRequest(audio=audio, policy=self._policy)
        return await loop.run_in_executor(self._listening, self._running.decode, request)

    async def read_voice(self, capture: Capture, policy: Policy) -> VoiceReading:
        """Read in the voice layer's child."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._listening, self._running.read_voice, capture, policy
        )

    async def close(self) -> None:
        """Stop the children."""
        await super().close()
        self._listening.shutdown(wait=False, cancel_futures=True)

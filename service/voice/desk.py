"""What the voice endpoints work with, and the requests that are under way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from service.context import Context
from service.errors import NotReadyError, TooManyRequestsError
from service.voice.cipher import VoiceprintCipher
from service.voice.port import VoiceEar

_RETRY_S = 5


class VoiceDesk:
    """The parts of the running service, the ear, the cipher, and a bound on what waits.

    Parameters
    ----------
    ear
        None where the service runs without the layers: every request is told so.
    """

    def __init__(self, context: Context, ear: VoiceEar | None, cipher: VoiceprintCipher) -> None:
        self.context = context
        self.cipher = cipher
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._ear = ear
        self._under_way = 0

    @property
    def ear(self) -> VoiceEar:
        """The ear, when it listens.

        Raises
        ------
        NotReadyError
            When the models are not loaded (yet).
        """
        if self._ear is None or not self._ear.is_ready:
            raise NotReadyError("the models are being loaded; try again shortly")
        return self._ear

    @property
    def is_listening(self) -> bool:
        """Whether the models are loaded."""
        return self._ear is not None and self._ear.is_ready

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold one of the places for recordings in memory and in the queue.

        Raises
        ------
        TooManyRequestsError
            When all are taken.
        """
        if self._under_way + len(self.tasks) >= self.context.settings.max_voice_requests:
            raise TooManyRequestsError("too many recordings are waiting; try again", _RETRY_S)
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def stop(self) -> None:
        """End what runs; it is taken up again at the next start."""
        running = list(self.tasks.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

"""A gate that some pass together or one alone: a suspect of killing the process runs singly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Gate:
    """Lets some in at once, or one with nobody beside it. Who waits to be alone goes first.

    Parameters
    ----------
    room
        How many.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._changed = asyncio.Condition()
        self._inside = 0
        self._is_alone = False
        self._want_alone = 0

    @asynccontextmanager
    async def passing(self, *, alone: bool) -> AsyncIterator[None]:
        """Be inside; waits for room first."""
        await (self._enter_alone() if alone else self._enter())
        try:
            yield
        finally:
            async with self._changed:
                self._inside -= 1
                self._is_alone = False
                self._changed.notify_all()

    async def _enter(self) -> None:
        async with self._changed:
            await self._changed.wait_for(self._has_room)
            self._inside += 1

    def _has_room(self) -> bool:
        return self._inside < self._room and not self._is_alone and not self._want_alone

    async def _enter_alone(self) -> None:
        async with self._changed:
            self._want_alone += 1
            try:
                await self._changed.wait_for(lambda: not self._inside)
            finally:
                self._want_alone -= 1
                self._changed.notify_all()
            self._inside, self._is_alone = 1, True

"""A runner without an engine, for tests: a few asyncio tasks over the states of the attempts."""

from __future__ import annotations

import asyncio
import logging

from sqlmodel import Session

from service.context import Context
from service.idempotency import forget_answers
from service.jobs.analysis import analyse_attempt
from service.jobs.claims import claim_next, give_back, requeue_interrupted
from service.sessions.change import expire_sessions
from service.tables import Attempt
from service.webhooks.retention import forget_messages

_LOG = logging.getLogger(__name__)
_POLL_S = 1.0
_EXPIRY_EVERY_S = 60.0
_AFTER_ERROR_S = 1.0
_UNTIL_READY_S = 0.1


class InProcessRunner:
    """Implements `JobRunner`. Bind it to the context before `start`."""

    def __init__(self) -> None:
        self._bound: Context | None = None
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def bind(self, context: Context) -> None:
        """Give it the parts that it works with, which in turn hold the runner."""
        self._bound = context

    @property
    def _context(self) -> Context:
        if self._bound is None:
            msg = "bind the runner to the context before it is started"
            raise RuntimeError(msg)
        return self._bound

    def enqueue(
        self, db: Session, attempt: Attempt, organization_id: str, delay_s: float = 0.0
    ) -> None:
        """Do nothing: the state of the attempt and its `not_before` are the queue."""

    def check(self) -> None:
        """Do nothing: the queue is the database."""

    def wake(self, attempt_id: str) -> None:
        """Wake a worker; what is due stands in the database."""
        _LOG.info("attempt queued", extra={"attempt_id": attempt_id})
        self._wake.set()

    async def start(self) -> None:
        """Take up what is queued and what was running when the last process ended."""
        interrupted = await asyncio.to_thread(requeue_interrupted, self._context)
        if interrupted:
            _LOG.warning("taking up interrupted attempts", extra={"count": interrupted})
        workers = [self._work() for _ in range(self._context.settings.workers)]
        self._tasks = [asyncio.create_task(job) for job in (*workers, self._expire())]

    async def stop(self) -> None:
        """Let running analyses end, up to the drain limit; the rest is given back."""
        self._stopping.set()
        self._wake.set()
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=self._context.settings.drain_timeout_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                if not self._context.analyser.is_ready:
                    await self._sleep(self._stopping, _UNTIL_READY_S)
                elif not await self._take_one():
                    await self._sleep(self._wake, _POLL_S)
            except Exception as error:
                # The database may be away for a while: nothing is lost, the row stays queued.
                _LOG.error("queue not reached", extra={"error": type(error).__name__})
                await self._sleep(self._stopping, _AFTER_ERROR_S)

    async def _take_one(self) -> bool:
        self._wake.clear()
        claimed = await asyncio.to_thread(claim_next, self._context)
        if claimed is None:
            return False
        try:
            await analyse_attempt(self._context, claimed)
        except asyncio.CancelledError:
            await asyncio.shield(asyncio.to_thread(give_back, self._context, claimed))
            raise
        return True

    async def _expire(self) -> None:
        while not self._stopping.is_set():
            try:
                await asyncio.to_thread(expire_sessions, self._context)
                await asyncio.to_thread(forget_answers, self._context)
                await asyncio.to_thread(forget_messages, self._context)
            except Exception as error:
                _LOG.error("expiry not run", extra={"error": type(error).__name__})
            await self._sleep(self._stopping, _EXPIRY_EVERY_S)

    @staticmethod
    async def _sleep(event: asyncio.Event, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return

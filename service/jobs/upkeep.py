"""What has to be done now and then beside the jobs, each on its own clock."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from service.clock import now_ms
from service.context import Context
from service.idempotency import forget_answers
from service.jobs.engine import EngineClient
from service.jobs.reconcile import Reconciler
from service.left_behind import LEFT_BEHIND_S, TIDY_EVERY_S, sweep_left_behind
from service.limits.buckets import forget_full_buckets
from service.media.erasure import finish_erasures
from service.media.retention import enforce_retention
from service.metrics.record import count_upkeep_failure
from service.sessions.change import expire_sessions
from service.voice.failure import fail_abandoned
from service.webhooks.retention import forget_messages

_LOG = logging.getLogger(__name__)
_EXPIRY_EVERY_S = 60.0
_PRUNE_EVERY_S = 600.0
_TICK_S = 1.0


class Upkeep:
    """Runs the duties of one worker until it is stopped; several workers may do the same."""

    def __init__(self, context: Context, client: EngineClient, reconciler: Reconciler) -> None:
        self._context = context
        self._client = client
        self._duties: list[tuple[float, Callable[[], object]]] = [
            (_EXPIRY_EVERY_S, lambda: expire_sessions(context)),
            (_EXPIRY_EVERY_S, lambda: forget_answers(context)),
            (_EXPIRY_EVERY_S, lambda: forget_messages(context)),
            (_EXPIRY_EVERY_S, lambda: finish_erasures(context)),
            (_EXPIRY_EVERY_S, lambda: forget_full_buckets(context.database.engine)),
            (context.settings.reconcile_every_s, reconciler.run),
            (_PRUNE_EVERY_S, self._prune),
            (_PRUNE_EVERY_S, lambda: fail_abandoned(context.database, context.settings)),
            (TIDY_EVERY_S, self._tidy),
            (TIDY_EVERY_S, self._enforce_retention),
        ]
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End, once a duty under way is done."""
        self._stopping.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        due = [time.monotonic() for _ in self._duties]
        while not self._stopping.is_set():
            for index, (every_s, duty) in enumerate(self._duties):
                if time.monotonic() >= due[index] and not self._stopping.is_set():
                    await self._do(duty)
                    due[index] = time.monotonic() + every_s
            await self._pause()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(_TICK_S):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _do(self, duty: Callable[[], object]) -> None:
        try:
            await asyncio.to_thread(duty)
        except Exception as error:
            # The database may be away for a while: the next round does it.
            count_upkeep_failure()
            _LOG.error("upkeep not done", extra={"error": type(error).__name__})

    def _tidy(self) -> None:
        sweep_left_behind(self._context.settings)
        self._context.media.sweep(self._context.database, LEFT_BEHIND_S)

    def _enforce_retention(self) -> None:
        while enforce_retention(self._context, now_ms()) and not self._stopping.is_set():
            pass

    def _prune(self) -> None:
        history = timedelta(seconds=self._context.settings.engine_history_s)
        before = (datetime.now(UTC) - history).isoformat()
        while self._client.prune(before) and not self._stopping.is_set():
            pass

"""What the workflows do: one job of an attempt, one attempt of a delivery.

It runs on the event loop of the service, not on the engine's own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import InterfaceError, OperationalError

from service.context import Context
from service.jobs.analysis import analyse_attempt
from service.jobs.claims import claim, give_back, is_suspect, redispatch
from service.jobs.engine import EngineClient
from service.jobs.gate import Gate
from service.jobs.persistence import persistently
from service.outbox import DeliveryHandler

_LOG = logging.getLogger(__name__)
_UNTIL_READY_S = 0.1
# A delivery whose handler fails is tried again later, like one whose receiver fails; only a
# broken handler gets this far.
_AFTER_HANDLER_ERROR_S = 300.0
_AFTER_OUTAGE_S = 1.0
_MOST_ATTEMPTS = 1000


class Work:
    """The jobs of one process, and which of them are under way.

    Parameters
    ----------
    context
        With a database of the jobs' own.
    deliveries
        None where nobody is to be told of events.
    """

    def __init__(
        self, context: Context, client: EngineClient, deliveries: DeliveryHandler | None
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.under_way: set[str] = set()
        self._context = context
        self._client = client
        self._deliveries = deliveries
        self._is_stopping = False
        self._gate = Gate(context.settings.workers)
        self._tasks: set[asyncio.Task[object]] = set()

    async def analyse(self, attempt_id: str, dispatch: int) -> None:
        """Bring one job of an attempt to its end; a job that a later one replaced does nothing."""
        with self._noted():
            try:
                while not self._context.analyser.is_ready:
                    await asyncio.sleep(_UNTIL_READY_S)
                alone = await persistently(is_suspect, self._context, attempt_id)
                async with self._gate.passing(alone=alone):
                    if not self._is_stopping:
                        await self._analyse(attempt_id, dispatch)
                        return
            except asyncio.CancelledError:
                await asyncio.shield(self._pass_on(attempt_id, dispatch))
                raise
            await self._pass_on(attempt_id, dispatch)

    async def _analyse(self, attempt_id: str, dispatch: int) -> None:
        claimed = await persistently(claim, self._context, attempt_id, dispatch)
        if claimed is None:
            _LOG.info("job is out of date", extra={"attempt_id": attempt_id})
            return
        try:
            await analyse_attempt(self._context, claimed)
        except asyncio.CancelledError:
            await asyncio.shield(asyncio.to_thread(give_back, self._context, claimed))
            raise

    async def _pass_on(self, attempt_id: str, dispatch: int) -> None:
        """Queue a new job in place of this one, unless its attempt was given back already."""
        await asyncio.to_thread(redispatch, self._context, attempt_id, dispatch)

    async def deliver(self, delivery_id: str, number: int, tenant: str) -> None:
        """Make one attempt of a delivery and queue the next where one is due."""
        if self._deliveries is None:
            return
        with self._noted():
            delay_s = await self._attempt(self._deliveries, delivery_id, number)
            if delay_s is not None and number < _MOST_ATTEMPTS:
                await persistently(self._queue_next, delivery_id, delay_s, number + 1, tenant)

    def stop(self) -> None:
        """Begin no further analysis; what waits at the gate is queued again for others."""
        self._is_stopping = True

    async def ended(self) -> None:
        """Wait until nothing is under way."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _attempt(
        self, handler: DeliveryHandler, delivery_id: str, number: int
    ) -> float | None:
        while True:
            try:
                return await handler.deliver(delivery_id, number)
            except (OperationalError, InterfaceError) as error:
                # The handler's own record says whether it had posted already.
                _LOG.error("delivery not recorded", extra={"error": type(error).__name__})
                await asyncio.sleep(_AFTER_OUTAGE_S)
            except Exception as error:
                _LOG.error("delivery not attempted", extra={"error": type(error).__name__})
                return _AFTER_HANDLER_ERROR_S

    def _queue_next(self, delivery_id: str, delay_s: float, number: int, tenant: str) -> None:
        with self._context.database.write() as db:
            self._client.enqueue_in_transaction(
                db, delivery_id, delay_s, number=number, tenant=tenant
            )

    @contextmanager
    def _noted(self) -> Iterator[None]:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # nosec B101  (a coroutine always runs in one)
        self._tasks.add(task)
        try:
            yield
        finally:
            self._tasks.discard(task)

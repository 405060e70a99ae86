"""The queue of a single process: it polls the rows, so a process that dies has lost nothing."""

from __future__ import annotations

import asyncio
import logging

from sqlalchemy import event
from sqlmodel import Session, col, or_, select, update

from service.clock import now_ms
from service.database import Database
from service.outbox import DeliveryHandler
from service.settings import Settings
from service.webhooks.order import CLOCK_SLACK_MS, held_back
from service.webhooks.tables import DeliveryRow, DeliveryState

_LOG = logging.getLogger(__name__)
_POLL_S = 1.0
_AFTER_ERROR_S = 1.0
_PAGE = 100


class InProcessDeliveries:
    """Implements `service.outbox.DeliveryQueue` and calls the handler for what is due.

    A receiver that hangs holds at most `_PER_ENDPOINT` of the places, never all of them.
    """

    _PER_ENDPOINT = 2

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._handler: DeliveryHandler | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._main: asyncio.Task[None] | None = None
        self._running: dict[str, tuple[str, asyncio.Task[None]]] = {}

    def enqueue_in_transaction(
        self,
        db: Session,
        delivery_id: str,
        delay_s: float = 0.0,
        *,
        number: int = 1,
        tenant: str = "-",
    ) -> None:
        """Look again once the transaction has committed; what is due stands in the row."""
        event.listen(db, "after_commit", self._ring, once=True)

    async def start(self, handler: DeliveryHandler) -> None:
        """Take up what is due; whatever another process had claimed, it is dead."""
        self._handler, self._loop = handler, asyncio.get_running_loop()
        await asyncio.to_thread(self._free_claims)
        self._main = asyncio.create_task(self._dispatch())

    async def stop(self) -> None:
        """Let running tries end, up to the drain limit; the rest is made again later."""
        self._stopping.set()
        self._wake.set()
        if self._main is None:
            return
        await asyncio.gather(self._main, return_exceptions=True)
        tasks = [task for _, task in self._running.values()]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=self._settings.drain_timeout_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _ring(self, _session: object) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    async def _dispatch(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                due = await asyncio.to_thread(self._due)
            except Exception as error:
                _LOG.error("deliveries not reached", extra={"error": type(error).__name__})
                await asyncio.sleep(_AFTER_ERROR_S)
                continue
            for row in due:
                self._begin(row)
            try:
                async with asyncio.timeout(_POLL_S):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _begin(self, row: DeliveryRow) -> None:
        busy = [endpoint_id for endpoint_id, _ in self._running.values()]
        is_full = len(busy) >= self._settings.webhook_workers
        if is_full or row.id in self._running or busy.count(row.endpoint_id) >= self._PER_ENDPOINT:
            return
        task = asyncio.create_task(self._deliver(row.id, row.alarm))
        self._running[row.id] = (row.endpoint_id, task)
        task.add_done_callback(lambda _task: self._end(row.id))

    def _end(self, delivery_id: str) -> None:
        self._running.pop(delivery_id, None)
        self._wake.set()

    async def _deliver(self, delivery_id: str, number: int) -> None:
        if self._handler is None:
            return
        try:
            await self._handler.deliver(delivery_id, number)
        except Exception as error:
            # The database may be away: the claim runs out and the row is due again.
            _LOG.error("delivery not recorded", extra={"error": type(error).__name__})
            await asyncio.sleep(_AFTER_ERROR_S)

    def _free_claims(self) -> None:
        with self._database.write() as db:
            db.exec(
                update(DeliveryRow)
                .where(col(DeliveryRow.claim).is_not(None))
                .values(claim=None, claimed_until=0)
            )

    def _due(self) -> list[DeliveryRow]:
        now = now_ms()
        taken = [endpoint_id for endpoint_id, _ in list(self._running.values())]
        full = {one for one in taken if taken.count(one) >= self._PER_ENDPOINT}
        query = (
            select(DeliveryRow)
            .where(
                DeliveryRow.state == DeliveryState.WAITING,
                or_(
                    col(DeliveryRow.next_try_at) <= now,
                    col(DeliveryRow.scheduled_at) > now + CLOCK_SLACK_MS,
                ),
                or_(col(DeliveryRow.claim).is_(None), col(DeliveryRow.claimed_until) <= now),
                ~held_back(self._settings.webhook_ordered_tries),
                col(DeliveryRow.endpoint_id).not_in(full),
                col(DeliveryRow.id).not_in(list(self._running)),
            )
            .order_by(col(DeliveryRow.next_try_at), col(DeliveryRow.id))
            .limit(_PAGE)
        )
        with self._database.read() as db:
            return list(db.exec(query).all())

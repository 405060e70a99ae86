"""The runners on the durable engine: one that only queues, and one that also does the work.

The engine is DBOS Transact, inside our own database. It is one per process, so a process has at
most one `DurableRunner`; it must never run under several uvicorn workers.
"""

from __future__ import annotations

import asyncio
import logging
import math
from dataclasses import replace

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, run_dbos_database_migrations
from sqlmodel import Session

from service.context import Context
from service.database import Database, new_engine
from service.jobs import workflows
from service.jobs.engine import (
    ANALYSES,
    APPLICATION,
    DELIVERIES,
    VERSION,
    EngineClient,
)
from service.jobs.reconcile import Own, Reconciler
from service.jobs.upkeep import Upkeep
from service.jobs.work import Work
from service.outbox import DeliveryHandler
from service.settings import Settings
from service.tables import Attempt

_LOG = logging.getLogger(__name__)
_CLIENT_POOL, _JOBS_POOL, _ENGINE_POOL = 2, 4, 6
# Jobs that are taken up for each that is analysed: the next one waits at the gate, not in the queue
# for the next look into it.
_AHEAD = 2
# Deliveries wait for receivers, they don't compute: many at once, but not all for one tenant.
_DELIVERIES_AT_ONCE, _DELIVERIES_PER_TENANT = 32, 8


class QueueingRunner:
    """Implements `JobRunner` and `DeliveryQueue` for a process that leaves the work to others."""

    def __init__(self, settings: Settings) -> None:
        quiet_engine_logs()
        self.client = EngineClient(new_engine(settings, _CLIENT_POOL))

    def enqueue(
        self, db: Session, attempt: Attempt, organization_id: str, delay_s: float = 0.0
    ) -> None:
        """Queue a job in the transaction of `db`; see `JobRunner`."""
        self.client.enqueue(db, attempt, organization_id, delay_s)

    def enqueue_in_transaction(
        self,
        db: Session,
        delivery_id: str,
        delay_s: float = 0.0,
        *,
        number: int = 1,
        tenant: str = "-",
    ) -> None:
        """Queue an attempt of a delivery in the transaction of `db`; see `DeliveryQueue`."""
        self.client.enqueue_in_transaction(db, delivery_id, delay_s, number=number, tenant=tenant)

    def check(self) -> None:
        """Raise where the engine's tables can't be read."""
        self.client.check()

    def wake(self, attempt_id: str) -> None:
        """Note it: workers look into the queue by themselves."""
        _LOG.info("attempt queued", extra={"attempt_id": attempt_id})

    def bind(self, context: Context) -> None:
        """Do nothing: what is queued here is worked on elsewhere."""

    async def start(self) -> None:
        """Do nothing."""

    async def stop(self) -> None:
        """Let go of the connections."""
        await asyncio.to_thread(self.client.close)


class DurableRunner(QueueingRunner):
    """Implements `JobRunner` with the engine inside this process.

    Parameters
    ----------
    executor_id
        Names this process's share of the work: whoever starts under the same id takes up what
        this one leaves behind, so no two living processes may share it.
    """

    def __init__(self, settings: Settings, executor_id: str) -> None:
        super().__init__(settings)
        self._settings = settings
        self._executor_id = executor_id
        self.database = Database(settings, _JOBS_POOL)
        self._engine = new_engine(settings, _ENGINE_POOL)
        self._bound: Context | None = None
        self._handler: DeliveryHandler | None = None
        self._work: Work | None = None
        self._upkeep: Upkeep | None = None

    def bind(self, context: Context) -> None:
        """Give it the parts that it works with; the jobs get a pool of their own."""
        self.database.outbox = context.database.outbox
        self._bound = replace(context, database=self.database)

    def deliver_with(self, handler: DeliveryHandler) -> None:
        """Say who makes the deliveries, before `start`."""
        self._handler = handler

    async def start(self) -> None:
        """Start the engine: it takes up what its executor id left behind, then what is queued."""
        if self._bound is None:
            msg = "bind the runner to the context before it is started"
            raise RuntimeError(msg)
        work = self._work = Work(self._bound, self.client, self._handler)
        workflows.bind(work)
        # In a thread: called on the event loop the engine would run its workflows on it.
        await asyncio.to_thread(self._launch)
        own = Own(self._executor_id, lambda: frozenset(work.under_way))
        reconciler = Reconciler(self._bound, self.database.engine, self.client, own)
        self._upkeep = Upkeep(self._bound, self.client, reconciler)
        self._upkeep.start()

    async def stop(self) -> None:
        """Take up nothing new, let running jobs end up to the drain limit, give back the rest."""
        if self._upkeep is not None:
            await self._upkeep.stop()
        if self._work is not None:
            self._work.stop()
            limit_s = math.ceil(self._settings.drain_timeout_s)
            await asyncio.to_thread(DBOS.destroy, workflow_completion_timeout_sec=limit_s)
            await self._work.ended()
            workflows.unbind()
        self.database.close()
        self._engine.dispose()
        await super().stop()

    def _launch(self) -> None:
        settings = self._settings
        config: DBOSConfig = {
            "name": APPLICATION,
            "application_version": VERSION,
            "executor_id": self._executor_id,
            "system_database_engine": self._engine,
            "serializer": DBOSPortableJSONSerializer(),
            "log_level": "WARNING",
        }
        DBOS(config=config)
        DBOS.launch()
        poll_s = settings.queue_poll_s
        # The queue's rows are shared: every worker of a deployment has the same settings.
        DBOS.register_queue(
            ANALYSES,
            worker_concurrency=_AHEAD * settings.workers,
            partition_worker_concurrency=_AHEAD * settings.workers,
            polling_interval_sec=poll_s,
            on_conflict="always_update",
        )
        DBOS.register_queue(
            DELIVERIES,
            worker_concurrency=_DELIVERIES_AT_ONCE,
            partition_worker_concurrency=_DELIVERIES_PER_TENANT,
            polling_interval_sec=poll_s,
            on_conflict="always_update",
        )


def migrate_engine(settings: Settings) -> None:
    """Make the engine's tables, or bring them up to date."""
    quiet_engine_logs()
    run_dbos_database_migrations(settings.effective_database_url)


def quiet_engine_logs() -> None:
    """Send the engine's own log through ours; it would write to the console by itself."""
    log = logging.getLogger("dbos")
    log.handlers[:] = [logging.NullHandler()]
    log.propagate = True
    log.setLevel(logging.WARNING)

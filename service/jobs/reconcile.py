"""Find work that nobody alive owns, and queue it again. Only the engine's public calls are used.

Recovery at launch covers a worker that comes back. This covers the rest: a slot that is never
taken again, an engine that lost track of what it took up, a workflow that ended in an error of
the engine while its attempt waits. What is queued twice is fenced by the attempt's row.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Set
from dataclasses import dataclass

from dbos import WorkflowStatus
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from service.clock import now_ms
from service.context import Context
from service.database import hold_name
from service.jobs.claims import redispatch
from service.jobs.engine import EngineClient, analysis_id
from service.jobs.slots import live_executors
from service.tables import Attempt, AttemptState, CaptureRow

_LOG = logging.getLogger(__name__)
# Between the commit that queues an attempt and its workflow being seen nothing can take longer.
_GRACE_MS = 30_000
_CLOCK_STEP_S = 5.0
_ACTIVE = frozenset({"ENQUEUED", "PENDING", "DELAYED"})


@dataclass(frozen=True, slots=True)
class Own:
    """This process's engine: its executor id and the workflows that run in it."""

    executor_id: str
    under_way: Callable[[], Set[str]]


class Reconciler:
    """Two passes must agree before anything is queued again: what just starts is no orphan.

    Parameters
    ----------
    engine
        Of the jobs' database.
    """

    def __init__(self, context: Context, engine: Engine, client: EngineClient, own: Own) -> None:
        self._context = context
        self._engine = engine
        self._client = client
        self._own = own
        self._abandoned: frozenset[tuple[str, int | None]] = frozenset()
        self._clock_s: float | None = None
        self._lost: frozenset[tuple[str, int]] = frozenset()

    def run(self) -> int:
        """Make one pass; return how many jobs were queued again."""
        with self._context.database.read() as db:
            hold_name(db, "reconcile")
            count = self._resume_abandoned() + self._replace_lost(db)
            count += self._client.replace_failed_deliveries(self._context.database)
            if self._clock_was_put_back():
                count += self._client.retime()
        if count:
            _LOG.warning("queued work again that nobody owned", extra={"count": count})
        return count

    def _clock_was_put_back(self) -> bool:
        """Whether the time of day went back since the last pass; also at the first one."""
        now_s, before_s = time.time() - time.monotonic(), self._clock_s
        self._clock_s = now_s
        return before_s is None or now_s < before_s - _CLOCK_STEP_S

    def _resume_abandoned(self) -> int:
        live = live_executors(self._engine)
        found = {
            (workflow.workflow_id, workflow.updated_at): workflow
            for workflow in self._client.pending()
            if not self._is_owned(workflow, live)
        }
        again = [workflow for key, workflow in found.items() if key in self._abandoned]
        self._abandoned = frozenset(found)
        for workflow in again:
            self._client.resume(workflow)
        return len(again)

    def _is_owned(self, workflow: WorkflowStatus, live: Set[str]) -> bool:
        if workflow.executor_id == self._own.executor_id:
            return workflow.workflow_id in self._own.under_way()
        return workflow.executor_id in live

    def _replace_lost(self, db: Session) -> int:
        """Replace jobs whose workflow is gone or has ended while their attempt waits."""
        waiting = {
            analysis_id(attempt.session_id, attempt.number, attempt.dispatch): attempt
            for attempt in db.exec(
                select(Attempt)
                .join(CaptureRow, col(CaptureRow.attempt_id) == col(Attempt.id))
                .where(
                    col(Attempt.state).in_((AttemptState.QUEUED, AttemptState.RUNNING)),
                    CaptureRow.received_at < now_ms() - _GRACE_MS,
                )
            )
        }
        known = self._client.statuses(list(waiting)) if waiting else {}
        lost = {
            (attempt.id, attempt.dispatch)
            for workflow_id, attempt in waiting.items()
            if known.get(workflow_id) not in _ACTIVE
        }
        again = lost & self._lost
        self._lost = frozenset(lost)
        return sum(redispatch(self._context, *one) for one in again)

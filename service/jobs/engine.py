"""What every role shares of the durable engine (DBOS): names, numbers, and the client that queues.

Workflow arguments are ids and numbers only: they stay in the engine's tables for a while.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from dbos import DBOSClient, DBOSPortableJSONSerializer, EnqueueOptions, WorkflowStatus
from sqlalchemy import Engine
from sqlmodel import Session

from service.database import Database
from service.tables import Attempt

APPLICATION = "bonafide"
# Queued work is only taken up by executors of the same version. It is a number of ours, to be
# raised when the arguments or steps of a workflow change: an ordinary deploy strands nothing.
VERSION = "1"
ANALYSES, DELIVERIES = "analyses", "deliveries"
ANALYSE, DELIVER = "analyse_attempt", "deliver_event"
EMBEDDED = "embedded"
_PAGE = 1000
_DELAY = "delay_s"
# More than a delay that is this much longer than it was meant to be is a clock that was put back.
_CLOCK_SLACK_S = 60.0


def analysis_id(session_id: str, number: int, dispatch: int) -> str:
    """Return the id of the workflow that analyses an attempt; the first one has no suffix."""
    base = f"an:{session_id}:{number}"
    return base if dispatch == 1 else f"{base}:{dispatch}"


def delivery_workflow_id(delivery_id: str, number: int) -> str:
    """Return the id of the workflow that makes one attempt of a delivery."""
    return f"dl:{delivery_id}:{number}"


class EngineClient:
    """Queues, lists and resumes workflows through the engine's public client.

    Implements `service.outbox.DeliveryQueue`.

    Parameters
    ----------
    engine
        Its own pool on the same database as the tables.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._client = DBOSClient(
            system_database_engine=engine,
            serializer=DBOSPortableJSONSerializer(),
            application_name=APPLICATION,
            lazy=True,
        )

    def enqueue(self, db: Session, attempt: Attempt, organization_id: str, delay_s: float) -> None:
        """Queue the analysis of an attempt, in the transaction of `db`."""
        workflow_id = analysis_id(attempt.session_id, attempt.number, attempt.dispatch)
        options = _options(ANALYSE, ANALYSES, workflow_id, organization_id, delay_s)
        self._client.enqueue_in_transaction(db, options, attempt.id, attempt.dispatch)

    def enqueue_in_transaction(
        self,
        db: Session,
        delivery_id: str,
        delay_s: float = 0.0,
        *,
        number: int = 1,
        tenant: str = "-",
    ) -> None:
        """Queue one attempt of a delivery, in the transaction of `db`."""
        workflow_id = delivery_workflow_id(delivery_id, number)
        options = _options(DELIVER, DELIVERIES, workflow_id, tenant, delay_s)
        self._client.enqueue_in_transaction(db, options, delivery_id, number, tenant)

    def check(self) -> None:
        """Raise where the engine's tables can't be read."""
        self._client.list_workflows(limit=1, load_input=False, load_output=False)

    def pending(self) -> list[WorkflowStatus]:
        """Return what some executor has taken up and not ended."""
        return self._client.list_workflows(
            status="PENDING", queue_name=[ANALYSES, DELIVERIES], load_input=False, load_output=False
        )

    def statuses(self, workflow_ids: Sequence[str]) -> dict[str, str]:
        """Return where workflows stand; those that don't exist are left out."""
        found = self._client.list_workflows(
            workflow_ids=list(workflow_ids), load_input=False, load_output=False
        )
        return {workflow.workflow_id: workflow.status for workflow in found}

    def resume(self, workflow: WorkflowStatus) -> None:
        """Put an abandoned workflow back into its queue, for any executor."""
        self._client.resume_workflow(workflow.workflow_id, queue_name=workflow.queue_name)

    def retime(self) -> int:
        """Shorten delays that a clock put back has made longer than they were meant to be."""
        delayed = self._client.list_workflows(status="DELAYED", load_input=False, load_output=False)
        count = 0
        for workflow in delayed:
            meant_s = (workflow.attributes or {}).get(_DELAY)
            if meant_s is None or workflow.delay_until_epoch_ms is None:
                continue
            if workflow.delay_until_epoch_ms / 1000 - time.time() > meant_s + _CLOCK_SLACK_S:
                self._client.set_workflow_delay(workflow.workflow_id, delay_seconds=meant_s)
                count += 1
        return count

    def replace_failed_deliveries(self, database: Database) -> int:
        """Queue the next attempt where the engine itself failed at one; the row knows what is due.

        The handler's failures are no errors of a workflow: it takes an outage at the wrong moment.
        """
        failed = self._client.list_workflows(
            status=["ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"],
            queue_name=DELIVERIES,
            queues_only=False,
            load_input=False,
            load_output=False,
            limit=_PAGE,
        )
        for workflow in failed:
            _, delivery_id, number = workflow.workflow_id.split(":")
            tenant = workflow.queue_partition_key or "-"
            with database.write() as db:
                self.enqueue_in_transaction(db, delivery_id, number=int(number) + 1, tenant=tenant)
            self._client.delete_workflows([workflow.workflow_id])
        return len(failed)

    def prune(self, before_iso: str) -> int:
        """Delete what ended before a time; return how many."""
        ended = self._client.list_workflows(
            status=["SUCCESS", "ERROR", "CANCELLED"],
            completed_before=before_iso,
            limit=_PAGE,
            load_input=False,
            load_output=False,
        )
        if ended:
            self._client.delete_workflows([workflow.workflow_id for workflow in ended])
        return len(ended)

    def close(self) -> None:
        """Let go of the connections."""
        self._client.destroy()
        self._engine.dispose()


def _options(
    workflow: str, queue: str, workflow_id: str, partition: str, delay_s: float
) -> EnqueueOptions:
    options: EnqueueOptions = {
        "workflow_name": workflow,
        "queue_name": queue,
        "workflow_id": workflow_id,
        "queue_partition_key": partition,
        "app_version": VERSION,
    }
    if delay_s > 0:
        options["delay_seconds"] = delay_s
        options["attributes"] = {_DELAY: delay_s}
    return options

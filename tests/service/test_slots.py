"""Slots of workers and what happens to the work of a slot that nobody takes again."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from dbos import DBOSClient, DBOSPortableJSONSerializer
from sqlalchemy import text

from service.context import Context
from service.jobs.durable import QueueingRunner
from service.jobs.engine import ANALYSES, VERSION, EngineClient
from service.jobs.reconcile import Own, Reconciler
from service.jobs.slots import NoSlotError, Slot, SlotLostError, live_executors
from service.roles import Role, RoleError, check_role
from service.server import migrate
from service.settings import Settings
from service.tables import DEFAULT_ORGANIZATION_ID, Attempt, AttemptState
from tests.service.postgres import PostgresServer
from tests.service.running_service import Service, StartService
from tests.service.service_builders import settings_in


@pytest.fixture
def settings(tmp_path: Path, postgres: PostgresServer) -> Settings:
    made = settings_in(tmp_path, database_url=postgres.new_database())
    migrate(made)
    return made


@pytest.fixture
def queueing(settings: Settings, start_service: StartService) -> Service:
    """A service that queues on the engine, with nobody at work."""
    runner = QueueingRunner(settings)
    return start_service(jobs=runner, **settings.model_dump(include={"database_url"}))


def _slot(settings: Settings, *, embedded: bool = False) -> Slot:
    slot = Slot(settings)
    slot.take(embedded=embedded)
    return slot


def test_workers_take_numbers_and_free_ones_are_taken_again(settings: Settings) -> None:
    first, second = _slot(settings), _slot(settings)
    assert (first.executor_id, second.executor_id) == ("slot-1", "slot-2")
    first.release()
    third = _slot(settings)
    assert third.executor_id == "slot-1"
    second.release()
    third.release()


def test_one_service_is_embedded_on_a_database(settings: Settings) -> None:
    slot = _slot(settings, embedded=True)
    assert slot.executor_id == "embedded"
    with pytest.raises(NoSlotError, match="embedded"):
        _slot(settings, embedded=True)
    slot.release()


def test_slot_that_was_lost_and_taken_by_another_says_so(settings: Settings) -> None:
    slot = _slot(settings)
    slot.hold()
    slot.release()  # as an outage would: the connection is gone
    slot.hold()
    assert slot.executor_id == "slot-1"
    slot.release()
    other = _slot(settings)
    with pytest.raises(SlotLostError):
        slot.hold()
    slot.release()
    other.release()


def test_processes_do_not_share_sqlite(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    check_role(settings, Role.EMBEDDED)
    for role in (Role.API, Role.WORKER):
        with pytest.raises(RoleError, match="BONAFIDE_DATABASE_URL"):
            check_role(settings, role)


def _status(context: Context) -> tuple[str, str | None]:
    query = text("SELECT status, executor_id FROM dbos.workflow_status")
    with context.database.engine.connect() as connection:
        status, executor = connection.execute(query).one()
        return str(status), executor


def _dequeue(context: Context, executor_id: str, status: str = "PENDING") -> None:
    """Do what an executor does that takes work up, and dies."""
    query = text("UPDATE dbos.workflow_status SET status = :status, executor_id = :id")
    with context.database.write() as db:
        db.connection().execute(query, {"status": status, "id": executor_id})


def _reconciler(service: Service, executor_id: str) -> Reconciler:
    context = service.context
    assert isinstance(context.jobs, QueueingRunner)
    own = Own(executor_id, lambda: frozenset())
    return Reconciler(context, context.database.engine, context.jobs.client, own)


def test_work_of_a_dead_slot_is_queued_again_after_two_passes(
    queueing: Service, settings: Settings
) -> None:
    queueing.captured()
    slot = _slot(settings)
    assert live_executors(queueing.context.database.engine) == {"slot-1"}
    reconciler = _reconciler(queueing, "slot-7")
    _dequeue(queueing.context, "slot-1")
    assert [reconciler.run(), reconciler.run()] == [0, 0]  # its owner is alive
    slot.release()
    assert [reconciler.run(), reconciler.run()] == [0, 1]
    assert _status(queueing.context)[0] == "ENQUEUED"


def test_own_work_that_the_engine_lost_track_of_is_queued_again(queueing: Service) -> None:
    queueing.captured()
    _dequeue(queueing.context, "slot-7")
    reconciler = _reconciler(queueing, "slot-7")
    assert [reconciler.run(), reconciler.run()] == [0, 1]


def test_job_that_ended_in_an_error_of_the_engine_is_replaced(
    queueing: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.jobs.reconcile._GRACE_MS", -1)
    queueing.captured()
    _dequeue(queueing.context, "slot-1", "ERROR")
    reconciler = _reconciler(queueing, "slot-7")
    assert [reconciler.run(), reconciler.run(), reconciler.run()] == [0, 1, 0]
    with queueing.context.database.read() as db:
        attempt = db.get_one(Attempt, _only_attempt(queueing))
    assert (attempt.state, attempt.dispatch) == (AttemptState.QUEUED, 2)


def _only_attempt(service: Service) -> str:
    query = text("SELECT id FROM attempts")
    with service.context.database.engine.connect() as connection:
        return str(connection.execute(query).scalar_one())


def test_queued_work_is_of_the_version_in_force_and_holds_ids_only(
    queueing: Service,
) -> None:
    queueing.captured()
    client = DBOSClient(
        system_database_engine=queueing.context.database.engine,
        serializer=DBOSPortableJSONSerializer(),
        lazy=True,
    )
    (workflow,) = client.list_workflows()
    assert (workflow.app_version, workflow.queue_name) == (VERSION, ANALYSES)
    assert workflow.queue_partition_key == DEFAULT_ORGANIZATION_ID
    assert workflow.input is not None
    assert list(workflow.input["args"]) == [_only_attempt(queueing), 1]
    client.destroy()


def _client(service: Service) -> EngineClient:
    assert isinstance(service.context.jobs, QueueingRunner)
    return service.context.jobs.client


def test_delivery_that_the_engine_failed_at_is_queued_again(queueing: Service) -> None:
    client, database = _client(queueing), queueing.context.database
    with database.write() as db:
        client.enqueue_in_transaction(db, "a-delivery", number=3, tenant="a-tenant")
    _dequeue(queueing.context, "slot-1", "ERROR")
    assert client.replace_failed_deliveries(database) == 1
    assert client.replace_failed_deliveries(database) == 0
    assert client.statuses(["dl:a-delivery:3", "dl:a-delivery:4"]) == {
        "dl:a-delivery:4": "ENQUEUED"
    }


def test_delays_are_shortened_after_the_clock_was_put_back(
    queueing: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, database = _client(queueing), queueing.context.database
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 3600)
    with database.write() as db:
        client.enqueue_in_transaction(db, "a-delivery", 300.0)
    assert client.retime() == 0
    monkeypatch.setattr(time, "time", real)
    assert client.retime() == 1
    assert client.retime() == 0

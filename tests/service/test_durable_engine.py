"""The durable engine in this process, on both databases: jobs, deliveries, turns of tenants."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, select

from service.analyser import StoredCapture
from service.app import create_app
from service.context import Context
from service.jobs.durable import DurableRunner
from service.keys import create_key
from service.settings import Settings
from service.tables import Attempt, AttemptState, VerdictRow
from tests.service.running_service import Service, StartService
from tests.service.service_builders import BuilderAnalyser, settings_in
from tests.service.tenants import new_tenant
from verdict.evidence import Evidence
from verdict.policy import Policy

StartDurable = Callable[..., Service]


@pytest.fixture
def start_durable(tmp_path: Path, database_url: str, start_service: StartService) -> StartDurable:
    def start(analyser: BuilderAnalyser | None = None, **changes: object) -> Service:
        values = {"database_url": database_url, "queue_poll_s": 0.02} | changes
        settings: Settings = settings_in(tmp_path, **values)
        return start_service(analyser, jobs=DurableRunner(settings, "embedded"), **values)

    return start


def test_session_is_judged(start_durable: StartDurable) -> None:
    service = start_durable()
    session_id = service.captured()
    record = service.judged(session_id)
    assert record["status"] == "SUBMITTED"
    assert record["analysis_data"]["deepfake_detection_evidence"]["tries"] == 1


def test_crash_is_tried_again_until_the_last_try(start_durable: StartDurable) -> None:
    errors: list[Exception] = [RuntimeError("secret words") for _ in range(3)]
    service = start_durable(BuilderAnalyser(analyse_errors=errors))
    record = service.judged(service.captured())
    assert (record["status"], record["failure_reason"]) == ("FAILED", "analysis_crashed")
    assert service.judged(service.captured())["status"] == "SUBMITTED"


def test_tenant_with_few_jobs_is_not_behind_one_with_many(start_durable: StartDurable) -> None:
    analyser = ClosedAnalyser()
    service = start_durable(analyser)
    many = [service.captured() for _ in range(16)]  # the first holds the one place
    own_key, other = service.key, new_tenant(service.context.database)
    service.key = other.key
    few = [service.captured(workflow_id=other.workflow_id) for _ in range(2)]
    service.key = own_key
    analyser.is_open = True
    order = _order_of_verdicts(service, [*many, *few])
    # In turns at random, so that all 14 of the rest come first once in 2000 runs at the most.
    assert max(order.index(one) for one in few) < len(order) - 1


@dataclass
class ClosedAnalyser(BuilderAnalyser):
    """Finishes nothing until it is opened."""

    is_open: bool = False

    async def analyse(self, capture: StoredCapture, policy: Policy) -> Evidence:
        while not self.is_open:
            await asyncio.sleep(0.01)
        return await BuilderAnalyser.analyse(self, capture, policy)


def _order_of_verdicts(service: Service, wanted: list[str]) -> list[str]:
    for _ in range(1000):
        with service.context.database.read() as db:
            rows = db.exec(select(VerdictRow.session_id).order_by(col(VerdictRow.created_at))).all()
        if set(wanted) <= set(rows):
            return [one for one in rows if one in wanted]
        time.sleep(0.02)
    pytest.fail("not every session was judged")


@dataclass
class CountingHandler:
    """Fails as often as it is told, and remembers what it was asked."""

    failures: int
    asked: list[tuple[str, int]] = field(default_factory=list)

    async def deliver(self, delivery_id: str, number: int) -> float | None:
        self.asked.append((delivery_id, number))
        await asyncio.sleep(0)
        return 0.05 if number <= self.failures else None


def test_delivery_is_attempted_until_there_is_no_next(
    tmp_path: Path, database_url: str, start_service: StartService
) -> None:
    settings = settings_in(tmp_path, database_url=database_url, queue_poll_s=0.02)
    runner = DurableRunner(settings, "embedded")
    handler = CountingHandler(failures=2)
    binding = runner.bind

    def bind_and_replace(context: object) -> None:
        runner.deliver_with(handler)
        binding(context)  # type: ignore[arg-type]

    runner.bind = bind_and_replace  # type: ignore[method-assign]
    service = start_service(jobs=runner, database_url=database_url, queue_poll_s=0.02)
    with service.context.database.write() as db:
        runner.enqueue_in_transaction(db, "a-delivery")
        runner.enqueue_in_transaction(db, "a-delivery")  # the same attempt, asked for twice
    for _ in range(500):
        if len(handler.asked) >= 3:
            break
        time.sleep(0.02)
    time.sleep(0.2)
    assert handler.asked == [("a-delivery", 1), ("a-delivery", 2), ("a-delivery", 3)]


def test_jobs_that_a_stop_cuts_short_wait_for_the_next_start(
    tmp_path: Path, database_url: str
) -> None:
    values = {"database_url": database_url, "queue_poll_s": 0.02, "drain_timeout_s": 0.0}
    settings = settings_in(tmp_path, **values)
    with started(settings, ClosedAnalyser()) as service:
        waiting = [service.captured() for _ in range(3)]  # one runs, one is at the gate
        _wait_until_running(service)
    with started(settings, BuilderAnalyser()) as service:
        for session_id in waiting:
            evidence = service.judged(session_id)["analysis_data"]["deepfake_detection_evidence"]
            assert evidence["tries"] == 1


def _wait_until_running(service: Service) -> None:
    for _ in range(500):
        with service.context.database.read() as db:
            if db.exec(select(Attempt).where(Attempt.state == AttemptState.RUNNING)).first():
                return
        time.sleep(0.02)
    pytest.fail("no attempt was taken up")


@contextmanager
def started(settings: Settings, analyser: BuilderAnalyser) -> Iterator[Service]:
    """A service that can be stopped and started again."""
    app = create_app(settings, analyser, jobs=DurableRunner(settings, "embedded"))
    with TestClient(app, base_url="https://kyc.example.com") as client:
        context: Context = app.state.context
        key = create_key(context.database, name="test").text
        yield Service(client, context, analyser, key)

"""Jobs of an attempt on both databases: fenced against repeats, poison ends alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlmodel import Session, select

from service.app import create_app
from service.context import Context
from service.jobs.analysis import analyse_attempt
from service.jobs.attempts import record_crash, record_verdict
from service.jobs.claims import MOST_JOBS, Claimed, claim, give_back, is_suspect, redispatch
from service.keys import create_key
from service.tables import Attempt, AttemptState, VerdictRow
from tests.service.running_service import Service
from tests.service.service_builders import BuilderAnalyser, evidence, settings_in
from verdict.engine import decide


@dataclass
class ParkedRunner:
    """Queues and never works: the test does. Implements `JobRunner`."""

    queued: list[tuple[str, int, float]] = field(default_factory=list)

    def enqueue(
        self, db: Session, attempt: Attempt, organization_id: str, delay_s: float = 0.0
    ) -> None:
        self.queued.append((attempt.id, attempt.dispatch, delay_s))

    def check(self) -> None: ...

    def wake(self, attempt_id: str) -> None:
        """Nobody sleeps."""

    def bind(self, context: Context) -> None:
        """Nothing is worked with."""

    async def start(self) -> None:
        """Nothing runs."""

    async def stop(self) -> None:
        """Nothing runs."""


@pytest.fixture
def parked() -> ParkedRunner:
    return ParkedRunner()


@pytest.fixture
def service(tmp_path: Path, database_url: str, parked: ParkedRunner) -> Iterator[Service]:
    settings = settings_in(tmp_path, database_url=database_url)
    analyser = BuilderAnalyser()
    app = create_app(settings, analyser, jobs=parked)
    with TestClient(app, base_url="https://kyc.example.com") as client:
        context: Context = app.state.context
        key = create_key(context.database, name="test").text
        yield Service(client, context, analyser, key)


def _attempt(service: Service) -> Attempt:
    with service.context.database.read() as db:
        return db.exec(select(Attempt)).one()


def _claimed(service: Service, dispatch: int) -> Claimed:
    claimed = claim(service.context, _attempt(service).id, dispatch)
    assert claimed is not None
    return claimed


def test_attempt_is_queued_with_its_capture(service: Service, parked: ParkedRunner) -> None:
    session_id = service.captured()
    assert parked.queued == [(_attempt(service).id, 1, 0.0)]
    assert service.retrieve(session_id)["session_record"]["status"] == "SUBMITTED"


def test_job_that_was_replaced_does_nothing(service: Service, parked: ParkedRunner) -> None:
    service.captured()
    attempt_id = _attempt(service).id
    assert redispatch(service.context, attempt_id, 1)
    assert not redispatch(service.context, attempt_id, 1)  # the same finding, a second time
    assert [dispatch for _, dispatch, _ in parked.queued] == [1, 2]
    assert claim(service.context, attempt_id, 1) is None
    assert _claimed(service, 2).tries == 1


def test_two_executions_of_a_job_write_one_verdict(service: Service) -> None:
    session_id = service.captured()
    first, second = _claimed(service, 1), _claimed(service, 1)
    assert is_suspect(service.context, first.attempt_id)
    decision = decide(evidence(), service.context.policy)
    record_verdict(service.context, second, decision)
    record_verdict(service.context, first, decision)
    give_back(service.context, first)
    assert not record_crash(service.context, first, "analysis_crashed")
    assert claim(service.context, first.attempt_id, 1) is None
    with service.context.database.read() as db:
        assert len(db.exec(select(VerdictRow)).all()) == 1
    assert _attempt(service).state == AttemptState.DONE
    record = service.retrieve(session_id)["session_record"]
    assert record["sequence"] == 3  # created, submitted, judged


def test_job_that_a_shutdown_cut_short_is_queued_again_and_counts_nothing(
    service: Service, parked: ParkedRunner
) -> None:
    service.captured()
    give_back(service.context, _claimed(service, 1))
    assert parked.queued[-1][1:] == (2, 0.0)
    assert _claimed(service, 2).tries == 1


def test_crash_is_queued_again_after_a_growing_pause(
    service: Service, parked: ParkedRunner
) -> None:
    context = replace(
        service.context,
        settings=service.context.settings.model_copy(update={"retry_pause_s": 2.0}),
    )
    service.captured()
    for dispatch, pause_s in ((1, 2.0), (2, 4.0)):
        assert record_crash(context, _claimed(service, dispatch), "analysis_crashed")
        assert parked.queued[-1][1:] == (dispatch + 1, pause_s)
    assert not record_crash(context, _claimed(service, 3), "analysis_crashed")
    assert len(parked.queued) == 3
    assert _attempt(service).state == AttemptState.FAILED


def test_capture_that_kills_every_process_ends_as_failed(service: Service) -> None:
    session_id = service.captured()
    for tries in range(1, 8):  # the same job, taken up again by whoever recovers it
        claimed = _claimed(service, 1)
        assert claimed.tries == tries
    asyncio.run(analyse_attempt(service.context, claimed))
    record = service.retrieve(session_id)["session_record"]
    assert (record["status"], record["failure_reason"]) == ("FAILED", "process_died")
    assert not service.analyser.analysed


def test_attempt_whose_jobs_are_always_lost_ends_as_failed(
    service: Service, parked: ParkedRunner
) -> None:
    session_id = service.captured()
    attempt_id = _attempt(service).id
    with service.context.database.write() as db:
        db.get_one(Attempt, attempt_id).dispatch = MOST_JOBS - 1
    assert redispatch(service.context, attempt_id, MOST_JOBS - 1)
    assert not redispatch(service.context, attempt_id, MOST_JOBS)
    assert len(parked.queued) == 2
    record = service.retrieve(session_id)["session_record"]
    assert (record["status"], record["failure_reason"]) == ("FAILED", "jobs_lost")

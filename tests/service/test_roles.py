"""Scaled out on PostgreSQL: sessions survive the end of workers and of the API."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import select

from service.database import Database
from service.tables import Attempt, AttemptState
from tests.chaos.applicants import Client
from tests.chaos.deployment import Deployment
from tests.service.postgres import PostgresServer

_LONG_S = "60"


@pytest.fixture
def deployment(tmp_path: Path, postgres: PostgresServer) -> Iterator[Deployment]:
    """An API of two processes and two workers that take long; killed at the end."""
    variables = {
        "STUB_PAUSE_S": _LONG_S,
        "BONAFIDE_API_PROCESSES": "2",
        "BONAFIDE_DRAIN_TIMEOUT_S": "0.5",
        "BONAFIDE_QUEUE_POLL_S": "0.05",
    }
    made = Deployment(tmp_path, postgres.new_database(), workers=2, variables=variables)
    made.start()
    yield made
    for process in made.processes:
        process.kill()


def _running(database: Database) -> int:
    with database.read() as db:
        query = select(Attempt.id).where(Attempt.state == AttemptState.RUNNING)
        return len(db.exec(query).all())


def _judged(client: Client, session_id: str) -> dict[str, object]:
    for _ in range(600):
        record = client.record(session_id)
        if not record["analysis_pending"]:
            return record
        time.sleep(0.05)
    pytest.fail("the analysis is still pending")


@pytest.mark.timeout(300)  # six starts of real processes, on a machine that may be busy
def test_workers_stopped_and_killed_while_analysing(deployment: Deployment) -> None:
    client = Client(deployment.url, deployment.new_key())
    database = Database(deployment.settings, 1)
    # A busy worker takes up one job ahead: the third is what the other one gets in any case.
    sent = [client.send_session().session_id for _ in range(3)]
    for _ in range(600):
        if _running(database) == 2:
            break
        time.sleep(0.05)
    assert _running(database) == 2  # one on each worker
    api, killed, stopped = deployment.processes
    killed.kill()
    api.kill()  # its second process goes with it
    begin = time.monotonic()
    stopped.send(signal.SIGTERM)
    stopped.wait()
    assert time.monotonic() - begin < 20
    for process in (api, killed):
        process.environment = process.environment | {"STUB_PAUSE_S": "0"}
        process.start()
    records = [_judged(client, session_id) for session_id in sent]
    assert [record["status"] for record in records] == ["VERIFIED"] * 3
    with database.read() as db:
        tries = sorted(db.exec(select(Attempt.tries)).all())
    assert tries == [1, 1, 2]  # the kill counts as a try, the orderly stop does not
    database.close()
    client.close()

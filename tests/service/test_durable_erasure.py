"""Jobs of a session that is erased meanwhile, on both databases: none writes anything."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from service.app import create_app
from service.context import Context
from service.jobs.analysis import analyse_attempt
from service.jobs.attempts import record_crash, record_verdict
from service.jobs.claims import AttemptGoneError, claim, give_back, is_suspect, redispatch
from service.keys import Scope, create_key
from service.media.erasure import Request, erase
from service.media.tables import MediaKeyRow
from service.media.vault import NoMediaKeyError
from service.tables import Attempt, EventRow, SessionRow, VerdictRow
from tests.service.running_service import Service
from tests.service.service_builders import BuilderAnalyser, evidence, settings_in
from tests.service.test_durable_attempts import ParkedRunner
from verdict.engine import decide


@pytest.fixture
def service(tmp_path: Path, database_url: str) -> Iterator[Service]:
    settings = settings_in(tmp_path, database_url=database_url)
    analyser = BuilderAnalyser()
    app = create_app(settings, analyser, jobs=ParkedRunner())
    with TestClient(app, base_url="https://kyc.example.com") as client:
        context: Context = app.state.context
        key = create_key(context.database, name="test").text
        yield Service(client, context, analyser, key)


def _queued(service: Service) -> tuple[str, str]:
    session_id = service.captured()
    with service.context.database.read() as db:
        return session_id, db.exec(select(Attempt)).one().id


def _assert_nothing_is_there(service: Service) -> None:
    with service.context.database.read() as db:
        for table in (SessionRow, Attempt, EventRow, VerdictRow):
            assert not db.exec(select(table)).all(), table


def test_a_job_that_comes_after_the_erasure(service: Service) -> None:
    session_id, attempt_id = _queued(service)
    assert erase(service.context, session_id, Request("test"))
    assert not is_suspect(service.context, attempt_id)
    assert claim(service.context, attempt_id, 1) is None
    assert not redispatch(service.context, attempt_id, 1)
    assert not erase(service.context, session_id, Request("test"))
    _assert_nothing_is_there(service)


def test_a_job_that_was_taken_up_before(service: Service) -> None:
    session_id, attempt_id = _queued(service)
    claimed = claim(service.context, attempt_id, 1)
    assert claimed is not None
    erase(service.context, session_id, Request("test"))
    asyncio.run(analyse_attempt(service.context, claimed))
    assert service.analyser.analysed == []
    give_back(service.context, claimed)
    with pytest.raises(AttemptGoneError):
        record_verdict(service.context, claimed, decide(evidence(), service.context.policy))
    with pytest.raises(AttemptGoneError):
        record_crash(service.context, claimed, "analysis_crashed")
    _assert_nothing_is_there(service)


def test_two_erasures_at_once_have_one_receipt(service: Service) -> None:
    session_id, _ = _queued(service)
    auth = service.new_key(scopes=[Scope.DELETE])

    def erased() -> tuple[int, dict[str, Any]]:
        answer = service.client.delete(f"/v1/sessions/{session_id}", headers=auth)
        return answer.status_code, answer.json()

    with ThreadPoolExecutor(2) as pool:
        with service.context.database.write() as db:
            db.get_one(SessionRow, session_id, with_for_update=True)
            both = [pool.submit(erased) for _ in range(2)]
            time.sleep(0.5)  # both wait for the session now
        answers = [one.result() for one in both]
    assert [status for status, _ in answers] == [200, 200]
    first, second = (receipt | {"finished_at": None} for _, receipt in answers)
    assert first == second


def test_a_capture_is_not_kept_with_another_key_than_its_own(service: Service) -> None:
    """As when retention ends the last media of a session while a capture is on its way in."""
    session_id, context = service.create()["id"], service.context
    media, database, place = context.media, context.database, f"captures/{session_id}/1/a"
    data_key = media.begin(database, session_id, place)
    with database.write() as db:
        db.delete(db.get_one(MediaKeyRow, session_id))
    other = media.begin(database, session_id, f"{place}b")
    with pytest.raises(NoMediaKeyError), database.write() as db:
        media.settle(db, session_id, place, data_key)
    with database.write() as db:
        media.settle(db, session_id, f"{place}b", other)

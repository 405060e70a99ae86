"""Tries, crashes and races of the background analysis."""

from __future__ import annotations

import asyncio
import time

import pytest
from sqlalchemy.orm.exc import StaleDataError
from sqlmodel import select

from service.jobs.analysis import analyse_attempt
from service.jobs.attempts import record_crash, record_verdict
from service.jobs.claims import Claimed, claim_next, requeue_interrupted
from service.media.keys import KeyRing, MasterKeyError
from service.media.store import MediaStore, MediaStoreError
from service.sessions.change import expire_sessions
from service.tables import (
    DEFAULT_WORKFLOW_ID,
    Attempt,
    AttemptState,
    EventRow,
    SessionRow,
    VerdictRow,
    Workflow,
)
from tests.service.running_service import Service, StartService
from tests.service.service_builders import (
    BuilderAnalyser,
    deepfake_evidence,
    evidence,
    nothing_executed,
)
from verdict.engine import decide


def _events(service: Service, session_id: str) -> list[tuple[int, str, str]]:
    with service.context.database.read() as db:
        rows = db.exec(
            select(EventRow).where(EventRow.session_id == session_id).order_by("sequence")
        ).all()
    return [(row.sequence, row.type, row.actor.split(":")[0]) for row in rows]


def _wait_until_running(service: Service, session_id: str) -> None:
    for _ in range(500):
        with service.context.database.read() as db:
            attempt = db.exec(select(Attempt).where(Attempt.session_id == session_id)).one()
        if attempt.state == AttemptState.RUNNING:
            return
        time.sleep(0.01)
    pytest.fail("the attempt was not taken up")


def _claimed(service: Service) -> Claimed:
    claimed = claim_next(service.context)
    assert claimed is not None
    return claimed


def test_events_are_numbered_and_say_who(service: Service) -> None:
    session_id = service.captured()
    service.judged(session_id)
    service.client.patch(
        f"/v1/sessions/{session_id}", json={"status": "VERIFIED"}, headers=service.auth
    )
    assert _events(service, session_id) == [
        (1, "session.created", "key"),
        (2, "session.status.submitted", "applicant"),
        (3, "session.status.submitted", "engine"),
        (4, "session.status.verified", "key"),
    ]


def test_verdict_events_say_why_and_a_deepfake_is_a_security_event(
    start_service: StartService,
) -> None:
    analyser = BuilderAnalyser(evidence=deepfake_evidence())
    service = start_service(analyser)
    caught = service.captured()
    service.judged(caught)
    analyser.evidence = evidence(matched=False)
    mistaken = service.captured()
    service.judged(mistaken)
    with service.context.database.read() as db:
        rows = db.exec(select(EventRow).order_by("created_at", "sequence")).all()
    told = {
        session_id: [
            (row.type, row.attempt, row.reason_code)
            for row in rows
            if row.session_id == session_id and row.actor == "engine"
        ]
        for session_id in (caught, mistaken)
    }
    assert told == {
        caught: [
            ("security.deepfake_detected", 1, "visual_deepfake"),
            ("session.status.rejected", 1, "visual_deepfake"),
        ],
        mistaken: [("session.status.rejected", 1, "word_mismatch")],
    }


def test_crash_is_tried_again(start_service: StartService) -> None:
    analyser = BuilderAnalyser(analyse_errors=[RuntimeError("boom"), RuntimeError("boom")])
    service = start_service(analyser)
    record = service.judged(service.captured())
    assert record["status"] == "SUBMITTED"
    assert record["analysis_data"]["deepfake_detection_evidence"]["tries"] == 3


def test_crash_on_every_try_ends_the_session(start_service: StartService) -> None:
    errors: list[Exception] = [RuntimeError("secret words") for _ in range(3)]
    service = start_service(BuilderAnalyser(analyse_errors=errors))
    session_id = service.captured()
    record = service.judged(session_id)
    assert (record["status"], record["failure_reason"]) == ("FAILED", "analysis_crashed")
    assert "analysis_data" not in record
    assert _events(service, session_id)[-1] == (3, "session.status.failed", "engine")
    service.judged(service.captured())  # the next one is not taken along
    assert len(service.analyser.analysed) == 4


def test_no_layer_at_all_is_a_crash_and_never_a_verdict(start_service: StartService) -> None:
    service = start_service(BuilderAnalyser(evidence=nothing_executed()))
    record = service.judged(service.captured())
    assert record["status"] == "FAILED"
    assert len(service.analyser.analysed) == 3


def test_analysis_that_hangs_is_stopped(start_service: StartService) -> None:
    service = start_service(
        BuilderAnalyser(analyse_pause_s=30), analysis_timeout_s=0.05, max_tries=2
    )
    record = service.judged(service.captured())
    assert (record["status"], record["failure_reason"]) == ("FAILED", "analysis_timed_out")


def test_media_that_vanished_is_named(start_service: StartService) -> None:
    service = start_service(BuilderAnalyser(analyse_errors=[FileNotFoundError()]), max_tries=1)
    record = service.judged(service.captured())
    assert (record["status"], record["failure_reason"]) == ("FAILED", "media_missing")


def _tries(service: Service, session_id: str) -> tuple[int, int]:
    """Return how many tries count, and how many jobs there were."""
    with service.context.database.read() as db:
        attempt = db.exec(select(Attempt).where(Attempt.session_id == session_id)).one()
    return attempt.tries, attempt.dispatch


@pytest.mark.parametrize("what", ["store", "key"])
def test_an_outage_of_store_or_key_fails_nobody(
    start_service: StartService, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    service = start_service(retry_pause_s=0.001)
    context = service.context

    unwrap, taken = KeyRing.unwrap, list[bytes]()

    def store_away(*_: object) -> None:
        raise MediaStoreError

    def another_key(ring: KeyRing, wrapped: bytes, session_id: str) -> bytes:
        if taken:
            raise MasterKeyError
        taken.append(wrapped)  # the capture is taken with the right key, and no more
        return unwrap(ring, wrapped, session_id)

    with monkeypatch.context() as patch:
        if what == "store":
            patch.setattr(MediaStore, "read", store_away)
        else:
            patch.setattr(KeyRing, "unwrap", another_key)
        session_id = service.captured()
        for _ in range(500):
            if _tries(service, session_id)[1] > 2 * context.settings.max_tries:
                break
            time.sleep(0.02)
        else:
            pytest.fail("it is not tried again")
        assert service.retrieve(session_id)["session_record"]["status"] == "SUBMITTED"
        if what == "key":
            assert service.client.get("/readyz").json()["checks"]["master_key"] is False
    assert service.judged(session_id)["analysis_data"]["deepfake_detection_data"]["verdict"]
    assert _tries(service, session_id)[0] == 1
    assert service.client.get("/readyz").json()["checks"]["master_key"] is True


def test_an_attempt_has_one_verdict(start_service: StartService) -> None:
    service = start_service(BuilderAnalyser(analyse_pause_s=30), drain_timeout_s=0)
    session_id = service.captured()
    context = service.context
    _wait_until_running(service, session_id)
    assert claim_next(context) is None  # nobody else gets it
    assert requeue_interrupted(context) == 1
    claimed = _claimed(service)
    assert claimed.tries == 2
    decision = decide(deepfake_evidence(), context.policy)
    record_verdict(context, claimed, decision)
    record_verdict(context, claimed, decision)
    assert record_crash(context, claimed, "analysis_crashed") is False
    with context.database.read() as db:
        assert len(db.exec(select(VerdictRow)).all()) == 1
    assert service.retrieve(session_id)["session_record"]["status"] == "REJECTED"


def test_capture_that_takes_the_process_along_ends_as_failed(start_service: StartService) -> None:
    service = start_service(BuilderAnalyser(analyse_pause_s=30), drain_timeout_s=0)
    session_id = service.captured()
    context = service.context
    _wait_until_running(service, session_id)
    for tries in range(2, 8):  # as start-ups find it after the process before died over it
        assert requeue_interrupted(context) == 1
        claimed = _claimed(service)
        assert claimed.tries == tries
    asyncio.run(analyse_attempt(context, claimed))
    record = service.retrieve(session_id)["session_record"]
    assert (record["status"], record["failure_reason"]) == ("FAILED", "process_died")
    assert len(service.analyser.analysed) == 1


def test_session_without_applicant_expires(start_service: StartService) -> None:
    service = start_service(session_ttl_s=0.001)
    created = service.create()
    assert expire_sessions(service.context) in (0, 1)  # the runner may have been faster
    record = service.retrieve(created["id"])["session_record"]
    assert (record["status"], record["is_final"]) == ("EXPIRED", True)
    assert _events(service, created["id"])[-1][1] == "session.status.expired"


def test_live_with_steps_left_goes_on(service: Service) -> None:
    with service.context.database.write() as db:
        workflow = db.get_one(Workflow, DEFAULT_WORKFLOW_ID)
        workflow.steps = ["deepfake_detection", "document"]
        db.add(workflow)
    record = service.judged(service.captured())
    assert (record["status"], record["session_progress"]) == ("PENDING", "STARTED")
    assert record["analysis_data"]["deepfake_detection_data"]["verdict"] == "LIVE"


def test_session_whose_applicant_does_not_come_back_expires(service: Service) -> None:
    with service.context.database.write() as db:
        workflow = db.get_one(Workflow, DEFAULT_WORKFLOW_ID)
        workflow.steps = ["deepfake_detection", "document"]
        db.add(workflow)
    session_id = service.captured()
    service.judged(session_id)
    with service.context.database.write() as db:
        session = db.get_one(SessionRow, session_id)
        session.expires_at = 1
        db.add(session)
    assert expire_sessions(service.context) == 1
    assert service.retrieve(session_id)["session_record"]["status"] == "EXPIRED"


def test_change_that_rests_on_an_outdated_row_fails(service: Service) -> None:
    session_id = service.create()["id"]
    with service.context.database.read() as db:
        outdated = db.get_one(SessionRow, session_id)
    service.client.patch(
        f"/v1/sessions/{session_id}", json={"status": "VOIDED"}, headers=service.auth
    )
    with service.context.database.write() as db:
        outdated.status = "VERIFIED"
        db.add(outdated)
        with pytest.raises(StaleDataError):
            db.flush()
        db.rollback()

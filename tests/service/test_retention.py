"""Periods by kind of data, with a clock of the test's own."""

from __future__ import annotations

import pytest
from sqlmodel import select

from service.clock import now_ms
from service.media.retention import enforce_retention
from service.media.tables import ErasureRow, MediaKeyRow
from service.tables import DEFAULT_WORKFLOW_ID, EventRow, Workflow
from service.voice.tables import VoiceEventRow, VoiceprintRow, VoiceRequestRow
from tests.service.running_service import Service, StartService
from tests.service.service_builders import BuilderAnalyser, deepfake_evidence
from tests.service.voice_builders import StartVoices, context_of

_DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def stored(start_service: StartService, database_url: str) -> Service:
    """A running service on each kind of database."""
    return start_service(database_url=database_url)


def _after(service: Service, days: float) -> int:
    now, count = now_ms() + round(days * _DAY_MS), 0
    while erased := enforce_retention(service.context, now):
        count += erased
    return count


def test_media_goes_first_and_the_rest_stays(stored: Service) -> None:
    service = stored
    session_id = service.captured()
    before = service.judged(session_id)
    link = service.retrieve(session_id)["resource_links"]["audio"]
    assert _after(service, 29) == 0
    assert _after(service, 31) == 1
    after = service.retrieve(session_id)
    assert (after["resource_links"], after["session_record"]["uploads"]) == ({}, {})
    assert after["session_record"]["analysis_data"] == before["analysis_data"]
    assert service.client.get(link).status_code == 404
    assert not list((service.context.settings.data_dir / "media").rglob("*.*"))
    with service.context.database.read() as db:
        assert not db.exec(select(MediaKeyRow)).all()
    assert _after(service, 31) == 0


def test_evidence_goes_before_the_verdict(stored: Service) -> None:
    service = stored
    session_id = service.captured()
    service.judged(session_id)
    _after(service, 181)
    data = service.retrieve(session_id)["session_record"]["analysis_data"]
    assert data["deepfake_detection_data"]["verdict"] == "LIVE"
    assert data["deepfake_detection_evidence"] == {}


def test_sessions_go_as_if_they_were_erased_by_hand(stored: Service) -> None:
    service = stored
    session_id = service.captured()
    service.judged(session_id)
    _after(service, 366)
    answer = service.client.get(f"/v1/sessions/{session_id}", headers=service.auth)
    assert answer.status_code == 404
    with service.context.database.read() as db:
        tombstone = db.get_one(ErasureRow, session_id)
        assert not db.exec(select(EventRow)).all()
    assert (tombstone.actor, tombstone.reason) == ("retention", "retention")
    assert tombstone.finished_at is not None


@pytest.mark.parametrize(("days", "is_kept"), [(6, True), (8, False)])
def test_a_workflow_has_periods_of_its_own(service: Service, days: int, is_kept: bool) -> None:
    with service.context.database.write() as db:
        workflow = db.get_one(Workflow, DEFAULT_WORKFLOW_ID)
        workflow.media_retention_s = 7 * 24 * 3600
        db.add(workflow)
    session_id = service.captured()
    service.judged(session_id)
    _after(service, days)
    assert bool(service.retrieve(session_id)["resource_links"]) is is_kept


def test_what_is_being_analysed_is_left_alone(start_service: StartService) -> None:
    service = start_service(BuilderAnalyser(analyse_pause_s=20), drain_timeout_s=0)
    session_id = service.captured()
    assert _after(service, 400) == 0
    assert service.retrieve(session_id)["resource_links"]


def test_a_new_attempt_after_the_media_is_gone(start_service: StartService) -> None:
    service = start_service(BuilderAnalyser(deepfake_evidence()))
    session_id = service.captured()
    assert service.judged(session_id)["status"] == "REJECTED"
    _after(service, 31)
    started = service.client.post(f"/v1/sessions/{session_id}/attempts", headers=service.auth)
    assert service.capture(service.token_of(started.json())).status_code == 202
    assert service.judged(session_id)["attempt"] == 2
    links = service.retrieve(session_id)["resource_links"]
    assert service.client.get(links["audio"]).status_code == 200


def test_voice_requests_go_and_the_voiceprint_stays(start_voices: StartVoices) -> None:
    voices = start_voices()
    voices.enroll()
    voices.verify(voices.ear.recording())
    context = context_of(voices.client)
    assert enforce_retention(context, now_ms() + 89 * _DAY_MS) == 0
    assert enforce_retention(context, now_ms() + 91 * _DAY_MS) > 0
    with context.database.read() as db:
        assert not db.exec(select(VoiceRequestRow)).all()
        assert not db.exec(select(VoiceEventRow)).all()
        assert len(db.exec(select(VoiceprintRow)).all()) == 1
    assert voices.verify(voices.ear.recording())["status"] == "completed"

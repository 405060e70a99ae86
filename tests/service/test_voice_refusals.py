"""The voice endpoints under bad input, faults, replays, other tenants, restarts; and erasure."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from sqlmodel import select

from layers.voice.speaker.protocol import EncoderMissingError
from service.app import create_app
from service.casing import Casing
from service.context import Context
from service.jobs.in_process import InProcessRunner
from service.keys import create_key
from service.tables import Organization
from service.voice.tables import VoiceprintRow
from tests.service.service_builders import BuilderAnalyser, settings_in
from tests.service.voice_builders import (
    BuilderEar,
    StartVoices,
    Voices,
    compare,
    context_of,
    events,
    voice_vector,
)

OTHER = 0.3  # cosine with the enrolled voice: another person


def test_audio_that_can_not_be_judged_is_refused_with_hints(voices: Voices) -> None:
    ear = voices.ear
    bad = {
        "AUDIO_RATE_TOO_LOW": ear.recording(rate_hz=8000),
        "SPEECH_TOO_SHORT": ear.recording(speech_s=2.9),
        "UNREADABLE_MEDIA": b"RIFF\x00\x00\x00\x00WAVE" + bytes(50),
    }
    for code, content in bad.items():
        response = voices.send("enrollments", content)
        problem = response.json()["error"]
        assert (response.status_code, problem["code"]) == (422, "INVALID_MEDIA"), code
        assert [one["code"] for one in problem["findings"]] == [code]
        assert problem["findings"][0]["hint"]
    response = voices.send("enrollments", b"not sound at all")
    assert response.status_code == 415
    assert compare(voices, ear.recording(), ear.recording(speech_s=1.1)).status_code == 422
    # Nothing of it was kept, and nothing ran.
    assert ear.reads == 0
    assert not list((context_of(voices.client).settings.data_dir / "voice").glob("*"))


def test_fields_are_checked_and_named(voices: Voices) -> None:
    def refused(body: Any) -> tuple[int, set[str]]:
        response = voices.client.post("/v1/voice/verifications", json=body, headers=voices.headers)
        return response.status_code, {one["field"] for one in response.json()["error"]["fields"]}

    good = {"request_uuid": str(uuid.uuid4()), "external_id": "ada", "voice_data": "AAAA"}
    assert refused({}) == (422, {"request_uuid", "external_id", "voice_data"})
    assert refused([]) == (422, {""})
    assert refused(good | {"voice_data": "no base64!"}) == (422, {"voice_data"})
    assert refused(good | {"request_uuid": "1"}) == (422, {"request_uuid"})
    assert refused(good | {"use_case": "anything"}) == (422, {"use_case"})
    response = voices.client.post(
        "/v1/voice/verifications",
        content=b"{",
        headers=voices.headers | {"content-type": "text/csv"},
    )
    assert response.status_code == 415
    for content in (b"{", b"\xff", b'{"a":' + 5000 * b"1" + b"}"):
        response = voices.client.post(
            "/v1/voice/verifications",
            content=content,
            headers=voices.headers | {"content-type": "application/json"},
        )
        assert (response.status_code, response.json()["error"]["code"]) == (400, "BAD_REQUEST")


def test_a_body_over_the_limit_is_refused(start_voices: StartVoices) -> None:
    voices = start_voices(max_voice_bytes=10_000)
    response = voices.send("enrollments", bytes(20_000))
    assert (response.status_code, response.json()["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")


def test_a_replayed_request_uuid_gives_the_first_result_and_runs_once(voices: Voices) -> None:
    voices.enroll()
    reads, same = voices.ear.reads, str(uuid.uuid4())
    content = voices.ear.recording()
    first = voices.send("verifications", content, request_uuid=same)
    again = voices.send("verifications", content, request_uuid=same.upper())
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert voices.ear.reads == reads + 1
    other = voices.ear.recording(match=OTHER)
    assert voices.refused(other, request_uuid=same) == (409, "REQUEST_UUID_REUSED")
    assert voices.refused(content, request_uuid=same, external_id="bob") == (
        409,
        "REQUEST_UUID_REUSED",
    )


def test_another_tenant_sees_nothing(voices: Voices) -> None:
    database = context_of(voices.client).database
    with database.write() as db:
        db.add(Organization(id="other", name="Other"))
    stranger = Voices(
        voices.client,
        voices.ear,
        {"x-api-key": create_key(database, name="other", organization_id="other").text},
    )
    enrolled = voices.enroll()
    content = voices.ear.recording()
    assert stranger.refused(content) == (404, "VOICEPRINT_NOT_FOUND")
    path = f"/v1/voice/enrollments/{enrolled['enrollment_id']}"
    assert voices.client.get(path, headers=stranger.headers).status_code == 404
    assert (
        voices.client.delete("/v1/voice/voiceprints/ada", headers=stranger.headers).status_code
        == 404
    )
    # The same external_id is another person there; the same uuid another request.
    other = stranger.enroll(
        voices.ear.recording(match=OTHER), request_uuid=enrolled["request_uuid"]
    )
    assert other["enrollment_id"] != enrolled["enrollment_id"]
    assert stranger.verify(content)["result"] == "rejected"
    assert voices.verify(content)["result"] == "verified"


def test_camel_case_keys_get_camel_case(voices: Voices) -> None:
    voices.enroll()
    key = create_key(context_of(voices.client).database, name="camel", casing=Casing.CAMEL).text
    data = {"requestUuid": str(uuid.uuid4()), "externalId": "ada", "useCase": "high_value"}
    answer = voices.client.post(
        "/v1/voice/verifications",
        data=data,
        files={"voiceData": ("v.wav", voices.ear.recording())},
        headers={"x-api-key": key, "prefer": "respond-async, wait=5"},
    ).json()
    assert answer["matchScore"] > 0.9
    assert answer["useCase"] == "high_value"
    assert "speaker-ge2e" in answer["models"]


def test_a_comparison_that_takes_too_long_says_so(start_voices: StartVoices) -> None:
    voices = start_voices(voice_timeout_s=0.05)
    voices.ear.pause_s = 5.0
    response = compare(voices, voices.ear.recording(), voices.ear.recording())
    problem = response.json()["error"]
    assert (response.status_code, problem["code"]) == (504, "ANALYSIS_TIMED_OUT")
    assert "0.05 s" in problem["message"]
    answer = voices.enroll()
    assert (answer["status"], answer["failure_reason"]) == ("failed", "analysis_timed_out")


def test_a_fault_fails_the_request_and_is_no_mismatch(voices: Voices) -> None:
    voices.enroll()
    voices.ear.error = RuntimeError("boom")
    answer = voices.verify(voices.ear.recording())
    assert (answer["status"], answer["failure_reason"]) == ("failed", "analysis_crashed")
    assert answer["result"] is None
    voices.ear.error = EncoderMissingError("pip install --no-deps resemblyzer==0.1.4")
    response = compare(voices, voices.ear.recording(), voices.ear.recording())
    problem = response.json()["error"]
    assert (response.status_code, problem["code"]) == (503, "SPEAKER_ENCODER_MISSING")
    assert "pip install" in problem["message"]


def test_a_voiceprint_of_another_encoder_is_not_compared(voices: Voices) -> None:
    voices.enroll()
    answer = voices.verify(voices.ear.recording(digest="cd" * 32))
    assert (answer["status"], answer["failure_reason"]) == ("failed", "voiceprint_outdated")


def test_erasure_leaves_no_byte_of_the_voiceprint(voices: Voices) -> None:
    voices.enroll(voices.ear.recording(match=0.123))
    context = context_of(voices.client)
    with context.database.read() as db:
        row = db.exec(select(VoiceprintRow)).one()
    embedding = voice_vector(0.123).tobytes()
    assert embedding[:8] not in _files(context)  # encrypted: never there in the clear
    assert row.sealed[12:44] in _files(context)
    response = voices.client.delete("/v1/voice/voiceprints/ada", headers=voices.headers)
    assert response.status_code == 204
    left = _files(context)
    assert row.sealed[12:44] not in left
    assert embedding[:8] not in left
    again = voices.client.delete("/v1/voice/voiceprints/ada", headers=voices.headers)
    assert (again.status_code, again.json()["error"]["code"]) == (404, "VOICEPRINT_NOT_FOUND")
    assert voices.refused(voices.ear.recording()) == (404, "VOICEPRINT_NOT_FOUND")
    assert [event.type for event in events(voices)][-1] == "voice.enrollment.erased"


def test_any_external_id_can_be_erased(voices: Voices) -> None:
    voices.enroll(external_id="a/b c?ü")
    path = "/v1/voice/voiceprints/a%2Fb%20c%3F%C3%BC"
    assert voices.client.delete(path, headers=voices.headers).status_code == 204


def _files(context: Context) -> bytes:
    files = sorted(context.settings.data_dir.glob("bonafide.sqlite3*"))
    return b"".join(path.read_bytes() for path in files)


def test_too_many_waiting_recordings_are_told_to_come_back(start_voices: StartVoices) -> None:
    voices = start_voices(max_voice_requests=1)
    voices.ear.pause_s = 1.0
    first = voices.send("enrollments", voices.ear.recording(), wait=False)
    assert first.status_code == 202
    second = voices.send("enrollments", voices.ear.recording(), wait=False, external_id="bob")
    assert second.status_code == 429
    assert int(second.headers["retry-after"]) > 0


def test_what_was_under_way_is_taken_up_after_a_restart(
    start_voices: StartVoices, tmp_path: Path
) -> None:
    before = start_voices()
    before.ear.pause_s = 60.0
    content = before.ear.recording()
    request = before.send("enrollments", content, wait=False)
    assert request.json()["status"] == "processing"
    before.client.__exit__(None, None, None)
    ear = BuilderEar(known=before.ear.known)
    app = create_app(settings_in(tmp_path), BuilderAnalyser(), ear, jobs=InProcessRunner())
    with TestClient(app, base_url="https://kyc.example.com") as client:
        for _ in range(200):
            view = client.get(request.headers["location"], headers=before.headers).json()
            if view["status"] != "processing":
                break
            time.sleep(0.01)
        assert view["status"] == "completed"
        assert not list((context_of(client).settings.data_dir / "voice").glob("*"))

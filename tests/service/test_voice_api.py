"""The voice endpoints over HTTP: contract, order of the rules, idempotency, tenants, erasure."""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from layers.voice.speaker.protocol import EncoderMissingError
from service.app import create_app
from service.casing import Casing
from service.context import Context
from service.keys import create_key
from service.tables import Organization
from service.voice.tables import VoiceEventRow, VoiceprintRow
from tests.service.service_builders import BuilderAnalyser, settings_in
from tests.service.voice_builders import BuilderEar, Voices, voice_vector

# Cosines with the enrolled voice, by the shipped policy: 75 lies at 0.71, 55 at 0.66.
SAME, UNCLEAR, OTHER = 0.95, 0.69, 0.3
StartVoices = Callable[..., Voices]


@pytest.fixture
def start_voices(tmp_path: Path) -> Iterator[StartVoices]:
    """Start a service; keyword arguments are settings."""
    with ExitStack() as stack:

        def start(**settings: Any) -> Voices:
            ear = BuilderEar()
            app = create_app(settings_in(tmp_path, **settings), BuilderAnalyser(), ear)
            client = stack.enter_context(
                TestClient(app, base_url="https://kyc.example.com", raise_server_exceptions=False)
            )
            key = create_key(context_of(client).database, name="test").text
            return Voices(client, ear, {"x-api-key": key})

        yield start


@pytest.fixture
def voices(start_voices: StartVoices) -> Voices:
    return start_voices()


def context_of(client: TestClient) -> Context:
    context: Context = client.app.state.context  # type: ignore[attr-defined]
    return context


def events(voices: Voices) -> list[VoiceEventRow]:
    with context_of(voices.client).database.read() as db:
        return list(db.exec(select(VoiceEventRow).order_by("created_at", "sequence")).all())


def compare(voices: Voices, one: bytes, other: bytes) -> Any:
    files = {"recording_a": ("a.wav", one), "recording_b": ("b.wav", other)}
    return voices.client.post("/v1/voice/compare", files=files, headers=voices.headers)


@pytest.mark.parametrize(
    ("match", "risk", "meaning", "level"),
    [
        (SAME, 5, "same_person", "low"),
        (SAME, 60, "possible_cloning_attack", "highest"),
        (SAME, 59, "same_person", "low"),
        (UNCLEAR, 5, "inconclusive", "medium"),
        (OTHER, 5, "different_people", "medium"),
        (OTHER, 99, "different_people", "high"),
    ],
)
def test_compare_has_four_outcomes(
    voices: Voices, match: float, risk: int, meaning: str, level: str
) -> None:
    one, other = voices.ear.recording(), voices.ear.recording(match=match, risk=risk)
    answer = compare(voices, one, other).json()
    assert (answer["interpretation"], answer["risk_level"]) == (meaning, level)
    assert answer["cosine"] == pytest.approx(match, abs=1e-4)
    assert answer["recording_a"]["verdict"] == "LIVE"
    second = answer["recording_b"]
    assert (second["score_pct"], second["alert"]) == (risk, risk >= 60)
    assert second["verdict"] == ("DEEPFAKE" if risk >= 60 else "LIVE")
    assert second["detector_score"] == -risk  # the raw score is always there
    security = [event.type for event in events(voices)]
    wanted = {"possible_cloning_attack": ["security.possible_cloning_attack"]}
    assert security == wanted.get(meaning, ["security.deepfake_detected"] if risk >= 60 else [])


def test_a_recording_that_nobody_can_judge_well_is_inconclusive_not_live(voices: Voices) -> None:
    poor = voices.ear.recording(confidence=69)
    answer = compare(voices, poor, voices.ear.recording()).json()
    assert answer["recording_a"]["verdict"] == "INCONCLUSIVE"


def test_compare_reads_json_in_both_casings(voices: Voices) -> None:
    sound = base64.b64encode(voices.ear.recording()).decode()
    bodies = (
        {"recording_a": sound, "recording_b": sound},
        {"recordingA": sound, "recordingB": f"data:audio/wav;base64,{sound}"},
    )
    for body in bodies:
        response = voices.client.post("/v1/voice/compare", json=body, headers=voices.headers)
        assert response.status_code == 200, response.text
        assert response.json()["similarity_pct"] > 90


def test_enrol_verify_and_look_up(voices: Voices) -> None:
    enrolled = voices.enroll()
    assert (enrolled["status"], enrolled["reason_code"]) == ("completed", None)
    assert enrolled["voiceprint_quality_score"] == 0.9
    answer = voices.verify(voices.ear.recording(match=SAME))
    assert (answer["result"], answer["reason_code"]) == ("verified", "live")
    assert answer["match_score"] == pytest.approx(answer["similarity_pct"] / 100)
    assert (answer["deepfake_detected"], answer["retry_allowed"]) == (False, False)
    assert answer["recording"]["p_attack"] == 0.05
    assert answer["models"]["speaker-ge2e"]
    path = f"/v1/voice/verifications/{answer['verification_id']}"
    assert voices.client.get(path, headers=voices.headers).json() == answer
    types = [event.type for event in events(voices)]
    assert types == ["voice.enrollment.completed", "voice.verification.completed"]


def test_without_prefer_the_answer_is_202_and_polling_gives_the_result(voices: Voices) -> None:
    voices.enroll()
    response = voices.send("verifications", voices.ear.recording(), wait=False)
    assert response.status_code == 202
    assert response.json()["result"] is None
    for _ in range(200):
        view = voices.client.get(response.headers["location"], headers=voices.headers).json()
        if view["status"] != "processing":
            break
        time.sleep(0.01)
    assert view["result"] == "verified"


def test_another_voice_is_rejected_and_an_unclear_one_may_try_once_more(voices: Voices) -> None:
    voices.enroll()
    other = voices.verify(voices.ear.recording(match=OTHER))
    assert (other["result"], other["reason_code"]) == ("rejected", "voice_mismatch")
    first = voices.verify(voices.ear.recording(match=UNCLEAR))
    assert (first["result"], first["reason_code"]) == ("inconclusive", "low_confidence")
    assert first["retry_allowed"] is True
    second = voices.verify(voices.ear.recording(match=UNCLEAR))
    assert (second["result"], second["retry_allowed"]) == ("inconclusive", False)
    assert voices.refused(voices.ear.recording(match=SAME)) == (409, "VOICE_RETRY_CLOSED")


def test_synthetic_audio_is_rejected_first_whatever_it_matches(
    voices: Voices, caplog: pytest.LogCaptureFixture
) -> None:
    voices.enroll()
    # A perfect match of poor quality: the deepfake decides before quality and match.
    answer = voices.verify(voices.ear.recording(match=SAME, risk=60, quality=0.1, confidence=10))
    assert (answer["result"], answer["deepfake_detected"]) == ("rejected", True)
    assert answer["reason_code"] == "synthetic_audio_detected"
    assert answer["retry_allowed"] is False
    security = next(event for event in events(voices) if event.type.startswith("security."))
    assert security.details["match_score"] == answer["match_score"] > 0.9
    logged = next(record for record in caplog.records if "security" in record.getMessage())
    assert logged.match_score == answer["match_score"]  # type: ignore[attr-defined]
    # No voice retry, also not in continuous use.
    genuine = voices.ear.recording()
    assert voices.refused(genuine) == (409, "VOICE_RETRY_CLOSED")
    assert voices.refused(genuine, use_case="continuous") == (409, "VOICE_RETRY_CLOSED")


def test_voice_opens_again_after_the_time_in_the_policy(
    start_voices: StartVoices, tmp_path: Path
) -> None:
    overlay = tmp_path / "policy.toml"
    overlay.write_text(
        'version = "test"\n[speaker.retry.closed_s]\nvalue = 0\nunit = "s"\n'
        'source = "placeholder"\nbasis = "never closed"\ndate = 2026-11-21\n',
        encoding="utf-8",
    )
    voices = start_voices(policy_file=overlay)
    voices.enroll()
    assert voices.verify(voices.ear.recording(risk=90))["result"] == "rejected"
    time.sleep(0.01)  # the clock counts milliseconds
    assert voices.verify(voices.ear.recording())["result"] == "verified"


def test_thresholds_by_use(voices: Voices) -> None:
    voices.enroll()
    # A similarity between 80 and 90: enough for a contact centre, not for a high value.
    between = voices.ear.recording(match=0.75)
    answer = voices.verify(between)
    assert (answer["result"], answer["threshold"]) == ("verified", 0.8)
    assert 0.8 <= answer["match_score"] < 0.9
    high = voices.verify(between, use_case="high_value")
    assert (high["result"], high["threshold"]) == ("inconclusive", 0.9)


def test_in_continuous_use_the_trend_decides_and_not_one(voices: Voices) -> None:
    voices.enroll()
    good, bad = voices.ear.recording(match=SAME), voices.ear.recording(match=OTHER)
    answers = [voices.verify(content, use_case="continuous") for content in (good, good, good, bad)]
    assert [one["result"] for one in answers] == [
        "inconclusive",
        "inconclusive",
        "verified",
        "inconclusive",
    ]
    last = answers[-1]
    scores = [one["match_score"] for one in answers]
    assert last["trend"]["mean_match_score"] == pytest.approx(sum(scores) / 4, abs=1e-3)
    assert last["trend"]["verifications"] == 4
    for _ in range(2):
        last = voices.verify(bad, use_case="continuous")
    assert (last["result"], last["reason_code"]) == ("rejected", "voice_mismatch")


def test_enrolment_fails_below_the_quality_and_keeps_the_earlier_voiceprint(
    voices: Voices,
) -> None:
    voices.enroll()
    poor = voices.enroll(voices.ear.recording(match=OTHER, quality=0.49))
    assert (poor["status"], poor["reason_code"]) == ("failed", "insufficient_audio_quality")
    clone = voices.enroll(voices.ear.recording(match=OTHER, risk=95))
    assert (clone["status"], clone["reason_code"]) == ("failed", "synthetic_audio_detected")
    assert voices.verify(voices.ear.recording())["result"] == "verified"
    # Poor audio of a verification is inconclusive, never a mismatch.
    answer = voices.verify(voices.ear.recording(match=OTHER, quality=0.49))
    assert (answer["result"], answer["reason_code"]) == (
        "inconclusive",
        "insufficient_audio_quality",
    )


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
        voices.client.delete("/v1/voice/enrollments/ada", headers=stranger.headers).status_code
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
    response = voices.client.delete("/v1/voice/enrollments/ada", headers=voices.headers)
    assert response.status_code == 204
    left = _files(context)
    assert row.sealed[12:44] not in left
    assert embedding[:8] not in left
    again = voices.client.delete("/v1/voice/enrollments/ada", headers=voices.headers)
    assert (again.status_code, again.json()["error"]["code"]) == (404, "VOICEPRINT_NOT_FOUND")
    assert voices.refused(voices.ear.recording()) == (404, "VOICEPRINT_NOT_FOUND")
    assert [event.type for event in events(voices)][-1] == "voice.enrollment.erased"


def test_any_external_id_can_be_erased(voices: Voices) -> None:
    voices.enroll(external_id="a/b c?ü")
    path = "/v1/voice/enrollments/a%2Fb%20c%3F%C3%BC"
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
    app = create_app(settings_in(tmp_path), BuilderAnalyser(), ear)
    with TestClient(app, base_url="https://kyc.example.com") as client:
        for _ in range(200):
            view = client.get(request.headers["location"], headers=before.headers).json()
            if view["status"] != "processing":
                break
            time.sleep(0.01)
        assert view["status"] == "completed"
        assert not list((context_of(client).settings.data_dir / "voice").glob("*"))

"""Voice requests that overlap with each other or an erasure, and keys that change."""

from __future__ import annotations

import base64
import time
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from service.database import Database
from service.tables import Organization
from service.voice.tables import VoiceprintRow
from tests.service.service_builders import settings_in
from tests.service.voice_builders import StartVoices, Voices, context_of, events

SAME, UNCLEAR = 0.95, 0.69  # cosines with the enrolled voice


def _begin(voices: Voices, content: bytes, pause_s: float, kind: str = "verifications") -> str:
    """Send without waiting; it ends after `pause_s`."""
    voices.ear.pause_s = pause_s
    response = voices.send(kind, content, wait=False)
    assert response.status_code == 202
    location: str = response.headers["location"]
    return location


def _ended(voices: Voices, location: str) -> dict[str, Any]:
    for _ in range(300):
        view: dict[str, Any] = voices.client.get(location, headers=voices.headers).json()
        if view["status"] != "processing":
            return view
        time.sleep(0.01)
    raise AssertionError(location)


def test_synthetic_audio_closes_voice_for_what_is_already_under_way(voices: Voices) -> None:
    voices.enroll()
    clone = _begin(voices, voices.ear.recording(match=SAME, risk=90), 0.1)
    genuine = _begin(voices, voices.ear.recording(match=SAME), 0.5)
    second_clone = _begin(voices, voices.ear.recording(match=SAME, risk=91), 0.5)
    assert _ended(voices, clone)["result"] == "rejected"
    late = _ended(voices, genuine)
    assert (late["status"], late["result"]) == ("failed", None)
    assert late["failure_reason"] == "voice_retry_closed"
    # What is synthetic is still rejected and told as such: nothing outweighs it.
    assert _ended(voices, second_clone)["reason_code"] == "synthetic_audio_detected"


def test_recordings_sent_at_once_have_one_retry_together(voices: Voices) -> None:
    voices.enroll()
    unclear = [_begin(voices, voices.ear.recording(match=UNCLEAR), 0.1) for _ in range(2)]
    third = _begin(voices, voices.ear.recording(match=SAME), 0.5)
    assert {_ended(voices, one)["result"] for one in unclear} == {"inconclusive"}
    assert _ended(voices, third)["failure_reason"] == "voice_retry_closed"


def test_synthetic_audio_is_rejected_also_where_nothing_can_be_compared(voices: Voices) -> None:
    voices.enroll()
    answer = voices.verify(voices.ear.recording(risk=90, digest="cd" * 32))  # another encoder
    _is_rejected_unmatched(answer)
    security = [one for one in events(voices) if one.type == "security.deepfake_detected"]
    assert [one.details["match_score"] for one in security] == [None]
    assert voices.refused(voices.ear.recording()) == (409, "VOICE_RETRY_CLOSED")


def test_synthetic_audio_is_rejected_also_when_the_voiceprint_was_erased(voices: Voices) -> None:
    voices.enroll()
    location = _begin(voices, voices.ear.recording(risk=90), 0.3)
    assert _erase(voices) == 204
    _is_rejected_unmatched(_ended(voices, location))


def test_erasure_reaches_an_enrolment_under_way(voices: Voices) -> None:
    location = _begin(voices, voices.ear.recording(), 0.3, "enrollments")
    assert _erase(voices) == 204
    answer = _ended(voices, location)
    assert (answer["status"], answer["failure_reason"]) == ("failed", "erased")
    time.sleep(0.5)  # until the reading that nobody waits for has ended
    context = context_of(voices.client)
    with context.database.read() as db:
        assert db.exec(select(VoiceprintRow)).all() == []
    assert not list((context.settings.data_dir / "voice").glob("*"))
    types = [one.type for one in events(voices)]
    assert types == ["voice.enrollment.failed"]


def test_another_key_is_noticed_at_start_and_is_no_mismatch(
    start_voices: StartVoices, caplog: pytest.LogCaptureFixture
) -> None:
    voices = start_voices()
    voices.enroll()
    voices.client.__exit__(None, None, None)
    assert "sealed with another key" not in caplog.text
    after = start_voices(voiceprint_key=base64.b64encode(bytes(32)).decode())
    noticed = [one for one in caplog.records if "sealed with another key" in one.getMessage()]
    assert [one.__dict__["count"] for one in noticed] == [1]
    answer = after.verify(after.ear.recording())
    assert (answer["status"], answer["failure_reason"]) == ("failed", "voiceprint_key_wrong")


def test_a_log_that_readers_keep_is_not_called_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.database._BUSY_TIMEOUT_MS", 20)
    database = Database(settings_in(tmp_path))
    database.create()
    with database.read() as reader:
        reader.exec(select(VoiceprintRow)).all()
        with database.write() as db:
            db.add(Organization(id="other", name="Other"))
        assert not database.flush_log()
    assert database.flush_log()
    database.close()


def test_prefer_wait_counts_from_the_start_of_the_request(start_voices: StartVoices) -> None:
    # Counted from the end of decoding, the answer would take 3.7 s; a busy machine adds a second.
    voices = start_voices(max_voice_wait_s=2.0)
    voices.ear.decode_pause_s, voices.ear.pause_s = 1.7, 5.0
    begin = time.monotonic()
    response = voices.send("enrollments", voices.ear.recording())
    assert response.status_code == 202
    assert time.monotonic() - begin < 3.1


def _erase(voices: Voices) -> int:
    path = "/v1/voice/voiceprints/ada"
    return int(voices.client.delete(path, headers=voices.headers).status_code)


def _is_rejected_unmatched(answer: dict[str, Any]) -> None:
    assert (answer["status"], answer["result"]) == ("completed", "rejected")
    assert (answer["reason_code"], answer["rule"]) == (
        "synthetic_audio_detected",
        "synthetic_audio",
    )
    assert (answer["match_score"], answer["similarity_pct"], answer["cosine"]) == (None, None, None)

"""Voice events reach their endpoints, with the result of the request that they are about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from standardwebhooks import Webhook

from service.api.voice_schemas import VoiceEnrollment, VoiceVerification
from tests.service.voice_builders import StartVoices, Voices, compare
from tests.service.webhook_builders import AT_ONCE, INSIDE
from tests.service.webhook_receiver import Receiver


@dataclass
class _Told:
    """A tenant that is told of its voices."""

    voices: Voices
    receiver: Receiver
    secret: str

    def messages(self, n: int) -> list[dict[str, Any]]:
        verifier = Webhook(self.secret)
        return [verifier.verify(one.body, one.headers) for one in self.receiver.wait_for(n)]


@pytest.fixture
def told(start_voices: StartVoices, receiver: Receiver) -> _Told:
    """A service with ears whose tenant wants every event."""
    voices = start_voices(**INSIDE, webhook_schedule_s=AT_ONCE)
    made = voices.client.post(
        "/v1/webhook-endpoints",
        json={"url": receiver.url, "events": ["voice.*", "security.*"]},
        headers=voices.headers,
    )
    assert made.status_code == 201, made.text
    return _Told(voices, receiver, made.json()["secret"])


def test_the_result_by_webhook(told: _Told) -> None:
    enrolled = told.voices.enroll()
    verified = told.voices.verify(told.voices.ear.recording(match=0.95))
    first, second = told.messages(2)
    assert first["type"] == "voice.enrollment.completed"
    assert first["data"] == enrolled
    VoiceEnrollment.model_validate(first["data"])
    assert (second["type"], second["external_id"]) == ("voice.verification.completed", "ada")
    assert second["data"] == verified
    assert second["subject_id"] == verified["verification_id"]
    assert second["details"]["result"] == "verified"
    VoiceVerification.model_validate(second["data"])


def test_synthetic_audio_is_told_before_its_result(told: _Told) -> None:
    told.voices.enroll()
    told.voices.verify(told.voices.ear.recording(match=0.95, risk=90))
    security, result = told.messages(3)[1:]
    assert [security["type"], result["type"]] == [
        "security.deepfake_detected",
        "voice.verification.completed",
    ]
    assert [security["sequence"], result["sequence"]] == [1, 2]
    for message in (security, result):
        assert (message["data"]["status"], message["data"]["result"]) == ("completed", "rejected")
        assert message["data"]["completed_at"]


def test_a_comparison_and_an_erasure(told: _Told) -> None:
    told.voices.enroll()
    compare(told.voices, told.voices.ear.recording(), told.voices.ear.recording(risk=90))
    erased = told.voices.client.delete("/v1/voice/voiceprints/ada", headers=told.voices.headers)
    assert erased.status_code == 204
    types = [one["type"] for one in told.messages(3)]
    assert types == [
        "voice.enrollment.completed",
        "security.possible_cloning_attack",
        "voice.enrollment.erased",
    ]

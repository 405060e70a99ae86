"""The voice endpoints over HTTP: the answers of the contract and the order of the rules."""

from __future__ import annotations

import base64
import time
from pathlib import Path

import pytest

from tests.service.voice_builders import (
    StartVoices,
    Voices,
    compare,
    events,
)

# Cosines with the enrolled voice, by the shipped policy: 75 lies at 0.71, 55 at 0.65.
SAME, UNCLEAR, OTHER = 0.95, 0.69, 0.3


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
    assert (answer["interpretation"], answer["risk_level"]) == ("same_person", "medium")


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


def test_what_the_detector_could_not_judge_carries_no_trend(voices: Voices) -> None:
    voices.enroll()
    unsure, good = voices.ear.recording(confidence=69), voices.ear.recording()
    for content in (unsure, unsure, good):
        last = voices.verify(content, use_case="continuous")
    assert (last["result"], last["rule"]) == ("inconclusive", "trend_too_short")
    assert last["trend"]["verifications"] == 1


def test_enrolment_fails_below_the_quality_and_keeps_the_earlier_voiceprint(
    voices: Voices,
) -> None:
    voices.enroll()
    poor = voices.enroll(voices.ear.recording(match=OTHER, quality=0.49))
    assert (poor["status"], poor["reason_code"]) == ("failed", "insufficient_audio_quality")
    clone = voices.enroll(voices.ear.recording(match=OTHER, risk=95))
    assert (clone["status"], clone["reason_code"]) == ("failed", "synthetic_audio_detected")
    # Where the detector can't tell, nobody is enrolled: it may be a clone.
    unsure = voices.enroll(voices.ear.recording(match=OTHER, confidence=69))
    assert (unsure["status"], unsure["reason_code"]) == ("failed", "insufficient_audio_quality")
    assert voices.verify(voices.ear.recording())["result"] == "verified"
    # Poor audio of a verification is inconclusive, never a mismatch.
    answer = voices.verify(voices.ear.recording(match=OTHER, quality=0.49))
    assert (answer["result"], answer["reason_code"]) == (
        "inconclusive",
        "insufficient_audio_quality",
    )

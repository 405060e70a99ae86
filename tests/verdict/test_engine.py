"""The verdict: documented examples, each rule fires, doesn't fire and is pre-empted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import evidence, liveness, vision, voice
from verdict import Decision, decide, load_policy
from verdict.evidence import CheckName, Evidence, FailureKind, LayerName, NotExecuted, SignalCode
from verdict.measurement import QualityFinding
from verdict.rules import RULES, half_up
from verdict.voice_evidence import DetectorScore, VoiceResult, WindowScore
from verdict.wire import detection_data, detection_evidence, wire_time

POLICY = load_policy()
NOON = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)
LENIENCY = {"DEEPFAKE": 0, "INCONCLUSIVE": 1, "LIVE": 2}


def on_wire(given: Evidence) -> dict[str, Any]:
    return detection_data(decide(given, POLICY), NOON)


def crashed(layer: LayerName) -> NotExecuted:
    return NotExecuted(layer, FailureKind.CRASHED, "exit code -11")


def leniency(decision: Decision) -> int:
    return LENIENCY[decision.rule.verdict]


def test_documented_live_result() -> None:
    got = on_wire(evidence(vision_result=vision(22, 90), voice_result=voice(13, 88)))
    assert (got["verdict"], got["risk_score"]) == ("LIVE", 18)
    assert got["avg_layer_confidence"] == 89


def test_documented_deepfake_result() -> None:
    fired = (
        SignalCode.TEXTURE_SMOOTHING,
        SignalCode.BOUNDARY_ARTIFACTS,
        SignalCode.TEETH_RENDERING,
        SignalCode.SKIN_TONE_MISMATCH,
    )
    decision = decide(evidence(vision_result=vision(82, 90, *fired)), POLICY)
    got = detection_data(decision, NOON)
    assert (got["verdict"], got["risk_score"], decision.priority) == ("DEEPFAKE", 78, 3)
    assert got["layer_results"]["vision"]["signals"] == sorted(fired)


def test_documented_inconclusive_result() -> None:
    decision = decide(evidence(vision_result=vision(45, 50), voice_result=voice(36, 60)), POLICY)
    got = detection_data(decision, NOON)
    assert (got["verdict"], got["risk_score"], decision.priority) == ("INCONCLUSIVE", 41, 5)
    assert decision.rule.outcome == "SUBMITTED"


def test_wire_object_is_exactly_the_contract() -> None:
    assert on_wire(evidence()) == {
        "verdict": "LIVE",
        "risk_score": 18,
        "confidence": 89,
        "avg_layer_confidence": 89,
        "layer_results": {
            "liveness": {
                "passed": True,
                "checks": {
                    "landmark_detection": True,
                    "blink_detection": True,
                    "head_movement": True,
                    "frame_timing": True,
                },
            },
            "vision": {"risk_score": 22, "confidence": 90, "signals": []},
            "voice": {"risk_score": 13, "confidence": 88, "word_match": True},
        },
        "analyzed_at": "2026-11-20T12:00:00.123Z",
    }


@pytest.mark.parametrize(
    ("given_evidence", "priority", "reason"),
    [
        (evidence(liveness(CheckName.BLINK_DETECTION)), 1, "liveness_failed"),
        (evidence(voice_result=voice(13, 88, match=False)), 2, "word_mismatch"),
        (evidence(vision_result=vision(71, 90)), 3, "visual_deepfake"),
        (evidence(voice_result=voice(61, 88)), 4, "synthetic_audio_detected"),
        (evidence(vision_result=vision(22, 40)), 5, "low_confidence"),
        (evidence(), 6, "live"),
    ],
)
def test_each_rule_fires(given_evidence: Evidence, priority: int, reason: str) -> None:
    decision = decide(given_evidence, POLICY)
    assert (decision.priority, decision.reason_code) == (priority, reason)


@pytest.mark.parametrize(
    "given_evidence",
    [
        evidence(vision_result=vision(70, 90)),
        evidence(voice_result=voice(60, 88)),
        evidence(vision_result=vision(22, 70), voice_result=voice(13, 69)),
        evidence(voice_result=voice(13, 88, match=None)),
    ],
)
def test_rules_do_not_fire_on_their_threshold(given_evidence: Evidence) -> None:
    assert decide(given_evidence, POLICY).priority == 6


def test_earlier_rules_pre_empt_later_ones() -> None:
    everything = [
        (evidence(liveness(CheckName.FRAME_TIMING), vision(99, 10), voice(99, 10, match=False)), 1),
        (evidence(None, vision(99, 10), voice(99, 10, match=False)), 2),
        (evidence(None, vision(99, 10), voice(99, 10)), 3),
        (evidence(None, vision(10, 10), voice(99, 10)), 4),
        (evidence(None, vision(10, 10), voice(10, 10)), 5),
    ]
    assert [decide(given, POLICY).priority for given, _ in everything] == [1, 2, 3, 4, 5]


def test_the_last_rule_always_applies() -> None:
    assert RULES[-1].verdict == "LIVE"
    assert decide(evidence(vision_result=vision(0, 100), voice_result=voice(0, 100)), POLICY)


@pytest.mark.parametrize("failing", list(CheckName))
def test_gate_failures_raise_the_risk_to_the_floor(failing: CheckName) -> None:
    assert on_wire(evidence(liveness(failing)))["risk_score"] == 90
    assert on_wire(evidence(voice_result=voice(13, 88, match=False)))["risk_score"] == 90
    assert on_wire(evidence(liveness(failing), vision(99, 90), voice(99, 90)))["risk_score"] == 99


@pytest.mark.parametrize("layer", list(LayerName))
def test_a_layer_that_could_not_run_is_never_live(layer: LayerName) -> None:
    given = {
        LayerName.LIVENESS: evidence(liveness_result=crashed(layer)),
        LayerName.VISION: evidence(vision_result=crashed(layer)),
        LayerName.VOICE: evidence(voice_result=crashed(layer)),
    }[layer]
    decision = decide(given, POLICY)
    assert (decision.rule.verdict, decision.reason_code) == ("INCONCLUSIVE", "not_executed")
    shown = detection_evidence(decision)
    assert shown["not_executed"] == [{"layer": layer, "kind": "crashed", "detail": "exit code -11"}]
    wire = detection_data(decision, NOON)
    if layer is not LayerName.LIVENESS:
        assert wire["layer_results"][layer]["confidence"] == 0
        assert wire["layer_results"][layer]["risk_score"] == 0


def test_a_crash_does_not_save_a_detected_attack() -> None:
    given = evidence(crashed(LayerName.LIVENESS), vision(95, 90))
    assert decide(given, POLICY).rule.verdict == "DEEPFAKE"


def test_without_audio_and_phrase_the_average_is_the_vision_confidence() -> None:
    given = evidence(vision_result=vision(30, 81), voice_result=VoiceResult(None, 0.0, None))
    wire = on_wire(given)
    assert wire["avg_layer_confidence"] == 81
    assert wire["risk_score"] == 30
    assert wire["layer_results"]["voice"] == {
        "risk_score": 0,
        "confidence": None,
        "word_match": None,
    }
    assert detection_evidence(decide(given, POLICY))["word_rule"] == "skipped"


def test_poor_audio_is_named_as_the_reason() -> None:
    noisy = QualityFinding("LOW_SNR", 3.0, 10.0, "Move to a quieter room.")
    given = evidence(voice_result=VoiceResult(0.0, 0.2, 0.3, findings=(noisy,)))
    decision = decide(given, POLICY)
    assert decision.reason_code == "insufficient_audio_quality"
    assert detection_evidence(decision)["quality"][0]["hint"] == "Move to a quieter room."


def test_averages_and_risks_round_half_up() -> None:
    given = evidence(vision_result=vision(21, 90), voice_result=voice(14, 89))
    wire = on_wire(given)
    assert wire["avg_layer_confidence"] == 90  # 89.5
    assert wire["risk_score"] == 18  # 17.5
    assert [half_up(value) for value in (0.5, 1.5, 2.4999, 85.5 - 1e-12)] == [1, 2, 2, 86]


def test_time_on_the_wire_is_utc_with_milliseconds() -> None:
    berlin = timezone(timedelta(hours=1))
    assert wire_time(datetime(2026, 1, 2, 1, 0, tzinfo=berlin)) == "2026-01-02T00:00:00.000Z"
    with pytest.raises(ValueError, match="time zone"):
        wire_time(datetime(2026, 1, 2))


percent = st.integers(0, 100)


@given(percent, percent, percent, percent, st.booleans(), st.sets(st.sampled_from(list(CheckName))))
def test_more_attack_is_never_more_lenient(
    vision_risk: int,
    vision_confidence: int,
    voice_risk: int,
    voice_confidence: int,
    matched: bool,
    failing: set[CheckName],
) -> None:
    def verdict_of(vision_at: int, voice_at: int, match: bool, *checks: CheckName) -> Decision:
        return decide(
            evidence(
                liveness(*checks),
                vision(vision_at, vision_confidence),
                voice(voice_at, voice_confidence, match=match),
            ),
            POLICY,
        )

    base = verdict_of(vision_risk, voice_risk, matched, *failing)
    worse = [
        verdict_of(min(100, vision_risk + 7), voice_risk, matched, *failing),
        verdict_of(vision_risk, min(100, voice_risk + 7), matched, *failing),
        verdict_of(vision_risk, voice_risk, False, *failing),
        verdict_of(vision_risk, voice_risk, matched, *failing, CheckName.HEAD_MOVEMENT),
    ]
    for other in worse:
        assert leniency(other) <= leniency(base)
        assert other.risk_score >= base.risk_score


def test_windows_show_their_score_their_risk_and_whether_they_decided() -> None:
    windows = (WindowScore(0.0, 3.2, -1.5, 0.82, decided=True), WindowScore(1.6, 4.8, 0.25))
    heard = replace(voice(40, 90), windows=windows)
    shown = detection_evidence(decide(evidence(voice_result=heard), POLICY))
    assert shown["voice"]["windows"] == [
        {"start_s": 0.0, "end_s": 3.2, "score": -1.5, "p_attack": 0.82, "decided": True},
        {"start_s": 1.6, "end_s": 4.8, "score": 0.25, "p_attack": None, "decided": False},
    ]


def test_the_evidence_names_each_voice_detector() -> None:
    detectors = (DetectorScore("embedded", 1.5, 0.2), DetectorScore("aasist", -3.0, 0.9))
    heard = replace(voice(40, 90), detectors=detectors)
    shown = detection_evidence(decide(evidence(voice_result=heard), POLICY))
    assert shown["voice"]["detectors"] == [
        {"name": "embedded", "score": 1.5, "p_attack": 0.2},
        {"name": "aasist", "score": -3.0, "p_attack": 0.9},
    ]

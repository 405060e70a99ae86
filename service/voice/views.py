"""The voice endpoints' objects on the wire."""

from __future__ import annotations

from typing import Any

from layers.voice.speaker.reading import VoiceReading
from service.clock import as_wire
from service.voice.tables import VoiceKind, VoiceRequestRow, VoiceState
from verdict.measurement import QualityFinding
from verdict.policy import Policy
from verdict.rules import half_up
from verdict.speaker import is_synthetic, verdict_on

WireObject = dict[str, Any]
_ENCODER = "speaker-{name}"


def risk_of(reading: VoiceReading) -> int:
    """Return the voice risk, 0-100: the number that every analysis of the recording gives."""
    return half_up(100 * reading.voice.p_attack)


def confidence_of(reading: VoiceReading) -> int | None:
    """Return the voice layer's confidence, 0-100."""
    confidence = reading.voice.confidence
    return None if confidence is None else half_up(100 * confidence)


def recording_view(reading: VoiceReading, policy: Policy) -> WireObject:
    """Return what is said of one recording, with the raw scores beside the decision."""
    risk, confidence = risk_of(reading), confidence_of(reading)
    sound, print_ = reading.sound, reading.voiceprint
    return {
        "score_pct": risk,
        "alert": is_synthetic(risk, policy),
        "verdict": str(verdict_on(risk, confidence, policy)),
        "confidence": confidence,
        "threshold_pct": policy.number("speaker.synthetic_threshold"),
        "detector_score": reading.voice.score,
        "p_attack": round(reading.voice.p_attack, 4),
        "voiceprint_quality_score": print_.quality,
        "voiceprint_consistency": round(print_.consistency, 4),
        "speech_s": round(sound.speech_s, 2),
        "duration_s": round(reading.duration_s, 2),
        "sample_rate_hz": reading.rate_hz,
        "snr_db": round(sound.snr_db, 1),
        "findings": [finding_view(one) for one in reading.voice.findings],
    }


def models_view(reading: VoiceReading) -> dict[str, str]:
    """Return name and digest of every model that had a part."""
    print_ = reading.voiceprint
    return {**reading.voice.models, _ENCODER.format(name=print_.encoder): print_.digest}


def finding_view(finding: QualityFinding) -> WireObject:
    """Return one condition of a recording and what can be done about it."""
    return {
        "code": finding.code,
        "hint": finding.hint,
        "value": finding.value,
        "limit": finding.limit,
    }


def request_view(row: VoiceRequestRow) -> WireObject:
    """Return an enrolment or a verification as it stands."""
    is_verification = row.kind == VoiceKind.VERIFICATION
    view: WireObject = {
        f"{row.kind}_id": row.id,
        "request_uuid": row.request_uuid,
        "external_id": row.external_id,
        "status": row.state,
        "reason_code": row.reason_code,
        "failure_reason": row.failure_reason,
        "created_at": as_wire(row.created_at),
        "completed_at": None if row.finished_at is None else as_wire(row.finished_at),
    }
    if is_verification:
        view |= {"use_case": row.use_case, "result": row.outcome, "match_score": row.match_score}
        if row.state == VoiceState.PROCESSING:
            view["result"] = None
    return view | row.result

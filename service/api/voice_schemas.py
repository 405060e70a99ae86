"""The voice endpoints' objects for the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from service.api.result_schema import Score, WireModel, WireTime
from service.voice.tables import VoiceState
from verdict.rules import ReasonCode
from verdict.speaker import Interpretation, UseCase, VoiceOutcome

Share = Annotated[float, Field(ge=0, le=1)]
Percent = Annotated[float, Field(ge=0, le=100)]


class VoiceFinding(WireModel):
    """A condition of the recording: it lowers the confidence and never raises a risk."""

    code: str
    hint: str
    value: float | None
    limit: float | None


class RecordingRead(WireModel):
    """What is said of one recording; the raw scores stand beside the decision."""

    score_pct: Annotated[
        Score, Field(description="Synthetic-speech risk: the same number as in any analysis.")
    ]
    alert: Annotated[bool, Field(description="score_pct at or above threshold_pct.")]
    verdict: Literal["LIVE", "DEEPFAKE", "INCONCLUSIVE"]
    confidence: Score | None
    threshold_pct: Percent
    detector_score: Annotated[
        float | None, Field(description="Raw detector score, higher = more bona fide.")
    ]
    p_attack: Share
    voiceprint_quality_score: Share
    voiceprint_consistency: float
    speech_s: float
    duration_s: float
    sample_rate_hz: int
    snr_db: float
    findings: list[VoiceFinding]


class CompareThresholds(WireModel):
    """The cut-offs in force."""

    same_pct: Percent
    unclear_pct: Percent
    synthetic_pct: Percent


_RECORDING: JsonDict = {
    "score_pct": 4,
    "alert": False,
    "verdict": "LIVE",
    "confidence": 95,
    "threshold_pct": 60.0,
    "detector_score": 2.31,
    "p_attack": 0.0412,
    "voiceprint_quality_score": 0.84,
    "voiceprint_consistency": 0.948,
    "speech_s": 4.6,
    "duration_s": 5.2,
    "sample_rate_hz": 16000,
    "snr_db": 31.4,
    "findings": [],
}
_MODELS: JsonDict = {"embedded": "sha256 of the weights", "speaker-ge2e": "sha256 of the weights"}
_POLICY: JsonDict = {"policy_version": "2026-11-20", "policy_digest": "sha256 of the policy"}


class VoiceComparison(WireModel):
    """Two recordings compared. Nothing of them is kept."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "comparison_id": "3c7f4a3e-52c8-4c57-8f0a-5a6f0d5b7c11",
                    "similarity_pct": 91.3,
                    "match_score": 0.913,
                    "cosine": 0.7921,
                    "interpretation": "same_person",
                    "interpretation_text": "the voices match and neither sounds synthetic",
                    "risk_level": "low",
                    "recording_a": _RECORDING,
                    "recording_b": _RECORDING,
                    "thresholds": {"same_pct": 75.0, "unclear_pct": 55.0, "synthetic_pct": 60.0},
                    "models": _MODELS,
                    **_POLICY,
                }
            ]
        }
    )

    comparison_id: str
    similarity_pct: Percent
    match_score: Share
    cosine: Annotated[float, Field(description="Levelled for the length of both recordings.")]
    interpretation: Interpretation
    interpretation_text: str
    risk_level: Literal["low", "medium", "high", "highest"]
    recording_a: RecordingRead
    recording_b: RecordingRead
    thresholds: CompareThresholds
    models: dict[str, str]
    policy_version: str
    policy_digest: str


class VoiceRequestShown(WireModel):
    """What every voice request shows; the fields of a result are there once it has ended."""

    request_uuid: str
    external_id: str
    status: VoiceState
    reason_code: ReasonCode | None
    failure_reason: Annotated[
        str | None, Field(description="Why there is no result: a fault, not a finding.")
    ]
    created_at: WireTime
    completed_at: WireTime | None
    deepfake_detected: bool | None = None
    recording: RecordingRead | None = None
    models: dict[str, str] | None = None
    policy_version: str | None = None
    policy_digest: str | None = None


_SHOWN: JsonDict = {
    "request_uuid": "6f1d3d2e-8a0b-4b6e-9a53-1f7f6a9f2c11",
    "external_id": "customer-4711",
    "status": "completed",
    "failure_reason": None,
    "created_at": "2026-11-21T09:30:00.000Z",
    "completed_at": "2026-11-21T09:30:00.412Z",
    "deepfake_detected": False,
    "recording": _RECORDING,
    "models": _MODELS,
    **_POLICY,
}


class VoiceEnrollment(VoiceRequestShown):
    """An enrolment: below the minimum quality, or with synthetic audio, it fails."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "enrollment_id": "f3c1e2b4-1f0a-4c1e-9c53-77a5f0b1d9a2",
                    **_SHOWN,
                    "reason_code": None,
                    "voiceprint_quality_score": 0.84,
                    "minimum_quality_score": 0.5,
                }
            ]
        }
    )

    enrollment_id: str
    voiceprint_quality_score: Share | None = None
    minimum_quality_score: Share | None = None


class VoiceTrend(WireModel):
    """The mean over the latest verifications: in continuous use it decides."""

    mean_match_score: Share
    verifications: int


class VoiceVerification(VoiceRequestShown):
    """A verification: synthetic audio is rejected first, whatever it matches."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "verification_id": "a7d0b8c6-4d2e-4f0b-8a61-0e9d3b5c2f48",
                    **_SHOWN,
                    "reason_code": "live",
                    "use_case": "contact_centre",
                    "result": "verified",
                    "match_score": 0.913,
                    "similarity_pct": 91.3,
                    "cosine": 0.7921,
                    "threshold": 0.8,
                    "rule": "match",
                    "retry_allowed": False,
                    "trend": None,
                }
            ]
        }
    )

    verification_id: str
    use_case: UseCase
    result: VoiceOutcome | None
    match_score: Share | None
    similarity_pct: Percent | None = None
    cosine: float | None = None
    threshold: Share | None = None
    rule: str | None = None
    retry_allowed: bool | None = None
    trend: VoiceTrend | None = None

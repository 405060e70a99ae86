"""The result of an analysis on the wire: exactly the shape of the contract."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Score = Annotated[int, Field(ge=0, le=100)]
WireTime = Annotated[
    str, Field(pattern=r"Z$", description="ISO 8601, UTC, milliseconds, ending in Z.")
]


class WireModel(BaseModel):
    """A closed shape."""

    model_config = ConfigDict(extra="forbid")


class LivenessChecks(WireModel):
    """The four checks; `passed` is their conjunction."""

    landmark_detection: bool
    blink_detection: bool
    head_movement: bool
    frame_timing: bool


class LivenessLayer(WireModel):
    """The liveness gate."""

    passed: bool
    checks: LivenessChecks


class VisionLayer(WireModel):
    """The vision layer."""

    risk_score: Score
    confidence: Score
    signals: Annotated[list[str], Field(description="Sorted codes of the signals that fired.")]


class VoiceLayer(WireModel):
    """The voice layer; null where nothing was asked and there is no sound."""

    risk_score: Score
    confidence: Score | None
    word_match: bool | None


class LayerResults(WireModel):
    """One result per layer."""

    liveness: LivenessLayer
    vision: VisionLayer
    voice: VoiceLayer


class DetectionData(WireModel):
    """The result: exactly this shape."""

    verdict: Literal["LIVE", "DEEPFAKE", "INCONCLUSIVE"]
    risk_score: Score
    confidence: Score
    avg_layer_confidence: Score
    layer_results: LayerResults
    analyzed_at: WireTime


class AnalysisData(WireModel):
    """The result, and what explains it (the evidence is left out of lists)."""

    created_at: WireTime
    deepfake_detection_data: DetectionData
    deepfake_detection_evidence: Annotated[
        dict[str, Any] | None,
        Field(description="The rule that decided, thresholds, measurements, models, timings."),
    ] = None

"""What the layers hand to the verdict: plain frozen records, one result type per layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from verdict.measurement import Measurement, QualityFinding, require_unit
from verdict.voice_evidence import VoiceResult


class CheckName(StrEnum):
    """The four liveness checks of the wire contract."""

    LANDMARK_DETECTION = "landmark_detection"
    BLINK_DETECTION = "blink_detection"
    HEAD_MOVEMENT = "head_movement"
    FRAME_TIMING = "frame_timing"


class SignalCode(StrEnum):
    """The eight artefact signals of the wire contract. The set is closed."""

    BLINK_FAILURE = "BLINK_FAILURE"
    BOUNDARY_ARTIFACTS = "BOUNDARY_ARTIFACTS"
    FLAT_ROTATION = "FLAT_ROTATION"
    MOUTH_ANOMALY = "MOUTH_ANOMALY"
    SKIN_TONE_MISMATCH = "SKIN_TONE_MISMATCH"
    TEETH_RENDERING = "TEETH_RENDERING"
    TEMPORAL_INSTABILITY = "TEMPORAL_INSTABILITY"
    TEXTURE_SMOOTHING = "TEXTURE_SMOOTHING"


class LayerName(StrEnum):
    """The three layers that look at a capture."""

    LIVENESS = "liveness"
    VISION = "vision"
    VOICE = "voice"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One liveness check: whether it passed, what was measured, on which frames."""

    name: CheckName
    passed: bool
    measurements: tuple[Measurement, ...]
    frames: tuple[int, ...] = ()
    reason: str = ""

    @property
    def value(self) -> float | None:
        """The first measurement, which is the one the check rests on."""
        return self.measurements[0].value if self.measurements else None


@dataclass(frozen=True, slots=True)
class SignalResult:
    """One artefact signal: whether it fired, how strongly, and what it rests on.

    Parameters
    ----------
    p_attack
        Calibrated probability of this one artefact, 0-1; None when it could not be measured.
    region
        What part of the face or frame was looked at, in words.
    """

    code: SignalCode
    fired: bool
    p_attack: float | None
    measurements: tuple[Measurement, ...] = ()
    frames: tuple[int, ...] = ()
    region: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RiskSource:
    """A contributor to the vision risk that is not one of the eight signals, by name."""

    name: str
    p_attack: float
    measurements: tuple[Measurement, ...] = ()


@dataclass(frozen=True, slots=True)
class LivenessResult:
    """The liveness layer: a binary gate of four checks."""

    checks: tuple[CheckResult, ...]
    confidence: float
    findings: tuple[QualityFinding, ...] = ()

    def __post_init__(self) -> None:
        names = sorted(check.name for check in self.checks)
        if names != sorted(CheckName):
            msg = f"liveness needs each of {sorted(CheckName)} once, got {names}"
            raise ValueError(msg)
        require_unit("liveness confidence", self.confidence)

    @property
    def passed(self) -> bool:
        """The conjunction of the four checks."""
        return all(check.passed for check in self.checks)

    def check(self, name: CheckName) -> CheckResult:
        """Return the check called `name`."""
        return next(check for check in self.checks if check.name == name)


@dataclass(frozen=True, slots=True)
class VisionResult:
    """The vision layer: a calibrated risk, an honest confidence and the eight signals.

    Parameters
    ----------
    score
        Raw model output, higher = more bona fide; None when no face could be measured.
    p_attack, confidence
        Both 0-1.
    """

    score: float | None
    p_attack: float
    confidence: float
    signals: tuple[SignalResult, ...]
    sources: tuple[RiskSource, ...] = ()
    features: Mapping[str, float | None] = field(default_factory=dict)
    findings: tuple[QualityFinding, ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        codes = [signal.code for signal in self.signals]
        if len(set(codes)) != len(codes):
            msg = f"each signal may be reported once, got {codes}"
            raise ValueError(msg)
        require_unit("vision p_attack", self.p_attack)
        require_unit("vision confidence", self.confidence)

    @property
    def fired(self) -> tuple[SignalCode, ...]:
        """Codes of the signals that fired, sorted."""
        return tuple(sorted(signal.code for signal in self.signals if signal.fired))


class FailureKind(StrEnum):
    """Why a layer has no result."""

    CRASHED = "crashed"
    TIMED_OUT = "timed_out"
    NO_INPUT = "no_input"


@dataclass(frozen=True, slots=True)
class NotExecuted:
    """A layer that could not run: confidence 0, risk 0, never LIVE."""

    layer: LayerName
    kind: FailureKind
    detail: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything the verdict engine looks at.

    Parameters
    ----------
    timings_ms
        Wall-clock milliseconds per stage (``capture``, ``liveness``, ``vision``, ``voice``).
    """

    liveness: LivenessResult | NotExecuted
    vision: VisionResult | NotExecuted
    voice: VoiceResult | NotExecuted
    findings: tuple[QualityFinding, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)

    @property
    def not_executed(self) -> tuple[NotExecuted, ...]:
        """The layers that could not run."""
        layers = (self.liveness, self.vision, self.voice)
        return tuple(layer for layer in layers if isinstance(layer, NotExecuted))

"""What the layers hand to the verdict: plain frozen records, one result type per layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


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
class Measurement:
    """One measured number with what it was compared with and where it came from.

    Parameters
    ----------
    name
        Snake-case name with a unit suffix where it has a unit (``yaw_range_deg``).
    value
        The measurement; None when it could not be taken (the reason is in `note`).
    threshold
        The operating point it was compared with; None for a figure that only informs.
    frames
        Indices of the frames it rests on; empty when it rests on the whole capture.
    note
        One short sentence for the reader, or empty.
    """

    name: str
    value: float | None
    threshold: float | None = None
    frames: tuple[int, ...] = ()
    note: str = ""


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
class QualityFinding:
    """A condition of the room or the recording: never evidence of an attack.

    Parameters
    ----------
    code
        Stable upper-case code (``TOO_DARK``).
    refuses
        True when the capture should be refused at submission and recorded again.
    hint
        What the applicant can do about it.
    """

    code: str
    value: float | None
    limit: float | None
    hint: str
    refuses: bool = False
    frames: tuple[int, ...] = ()


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
        _require_unit("liveness confidence", self.confidence)

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
        _require_unit("vision p_attack", self.p_attack)
        _require_unit("vision confidence", self.confidence)

    @property
    def fired(self) -> tuple[SignalCode, ...]:
        """Codes of the signals that fired, sorted."""
        return tuple(sorted(signal.code for signal in self.signals if signal.fired))


@dataclass(frozen=True, slots=True)
class WindowScore:
    """The synthetic-speech score of one stretch of audio (higher = more bona fide).

    Parameters
    ----------
    p_attack
        The score calibrated as that of a whole clip; None where the detector only scores.
    decided
        Whether it is one of those that put the clip over the threshold.
    """

    start_s: float
    end_s: float
    score: float
    p_attack: float | None = None
    decided: bool = False


@dataclass(frozen=True, slots=True)
class DetectorScore:
    """What one synthetic-speech detector says by itself: raw score and calibrated risk."""

    name: str
    score: float
    p_attack: float


@dataclass(frozen=True, slots=True)
class PhraseResult:
    """Whether the asked words were said.

    Parameters
    ----------
    expected, heard
        Normalised words. They stay in the evidence and never reach a log.
    distance
        Edit distance in words between the two; `tolerance` is what was allowed.
    """

    matched: bool
    expected: tuple[str, ...]
    heard: tuple[str, ...]
    distance: int
    tolerance: int
    recogniser: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class VoiceResult:
    """The voice layer: synthetic-speech score, calibrated risk, phrase match.

    Parameters
    ----------
    score
        Raw score of the detector or ensemble in force, higher = more bona fide; None without
        speech.
    p_attack, confidence
        Both 0-1. The confidence is None only without audio and without a phrase to say.
    phrase
        None where no phrase was asked.
    windows
        Over time, on the scale of `score`; those of the ensemble's leading member.
    detectors
        Each detector that had a part in the score, with the score of its own.
    """

    score: float | None
    p_attack: float
    confidence: float | None
    phrase: PhraseResult | None = None
    windows: tuple[WindowScore, ...] = ()
    detectors: tuple[DetectorScore, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    findings: tuple[QualityFinding, ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""

    def __post_init__(self) -> None:
        _require_unit("voice p_attack", self.p_attack)
        if self.confidence is not None:
            _require_unit("voice confidence", self.confidence)

    @property
    def word_match(self) -> bool | None:
        """Whether the phrase was said; None where none was asked."""
        return None if self.phrase is None else self.phrase.matched


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


def _require_unit(name: str, value: float) -> None:
    if not 0.0 <= value <= 1.0:  # also refuses NaN
        msg = f"{name} must be within 0-1, got {value!r}"
        raise ValueError(msg)

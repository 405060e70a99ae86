"""The rules, in order: priority is the position in a tuple, and the last one always applies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from verdict.evidence import Evidence, LayerName, NotExecuted
from verdict.policy import Policy
from verdict.voice_evidence import VoiceResult


class VerdictName(StrEnum):
    """The final determination."""

    LIVE = "LIVE"
    DEEPFAKE = "DEEPFAKE"
    INCONCLUSIVE = "INCONCLUSIVE"


class Outcome(StrEnum):
    """What the verdict does to the session."""

    REJECT = "REJECTED"
    REVIEW = "SUBMITTED"
    CONTINUE = "CONTINUE"


class ReasonCode(StrEnum):
    """Why, for machines. The set is closed by the wire contract."""

    LIVENESS_FAILED = "liveness_failed"
    WORD_MISMATCH = "word_mismatch"
    VISUAL_DEEPFAKE = "visual_deepfake"
    SYNTHETIC_AUDIO_DETECTED = "synthetic_audio_detected"
    VOICE_MISMATCH = "voice_mismatch"
    INSUFFICIENT_AUDIO_QUALITY = "insufficient_audio_quality"
    LOW_CONFIDENCE = "low_confidence"
    NOT_EXECUTED = "not_executed"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules compare: the very integers that go over the wire.

    Parameters
    ----------
    liveness_passed
        None when the liveness layer could not run: no check was made, so none failed.
    word_match
        None where no phrase was asked, or the voice layer could not run.
    voice_confidence
        None without audio and without a phrase.
    not_executed
        The layers that could not run.
    """

    liveness_passed: bool | None
    word_match: bool | None
    vision_risk: int
    vision_confidence: int
    voice_risk: int
    voice_confidence: int | None
    not_executed: tuple[LayerName, ...]
    vision_threshold: float
    voice_threshold: float
    minimum_confidence: float
    audio_is_poor: bool = False

    @property
    def average_confidence(self) -> int:
        """Mean of the vision and voice confidences, half rounded up."""
        if self.voice_confidence is None:
            return self.vision_confidence
        return half_up((self.vision_confidence + self.voice_confidence) / 2)

    @property
    def vision_above(self) -> bool:
        """Whether the vision risk is above its threshold."""
        return self.vision_risk > self.vision_threshold

    @property
    def voice_above(self) -> bool:
        """Whether the voice risk is above its threshold."""
        return self.voice_risk > self.voice_threshold

    @property
    def deepfake_detected(self) -> bool:
        """Whether a detector saw or heard a deepfake, whichever rule decides."""
        return self.vision_above or self.voice_above


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of policy."""

    name: str
    statement: str
    verdict: VerdictName
    outcome: Outcome
    applies: Callable[[Facts], bool]
    reason: Callable[[Facts], ReasonCode]


def _low_confidence_reason(facts: Facts) -> ReasonCode:
    if facts.not_executed:
        return ReasonCode.NOT_EXECUTED
    if facts.audio_is_poor and facts.vision_confidence >= facts.minimum_confidence:
        return ReasonCode.INSUFFICIENT_AUDIO_QUALITY
    return ReasonCode.LOW_CONFIDENCE


RULES: tuple[Rule, ...] = (
    Rule(
        "liveness",
        "a liveness check failed",
        VerdictName.DEEPFAKE,
        Outcome.REJECT,
        lambda facts: facts.liveness_passed is False,
        lambda _: ReasonCode.LIVENESS_FAILED,
    ),
    Rule(
        "word_match",
        "the asked words were not said",
        VerdictName.DEEPFAKE,
        Outcome.REJECT,
        lambda facts: facts.word_match is False,
        lambda _: ReasonCode.WORD_MISMATCH,
    ),
    Rule(
        "vision_risk",
        "the vision risk is above the deepfake threshold",
        VerdictName.DEEPFAKE,
        Outcome.REJECT,
        lambda facts: facts.vision_above,
        lambda _: ReasonCode.VISUAL_DEEPFAKE,
    ),
    Rule(
        "voice_risk",
        "the voice risk is above the synthetic-speech threshold",
        VerdictName.DEEPFAKE,
        Outcome.REJECT,
        lambda facts: facts.voice_above,
        lambda _: ReasonCode.SYNTHETIC_AUDIO_DETECTED,
    ),
    Rule(
        "confidence",
        "the average layer confidence is below the minimum, or a layer could not run",
        VerdictName.INCONCLUSIVE,
        Outcome.REVIEW,
        lambda facts: (
            bool(facts.not_executed) or facts.average_confidence < facts.minimum_confidence
        ),
        _low_confidence_reason,
    ),
    Rule(
        "live",
        "no rule speaks against it",
        VerdictName.LIVE,
        Outcome.CONTINUE,
        lambda _: True,
        lambda _: ReasonCode.LIVE,
    ),
)


def half_up(value: float) -> int:
    """Round to the nearest integer, half upwards (not to even, as `round` does).

    The tiny allowance keeps products such as 0.95 * 90 = 85.49999… on the side that
    arithmetic on paper gives.
    """
    return int(value + 0.5 + 1e-9)


def facts_of(evidence: Evidence, policy: Policy) -> Facts:
    """Turn the layers' results into the integers that the rules compare."""
    liveness, vision, voice = evidence.liveness, evidence.vision, evidence.voice
    vision_risk, vision_confidence = (
        (0, 0)
        if isinstance(vision, NotExecuted)
        else (half_up(100 * vision.p_attack), half_up(100 * vision.confidence))
    )
    return Facts(
        liveness_passed=None if isinstance(liveness, NotExecuted) else liveness.passed,
        word_match=None if isinstance(voice, NotExecuted) else voice.word_match,
        vision_risk=vision_risk,
        vision_confidence=vision_confidence,
        voice_risk=0 if isinstance(voice, NotExecuted) else half_up(100 * voice.p_attack),
        voice_confidence=_voice_confidence(voice),
        not_executed=tuple(layer.layer for layer in evidence.not_executed),
        vision_threshold=policy.number("verdict.vision_threshold"),
        voice_threshold=policy.number("verdict.voice_threshold"),
        minimum_confidence=policy.number("verdict.minimum_confidence"),
        audio_is_poor=isinstance(voice, VoiceResult) and bool(voice.findings),
    )


def _voice_confidence(voice: VoiceResult | NotExecuted) -> int | None:
    if isinstance(voice, NotExecuted):
        return 0
    return None if voice.confidence is None else half_up(100 * voice.confidence)

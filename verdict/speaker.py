"""What two voices mean: the comparison's interpretation and the verification's rules, in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from verdict.policy import Policy
from verdict.rules import ReasonCode, VerdictName


class Interpretation(StrEnum):
    """What a comparison of two recordings means."""

    POSSIBLE_CLONING_ATTACK = "possible_cloning_attack"
    SAME_PERSON = "same_person"
    INCONCLUSIVE = "inconclusive"
    DIFFERENT_PEOPLE = "different_people"


class UseCase(StrEnum):
    """What a verification is for; each has its threshold."""

    CONTACT_CENTRE = "contact_centre"
    HIGH_VALUE = "high_value"
    CONTINUOUS = "continuous"


class VoiceOutcome(StrEnum):
    """The result of a verification."""

    VERIFIED = "verified"
    REJECTED = "rejected"
    INCONCLUSIVE = "inconclusive"


EXPLANATIONS = {
    Interpretation.POSSIBLE_CLONING_ATTACK: (
        "the voices match and one of the recordings sounds synthetic: treat it as a cloned voice"
    ),
    Interpretation.SAME_PERSON: "the voices match and neither sounds synthetic",
    Interpretation.INCONCLUSIVE: "the voices are alike but not enough: review by hand",
    Interpretation.DIFFERENT_PEOPLE: "the voices differ",
}


def is_synthetic(risk: int, policy: Policy) -> bool:
    """Whether a voice risk of 0-100 counts as synthetic in the voice endpoints."""
    return risk >= policy.number("speaker.synthetic_threshold")


def verdict_on(risk: int, confidence: int | None, policy: Policy) -> VerdictName:
    """Return the verdict on one recording: nothing else than its own sound decides."""
    if is_synthetic(risk, policy):
        return VerdictName.DEEPFAKE
    if confidence is None or confidence < policy.number("verdict.minimum_confidence"):
        return VerdictName.INCONCLUSIVE
    return VerdictName.LIVE


def interpret(similarity_pct: float, risks: Sequence[int], policy: Policy) -> Interpretation:
    """Return what a comparison means: the first cut-off that applies.

    Parameters
    ----------
    similarity_pct
        As on the wire, with one decimal.
    risks
        The voice risk of each recording, 0-100.
    """
    if similarity_pct >= policy.number("speaker.compare.same_pct"):
        if any(is_synthetic(risk, policy) for risk in risks):
            return Interpretation.POSSIBLE_CLONING_ATTACK
        return Interpretation.SAME_PERSON
    if similarity_pct >= policy.number("speaker.compare.unclear_pct"):
        return Interpretation.INCONCLUSIVE
    return Interpretation.DIFFERENT_PEOPLE


def risk_level(meaning: Interpretation, verdicts: Sequence[VerdictName]) -> str:
    """Return how worrying a comparison is, for a queue that is sorted by it.

    A cloned voice is the highest; a synthetic recording of another voice is an attack too. Low is
    only what was judged: the same person in recordings that are both live.
    """
    if meaning is Interpretation.POSSIBLE_CLONING_ATTACK:
        return "highest"
    if VerdictName.DEEPFAKE in verdicts:
        return "high"
    live = all(verdict is VerdictName.LIVE for verdict in verdicts)
    return "low" if live and meaning is Interpretation.SAME_PERSON else "medium"


@dataclass(frozen=True, slots=True)
class VerificationFacts:
    """What the rules of a verification compare.

    Parameters
    ----------
    risk, confidence
        Of the voice layer, 0-100, as everywhere else.
    match_score
        0-1, the similarity of this recording in percent over a hundred.
    earlier_scores
        Match scores of the verifications before this one that count for the trend, latest last.
    """

    risk: int
    confidence: int | None
    match_score: float
    quality: float
    use_case: UseCase
    earlier_scores: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Verification:
    """The decision on one verification.

    Parameters
    ----------
    decisive_score
        What was compared with the threshold: the match score, or in continuous use the mean of
        the latest ones.
    """

    outcome: VoiceOutcome
    reason: ReasonCode
    rule: str
    threshold: float
    decisive_score: float
    n_scores: int


def verify(facts: VerificationFacts, policy: Policy) -> Verification:
    """Decide: the first rule that applies. A synthetic voice is rejected whatever it matches."""
    seen = _Seen(facts, policy)
    name, outcome, reason, _ = next(rule for rule in _RULES if rule[3](seen))
    return Verification(outcome, reason, name, seen.threshold, seen.score, len(seen.scores))


class _Seen:
    """Facts beside their thresholds."""

    def __init__(self, facts: VerificationFacts, policy: Policy) -> None:
        number = policy.number
        self.deepfake = is_synthetic(facts.risk, policy)
        confident = verdict_on(facts.risk, facts.confidence, policy) is not VerdictName.INCONCLUSIVE
        self.poor = facts.quality < number("speaker.quality.minimum") or not confident
        self.threshold = number(f"speaker.threshold.{facts.use_case}")
        self.unclear = number("speaker.threshold.inconclusive")
        self.scores: tuple[float, ...] = (facts.match_score,)
        self.too_few = False
        if facts.use_case is UseCase.CONTINUOUS:
            most = int(number("speaker.continuous.most"))
            self.scores = (*facts.earlier_scores, facts.match_score)[-most:]
            self.too_few = len(self.scores) < number("speaker.continuous.fewest")
        self.score = round(sum(self.scores) / len(self.scores), 3)


_Rule = tuple[str, VoiceOutcome, ReasonCode, Callable[[_Seen], bool]]
_RULES: tuple[_Rule, ...] = (
    (
        "synthetic_audio",
        VoiceOutcome.REJECTED,
        ReasonCode.SYNTHETIC_AUDIO_DETECTED,
        lambda seen: seen.deepfake,
    ),
    (
        "poor_audio",
        VoiceOutcome.INCONCLUSIVE,
        ReasonCode.INSUFFICIENT_AUDIO_QUALITY,
        lambda seen: seen.poor,
    ),
    (
        "trend_too_short",
        VoiceOutcome.INCONCLUSIVE,
        ReasonCode.LOW_CONFIDENCE,
        lambda seen: seen.too_few,
    ),
    (
        "match",
        VoiceOutcome.VERIFIED,
        ReasonCode.LIVE,
        lambda seen: seen.score >= seen.threshold,
    ),
    (
        "unclear_match",
        VoiceOutcome.INCONCLUSIVE,
        ReasonCode.LOW_CONFIDENCE,
        lambda seen: seen.score >= seen.unclear,
    ),
    (
        "mismatch",
        VoiceOutcome.REJECTED,
        ReasonCode.VOICE_MISMATCH,
        lambda _: True,
    ),
)

"""Decide once, purely: evidence and policy in, decision out."""

from __future__ import annotations

from dataclasses import dataclass

from verdict.evidence import Evidence, LivenessResult
from verdict.policy import Policy
from verdict.rules import RULES, Facts, ReasonCode, Rule, facts_of, half_up
from verdict.voice_evidence import VoiceResult


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict with everything it rests on.

    Parameters
    ----------
    priority
        1 for the first rule; position in `RULES` plus one.
    risk_score, confidence
        Integers 0-100 as on the wire.
    """

    rule: Rule
    priority: int
    reason_code: ReasonCode
    risk_score: int
    confidence: int
    facts: Facts
    evidence: Evidence
    policy: Policy


def decide(evidence: Evidence, policy: Policy) -> Decision:
    """Return the decision of the first rule that applies.

    Parameters
    ----------
    evidence
        One result per layer.
    policy
        Thresholds in force.
    """
    facts = facts_of(evidence, policy)
    priority, rule = next(
        (place, rule) for place, rule in enumerate(RULES, start=1) if rule.applies(facts)
    )
    return Decision(
        rule=rule,
        priority=priority,
        reason_code=rule.reason(facts),
        risk_score=_combined_risk(facts, rule, policy),
        confidence=_certainty(facts, rule, evidence),
        facts=facts,
        evidence=evidence,
        policy=policy,
    )


def _combined_risk(facts: Facts, rule: Rule, policy: Policy) -> int:
    risks = [facts.vision_risk]
    if facts.voice_confidence is not None:
        risks.append(facts.voice_risk)
    combined = half_up(sum(risks) / len(risks))
    if facts.deepfake_detected:
        share = policy.number("verdict.worst_layer_share")
        combined = max(combined, half_up(share * max(risks)))
    if rule.name in ("liveness", "word_match"):
        combined = max(combined, half_up(policy.number("verdict.gate_risk_floor")))
    return combined


def _certainty(facts: Facts, rule: Rule, evidence: Evidence) -> int:
    """How sure the verdict is: the confidence of what decided it."""
    average = facts.average_confidence
    if rule.name == "liveness" and isinstance(evidence.liveness, LivenessResult):
        return half_up(100 * evidence.liveness.confidence)
    if rule.name == "word_match" and isinstance(evidence.voice, VoiceResult):
        return max(average, _mismatch_certainty(evidence.voice))
    if rule.name == "vision_risk":
        return facts.vision_confidence
    if rule.name == "voice_risk":
        return facts.voice_confidence or 0
    return average


def _mismatch_certainty(voice: VoiceResult) -> int:
    """Share of the asked words that were not said: certain when none was."""
    phrase = voice.phrase
    if phrase is None or not phrase.expected:
        return 0
    return half_up(100 * min(1.0, phrase.distance / len(phrase.expected)))

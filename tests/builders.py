"""Builders of layer results: real records with the values that a test is about."""

from __future__ import annotations

from verdict.evidence import (
    CheckName,
    CheckResult,
    Evidence,
    LivenessResult,
    NotExecuted,
    SignalCode,
    SignalResult,
    VisionResult,
)
from verdict.measurement import Measurement
from verdict.voice_evidence import PhraseResult, VoiceResult


def liveness(*failing: CheckName, confidence: float = 0.95) -> LivenessResult:
    """Return a liveness result in which the checks named fail and the others pass."""
    return LivenessResult(
        checks=tuple(
            CheckResult(
                name,
                name not in failing,
                (Measurement("value", 0.0 if name in failing else 1.0, 0.5),),
            )
            for name in CheckName
        ),
        confidence=confidence,
    )


def vision(risk: float, confidence: float, *fired: SignalCode) -> VisionResult:
    """Return a vision result with risk and confidence in percent."""
    return VisionResult(
        score=-risk,
        p_attack=risk / 100,
        confidence=confidence / 100,
        signals=tuple(
            SignalResult(code, code in fired, 0.9 if code in fired else 0.1) for code in SignalCode
        ),
    )


def phrase(*, matched: bool, expected: str = "apple river stone") -> PhraseResult:
    """Return a phrase result: all words said, or none of them."""
    words = tuple(expected.split())
    heard = words if matched else ()
    return PhraseResult(matched, words, heard, 0 if matched else len(words), 0, "builder")


def voice(risk: float, confidence: float | None, *, match: bool | None = True) -> VoiceResult:
    """Return a voice result with risk and confidence in percent."""
    return VoiceResult(
        score=-risk,
        p_attack=risk / 100,
        confidence=None if confidence is None else confidence / 100,
        phrase=None if match is None else phrase(matched=match),
    )


def evidence(
    liveness_result: LivenessResult | NotExecuted | None = None,
    vision_result: VisionResult | NotExecuted | None = None,
    voice_result: VoiceResult | NotExecuted | None = None,
) -> Evidence:
    """Return evidence of a genuine session, with the layers given in place of its own."""
    return Evidence(
        liveness=liveness_result or liveness(),
        vision=vision_result or vision(22, 90),
        voice=voice_result or voice(13, 88),
    )

"""The wire objects: exactly the contract's result, and the evidence beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from verdict.engine import Decision
from verdict.evidence import (
    CheckName,
    CheckResult,
    LivenessResult,
    NotExecuted,
    SignalResult,
    VisionResult,
)
from verdict.measurement import Measurement, QualityFinding
from verdict.voice_evidence import VoiceResult

WireObject = dict[str, Any]
EVIDENCE_SCHEMA = 1


def wire_time(moment: datetime) -> str:
    """Return ISO 8601 in UTC with milliseconds and ``Z``.

    Raises
    ------
    ValueError
        When `moment` has no time zone.
    """
    if moment.tzinfo is None:
        msg = "a time on the wire needs a time zone, got a naive datetime"
        raise ValueError(msg)
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def detection_data(decision: Decision, analyzed_at: datetime) -> WireObject:
    """Return ``deepfake_detection_data``: the closed shape of the contract."""
    facts, evidence = decision.facts, decision.evidence
    vision = evidence.vision
    fired = vision.fired if isinstance(vision, VisionResult) else ()
    return {
        "verdict": str(decision.rule.verdict),
        "risk_score": decision.risk_score,
        "confidence": decision.confidence,
        "avg_layer_confidence": facts.average_confidence,
        "layer_results": {
            "liveness": _liveness_on_wire(evidence.liveness),
            "vision": {
                "risk_score": facts.vision_risk,
                "confidence": facts.vision_confidence,
                "signals": [str(code) for code in fired],
            },
            "voice": {
                "risk_score": facts.voice_risk,
                "confidence": facts.voice_confidence,
                "word_match": facts.word_match,
            },
        },
        "analyzed_at": wire_time(analyzed_at),
    }


def detection_evidence(decision: Decision) -> WireObject:
    """Return ``deepfake_detection_evidence``: what explains the result."""
    evidence, facts, policy = decision.evidence, decision.facts, decision.policy
    return {
        "schema": EVIDENCE_SCHEMA,
        "rule": {
            "priority": decision.priority,
            "name": decision.rule.name,
            "statement": decision.rule.statement,
        },
        "reason_code": str(decision.reason_code),
        "policy": {
            "version": policy.version,
            "digest": policy.digest,
            "thresholds": {
                "vision": facts.vision_threshold,
                "voice": facts.voice_threshold,
                "minimum_confidence": facts.minimum_confidence,
            },
        },
        "liveness": _liveness_evidence(evidence.liveness),
        "vision": _vision_evidence(evidence.vision),
        "voice": _voice_evidence(evidence.voice),
        "quality": [_finding(finding) for finding in _all_findings(decision)],
        "not_executed": [
            {"layer": str(layer.layer), "kind": str(layer.kind), "detail": layer.detail}
            for layer in evidence.not_executed
        ],
        "word_rule": "applied" if facts.word_match is not None else "skipped",
        "models": dict(sorted(_models(decision).items())),
        "timings_ms": {name: _number(ms, 1) for name, ms in evidence.timings_ms.items()},
    }


def _liveness_on_wire(liveness: LivenessResult | NotExecuted) -> WireObject:
    # Silence is not innocence: a gate that could not run has passed nothing. The verdict rests
    # on `not_executed` then, not on these booleans.
    if isinstance(liveness, NotExecuted):
        return {"passed": False, "checks": {str(name): False for name in CheckName}}
    checks = {str(name): liveness.check(name).passed for name in CheckName}
    return {"passed": liveness.passed, "checks": checks}


def _liveness_evidence(liveness: LivenessResult | NotExecuted) -> WireObject | None:
    if isinstance(liveness, NotExecuted):
        return None
    return {
        "confidence": _number(liveness.confidence),
        "checks": {str(check.name): _check(check) for check in liveness.checks},
    }


def _vision_evidence(vision: VisionResult | NotExecuted) -> WireObject | None:
    if isinstance(vision, NotExecuted):
        return None
    return {
        "score": _number(vision.score),
        "p_attack": _number(vision.p_attack),
        "confidence": _number(vision.confidence),
        "signals": {str(signal.code): _signal(signal) for signal in vision.signals},
        "sources": [
            {
                "name": source.name,
                "p_attack": _number(source.p_attack),
                "measurements": _measurements(source.measurements),
            }
            for source in vision.sources
        ],
        "features": {name: _number(value) for name, value in sorted(vision.features.items())},
    }


def _voice_evidence(voice: VoiceResult | NotExecuted) -> WireObject | None:
    if isinstance(voice, NotExecuted):
        return None
    phrase = voice.phrase
    return {
        "score": _number(voice.score),
        "p_attack": _number(voice.p_attack),
        "confidence": _number(voice.confidence),
        "reason": voice.reason,
        "measurements": _measurements(voice.measurements),
        "windows": [
            {
                "start_s": _number(window.start_s, 3),
                "end_s": _number(window.end_s, 3),
                "score": _number(window.score),
                "p_attack": _number(window.p_attack),
                "decided": window.decided,
            }
            for window in voice.windows
        ],
        "detectors": [
            {"name": one.name, "score": _number(one.score), "p_attack": _number(one.p_attack)}
            for one in voice.detectors
        ],
        "phrase": None
        if phrase is None
        else {
            "matched": phrase.matched,
            "expected": list(phrase.expected),
            "heard": list(phrase.heard),
            "distance": phrase.distance,
            "tolerance": phrase.tolerance,
            "recogniser": phrase.recogniser,
            "reason": phrase.reason,
        },
    }


def _check(check: CheckResult) -> WireObject:
    return {
        "passed": check.passed,
        "reason": check.reason,
        "frames": list(check.frames),
        "measurements": _measurements(check.measurements),
    }


def _signal(signal: SignalResult) -> WireObject:
    return {
        "fired": signal.fired,
        "p_attack": _number(signal.p_attack),
        "region": signal.region,
        "reason": signal.reason,
        "frames": list(signal.frames),
        "measurements": _measurements(signal.measurements),
    }


def _measurements(measurements: Iterable[Measurement]) -> list[WireObject]:
    return [
        {
            "name": measurement.name,
            "value": _number(measurement.value),
            "threshold": _number(measurement.threshold),
            "frames": list(measurement.frames),
            "note": measurement.note,
        }
        for measurement in measurements
    ]


def _finding(finding: QualityFinding) -> WireObject:
    return {
        "code": finding.code,
        "value": _number(finding.value),
        "limit": _number(finding.limit),
        "hint": finding.hint,
        "frames": list(finding.frames),
    }


def _all_findings(decision: Decision) -> list[QualityFinding]:
    """Findings of the capture and of the layers, each code once."""
    evidence = decision.evidence
    found = list(evidence.findings)
    for layer in (evidence.liveness, evidence.vision, evidence.voice):
        if not isinstance(layer, NotExecuted):
            found.extend(layer.findings)
    by_code: dict[str, QualityFinding] = {}
    for finding in found:
        by_code.setdefault(finding.code, finding)
    return list(by_code.values())


def _models(decision: Decision) -> Mapping[str, str]:
    evidence = decision.evidence
    models = dict(evidence.models)
    for layer in (evidence.vision, evidence.voice):
        if not isinstance(layer, NotExecuted):
            models |= layer.models
    return models


def _number(value: float | None, digits: int = 6) -> float | None:
    """Round for the wire; JSON has no NaN, so what could not be measured is null."""
    if value is None or not math.isfinite(value):
        return None
    return round(float(value), digits)

"""What happened, into its series."""

from __future__ import annotations

from service.metrics import series
from verdict.engine import Decision
from verdict.evidence import NotExecuted

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


def count_request(method: str, route: str | None, status: int | None, seconds: float) -> None:
    """Count a request.

    Parameters
    ----------
    route
        The template of the path, never the path; None where no route fits.
    status
        None where the connection ended before the answer began.
    """
    series.HTTP_SECONDS.labels(
        method if method in _METHODS else "other",
        route or "none",
        "none" if status is None else str(status),
    ).observe(seconds)


def count_verdict(decision: Decision, seconds: float) -> None:
    """Count a recorded verdict, `seconds` after its capture had come in."""
    rule, facts, evidence = decision.rule, decision.facts, decision.evidence
    series.VERDICTS.labels(str(rule.verdict), rule.name, str(decision.reason_code)).inc()
    if facts.deepfake_detected:
        series.DEEPFAKES_DETECTED.inc()
    series.SUBMIT_TO_VERDICT_SECONDS.observe(max(0.0, seconds))
    for layer, took_ms in evidence.timings_ms.items():
        series.LAYER_SECONDS.labels(layer).observe(took_ms / 1000)
    for failed in evidence.not_executed:
        series.LAYER_FAILURES.labels(str(failed.layer), str(failed.kind)).inc()
    # A layer that did not run has risk 0 on the wire; as a measurement that would be a lie.
    if not isinstance(evidence.vision, NotExecuted):
        series.RISK.labels("vision").observe(facts.vision_risk)
    if not isinstance(evidence.voice, NotExecuted) and facts.voice_confidence is not None:
        series.RISK.labels("voice").observe(facts.voice_risk)


def count_failed_try(reason: str, *, is_final: bool) -> None:
    """Count a try of an analysis that ended without a verdict."""
    series.TRIES_FAILED.labels(reason, "yes" if is_final else "no").inc()


def count_refused_capture(finding: str) -> None:
    """Count a capture that was refused when it was sent."""
    series.CAPTURES_REFUSED.labels(finding).inc()


def count_webhook_try(error: str | None, seconds: float) -> None:
    """Count a try of a delivery; `error` is None where it was delivered."""
    series.WEBHOOK_TRIES.labels(error or "delivered").inc()
    series.WEBHOOK_SECONDS.observe(seconds)


def count_upkeep_failure() -> None:
    """Count a duty that could not be done."""
    series.UPKEEP_FAILURES.inc()

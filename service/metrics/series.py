"""The series that events feed. Labels are closed sets: no id, no path, nothing a client sent."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()
"""Ours alone: libraries that register elsewhere don't end up in what is exposed."""

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_ANALYSIS_SECONDS = (0.25, 0.5, 1, 2, 3, 5, 7, 10, 15, 20, 30, 60, 120, 300, 900)
_RISKS = tuple(range(0, 101, 10))

BUILD = Gauge(
    "bonafide_build_info",
    "Always 1; what runs here.",
    ("version", "role", "environment"),
    registry=REGISTRY,
)

HTTP_SECONDS = Histogram(
    "bonafide_http_request_seconds",
    "Requests by route template, until the answer was sent.",
    ("method", "route", "status"),
    buckets=_SECONDS,
    registry=REGISTRY,
)

CAPTURES_REFUSED = Counter(
    "bonafide_captures_refused",
    "Captures refused when they were sent, by the first finding; no attempt was used.",
    ("finding",),
    registry=REGISTRY,
)

VERDICTS = Counter(
    "bonafide_verdicts",
    "Verdicts by label, by the rule that decided, and by reason.",
    ("verdict", "rule", "reason"),
    registry=REGISTRY,
)

DEEPFAKES_DETECTED = Counter(
    "bonafide_deepfakes_detected",
    "Verdicts where a detector saw or heard a deepfake: security events.",
    registry=REGISTRY,
)

SUBMIT_TO_VERDICT_SECONDS = Histogram(
    "bonafide_submit_to_verdict_seconds",
    "From the end of the upload to the recorded verdict.",
    buckets=_ANALYSIS_SECONDS,
    registry=REGISTRY,
)

LAYER_SECONDS = Histogram(
    "bonafide_layer_seconds",
    "Time of each stage of an analysis; capture is the decoding.",
    ("layer",),
    buckets=_ANALYSIS_SECONDS,
    registry=REGISTRY,
)

LAYER_FAILURES = Counter(
    "bonafide_layer_failures",
    "Layers that gave no result.",
    ("layer", "kind"),
    registry=REGISTRY,
)

TRIES_FAILED = Counter(
    "bonafide_analysis_tries_failed",
    "Tries of an analysis that ended without a verdict.",
    ("reason", "final"),
    registry=REGISTRY,
)

RISK = Histogram(
    "bonafide_risk_score",
    "Risk scores of verdicts, 0-100: their distribution shows drift.",
    ("layer",),
    buckets=_RISKS,
    registry=REGISTRY,
)

WEBHOOK_TRIES = Counter(
    "bonafide_webhook_tries",
    "Tries of deliveries by outcome: delivered, or the word of the delivery log.",
    ("outcome",),
    registry=REGISTRY,
)

WEBHOOK_SECONDS = Histogram(
    "bonafide_webhook_seconds",
    "How long receivers took.",
    buckets=_SECONDS,
    registry=REGISTRY,
)

UPKEEP_FAILURES = Counter(
    "bonafide_upkeep_failures",
    "Duties of a worker (expiry, retention, reconciliation) that could not be done.",
    registry=REGISTRY,
)

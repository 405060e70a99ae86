"""The contract's rules of a session, once more and by themselves: no code of the service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tests.service.service_builders import deepfake_evidence, evidence, nothing_executed
from verdict.evidence import CheckName, Evidence
from verdict.measurement import QualityFinding

Answer = tuple[int, str | None]
_NOISY = QualityFinding("NOISY_AUDIO", 3.0, 10.0, "Go somewhere quieter.")


@dataclass(frozen=True)
class OutcomeOf:
    """Evidence, and what it must lead to; no verdict where nothing could run."""

    verdict: str | None
    is_poor_audio: bool = False
    evidence: Callable[[], Evidence] = nothing_executed


OUTCOMES = {
    "live": OutcomeOf("LIVE", evidence=evidence),
    "deepfake": OutcomeOf("DEEPFAKE", evidence=deepfake_evidence),
    "liveness": OutcomeOf(
        "DEEPFAKE", evidence=partial(evidence, failed_check=CheckName.BLINK_DETECTION)
    ),
    "words": OutcomeOf("DEEPFAKE", evidence=partial(evidence, matched=False)),
    "voice": OutcomeOf("DEEPFAKE", evidence=partial(evidence, voice=(0.9, 0.9))),
    "unsure": OutcomeOf(
        "INCONCLUSIVE", evidence=partial(evidence, vision=(0.45, 0.5), voice=(0.36, 0.6))
    ),
    "noisy": OutcomeOf(
        "INCONCLUSIVE",
        is_poor_audio=True,
        evidence=partial(evidence, voice=(0.1, 0.3), voice_findings=[_NOISY]),
    ),
    "nothing ran": OutcomeOf(None),
    "raises": OutcomeOf(None),
}
_BY_HAND = ("VERIFIED", "REJECTED", "VOIDED")
_FINAL: Answer = (409, "SESSION_TERMINAL")


@dataclass
class Expected:
    """Where the session must stand.

    Parameters
    ----------
    verdict
        Of the current attempt.
    """

    limit: int
    auto_verify: bool
    n_steps: int
    max_tries: int
    status: str = "PENDING"
    attempt: int = 1
    in_review: bool = False
    is_queued: bool = False
    is_used: bool = False
    has_run_out: bool = False
    tries: int = 0
    verdict: str | None = None
    n_verdicts: int = 0
    n_noisy: int = 0
    is_noisy: bool = False
    is_gone: bool = False

    @property
    def is_final(self) -> bool:
        if self.status == "REJECTED":
            return self.attempt >= self.limit
        return self.status in ("VERIFIED", "VOIDED", "FAILED", "EXPIRED")

    def opened(self, is_latest: bool, otherwise: int) -> Answer:
        """What the link answers; `otherwise` where it is open."""
        if self.is_gone or not is_latest:
            return 404, "CAPTURE_TOKEN_UNKNOWN"
        if self.is_used:
            return 409, "CAPTURE_TOKEN_USED"
        if self.status != "PENDING":
            return _FINAL
        if self.has_run_out:
            return 410, "CAPTURE_TOKEN_EXPIRED"
        return otherwise, None

    def captured(self) -> None:
        self.status, self.is_queued, self.is_used, self.tries = "SUBMITTED", True, True, 0

    def analysed(self, name: str) -> None:
        outcome = OUTCOMES[name]
        if outcome.verdict is None:
            self.tries += 1
            if self.tries < self.max_tries:
                return
            self.is_queued = False
            if self.status == "SUBMITTED":
                self.status = "FAILED"
            return
        self.is_queued, self.verdict = False, outcome.verdict
        self.n_verdicts += 1
        self.is_noisy = outcome.is_poor_audio
        self.n_noisy += outcome.is_poor_audio
        if self.status != "SUBMITTED":
            return  # somebody decided by hand: their status stands
        if outcome.verdict == "DEEPFAKE":
            self.status = "REJECTED"
        elif outcome.verdict == "INCONCLUSIVE":
            self.in_review = True
        elif self.n_steps > 1:
            self.status = "PENDING"
        elif self.auto_verify:
            self.status = "VERIFIED"

    def set_by_hand(self, status: str) -> Answer:
        if self.is_gone:
            return (404, "SESSION_NOT_FOUND") if status in _BY_HAND else (422, None)
        if status not in _BY_HAND:
            return 422, None
        if status == self.status:
            return 200, None
        if self.is_final:
            return _FINAL
        self.status, self.in_review = status, False
        return 200, None

    def attempt_asked(self) -> Answer:
        if self.is_gone:
            return 404, "SESSION_NOT_FOUND"
        if self.is_final:
            return _FINAL
        if self.is_queued:
            return 409, "ANALYSIS_RUNNING"
        if self.status == "PENDING" and not self.is_used:
            self.has_run_out = False
            return 201, None
        may_retry = self.is_noisy and self.n_noisy == 1 and self.attempt < self.limit
        if self.status == "REJECTED" or (self.status == "SUBMITTED" and may_retry):
            self.attempt += 1
            self.status, self.in_review, self.verdict = "PENDING", False, None
            self.is_used = self.has_run_out = self.is_noisy = False
            return 201, None
        return 409, "ATTEMPT_NOT_OPEN"

    def ran_out(self, *, session_too: bool) -> None:
        self.has_run_out = True
        if session_too and self.status == "PENDING":
            self.status = "EXPIRED"

    def erased(self) -> None:
        self.is_gone, self.is_queued = True, False

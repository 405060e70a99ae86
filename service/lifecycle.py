"""What may happen to a session, as pure functions: no SQL, no clock."""

from __future__ import annotations

from dataclasses import dataclass

from service.tables import AttemptState, SessionProgress, SessionStatus
from verdict.rules import Outcome, ReasonCode

_ALWAYS_FINAL = frozenset(
    {SessionStatus.VERIFIED, SessionStatus.VOIDED, SessionStatus.FAILED, SessionStatus.EXPIRED}
)
BY_HAND = frozenset({SessionStatus.VERIFIED, SessionStatus.REJECTED, SessionStatus.VOIDED})


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a session stands."""

    status: SessionStatus
    progress: SessionProgress
    review_required: bool = False


SUBMITTED = Standing(SessionStatus.SUBMITTED, SessionProgress.COMPLETED)
REOPENED = Standing(SessionStatus.PENDING, SessionProgress.PENDING)
FAILED = Standing(SessionStatus.FAILED, SessionProgress.COMPLETED)


def is_final(status: SessionStatus, attempts_left: int) -> bool:
    """Whether nothing can change this status any more."""
    if status is SessionStatus.REJECTED:
        return attempts_left <= 0
    return status in _ALWAYS_FINAL


def after_verdict(outcome: Outcome, *, steps_left: int, auto_verify: bool) -> Standing:
    """Return where a verdict puts the session.

    Parameters
    ----------
    steps_left
        Steps of the workflow that remain after this one.
    """
    if outcome is Outcome.REJECT:
        return Standing(SessionStatus.REJECTED, SessionProgress.COMPLETED)
    if outcome is Outcome.REVIEW:
        return Standing(SessionStatus.SUBMITTED, SessionProgress.COMPLETED, review_required=True)
    if steps_left > 0:
        return Standing(SessionStatus.PENDING, SessionProgress.STARTED)
    status = SessionStatus.VERIFIED if auto_verify else SessionStatus.SUBMITTED
    return Standing(status, SessionProgress.COMPLETED)


@dataclass(frozen=True, slots=True)
class AttemptOption:
    """What asking for an attempt leads to.

    Parameters
    ----------
    renews_link
        The open attempt gets a new link; no attempt is used.
    refusal
        Error code where nothing can be started, else None.
    """

    renews_link: bool = False
    refusal: str | None = None


def next_attempt(
    status: SessionStatus,
    latest: AttemptState,
    attempts_left: int,
    latest_reason: ReasonCode | None,
    poor_audio_verdicts: int,
) -> AttemptOption:
    """Decide what a request for a new attempt leads to.

    A REJECTED session with attempts left is reopened. One INCONCLUSIVE verdict for poor audio
    may be tried again once before review.
    """
    if is_final(status, attempts_left):
        return AttemptOption(refusal="SESSION_TERMINAL")
    if latest in (AttemptState.QUEUED, AttemptState.RUNNING):
        return AttemptOption(refusal="ANALYSIS_RUNNING")
    if status is SessionStatus.PENDING and latest is AttemptState.AWAITING:
        return AttemptOption(renews_link=True)
    if status is SessionStatus.REJECTED:
        return AttemptOption()
    is_first_poor_audio = (
        latest_reason is ReasonCode.INSUFFICIENT_AUDIO_QUALITY and poor_audio_verdicts == 1
    )
    if status is SessionStatus.SUBMITTED and is_first_poor_audio and attempts_left > 0:
        return AttemptOption()
    return AttemptOption(refusal="ATTEMPT_NOT_OPEN")

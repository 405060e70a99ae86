"""What a capture token opens: looked up by digest, never stored or logged itself."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func
from sqlmodel import Session, col, select

from service.clock import now_ms
from service.context import Context
from service.errors import (
    AnalysisBusyError,
    ConflictError,
    GoneError,
    NotFoundError,
    TooManyRequestsError,
)
from service.logs import note_for_log
from service.signing import token_digest
from service.tables import (
    Attempt,
    AttemptState,
    SessionProgress,
    SessionRow,
    SessionStatus,
    Workflow,
)

_QUEUE_RETRY_S = 10


@dataclass(frozen=True, slots=True)
class OpenAttempt:
    """An attempt that waits for its capture."""

    session: SessionRow
    attempt: Attempt
    workflow: Workflow

    @property
    def opened_ms(self) -> int:
        """The earliest time at which anybody can have known the challenge."""
        return opened_ms(self.session, self.attempt)


def opened_ms(session: SessionRow, attempt: Attempt) -> int:
    """Return when the challenge of `attempt` was made or, of the first one, first looked at."""
    return max(attempt.created_at, session.viewed_at or 0)


def open_attempt(db: Session, token: str, *, lock: bool = False) -> OpenAttempt:
    """Return the attempt that `token` opens.

    Parameters
    ----------
    lock
        Keep others from changing its session until this transaction has ended.

    Raises
    ------
    NotFoundError
        When there is no such token (any more).
    ConflictError
        When it was used, or the session takes no capture.
    GoneError
        When it has run out.
    """
    attempt = _attempt_of(db, token)
    session = db.get(SessionRow, attempt.session_id, with_for_update=True if lock else None)
    if session is None:
        raise _unknown()
    if lock:  # whoever held it may have renewed the link, or used it
        attempt = _attempt_of(db, token)
    if attempt.token_used_at is not None:
        raise ConflictError("this link was used; ask for a new one", "CAPTURE_TOKEN_USED")
    note_for_log(
        organization_id=session.organization_id, session_id=session.id, attempt=attempt.number
    )
    if session.status != SessionStatus.PENDING or attempt.number != session.attempt:
        raise ConflictError("the session takes no capture any more", "SESSION_TERMINAL")
    if attempt.token_expires_at < now_ms():
        raise GoneError("this link has run out; ask for a new one")
    return OpenAttempt(session, attempt, db.get_one(Workflow, session.workflow_id))


def _attempt_of(db: Session, token: str) -> Attempt:
    query = select(Attempt).where(Attempt.token_sha256 == token_digest(token))
    attempt = db.exec(query.execution_options(populate_existing=True)).first()
    if attempt is None:
        raise _unknown()
    return attempt


def _unknown() -> NotFoundError:
    message = "this link is not known, or a newer one has taken its place"
    return NotFoundError(message, "CAPTURE_TOKEN_UNKNOWN")


def is_known(context: Context, token: str) -> bool:
    """Whether `token` is that of an attempt, open or not."""
    with context.database.read() as db:
        found = select(Attempt.id).where(Attempt.token_sha256 == token_digest(token))
        return db.exec(found).first() is not None


def note_view(context: Context, token: str) -> OpenAttempt:
    """Return the open attempt, and remember when its applicant first came."""
    with context.database.read() as db:
        seen = open_attempt(db, token)
    if seen.session.viewed_at is not None and seen.session.progress != SessionProgress.PENDING:
        return seen
    with context.database.write() as db:
        fresh = open_attempt(db, token, lock=True)
        fresh.session.viewed_at = fresh.session.viewed_at or now_ms()
        fresh.session.progress = SessionProgress.STARTED
        db.add(fresh.session)
        return fresh


def check_queue(context: Context, db: Session, organization_id: str) -> None:
    """Refuse a capture when too many wait already, of this tenant or of all together.

    Raises
    ------
    TooManyRequestsError
        When this tenant has too many waiting; with the seconds after which to try again.
    AnalysisBusyError
        When all together have.
    """
    settings = context.settings
    waiting = (
        select(func.count())
        .select_from(Attempt)
        .where(col(Attempt.state).in_((AttemptState.QUEUED, AttemptState.RUNNING)))
    )
    if db.exec(waiting).one() >= settings.max_pending_captures:
        message = "too many captures are waiting; try again shortly"
        raise AnalysisBusyError(message, _QUEUE_RETRY_S)
    of_tenant = waiting.join(SessionRow, col(SessionRow.id) == col(Attempt.session_id)).where(
        SessionRow.organization_id == organization_id
    )
    if db.exec(of_tenant).one() >= settings.max_pending_per_tenant:
        message = "too many of your captures are waiting; try again shortly"
        raise TooManyRequestsError(message, _QUEUE_RETRY_S)

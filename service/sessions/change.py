"""Change a session: status by hand, a new attempt, expiry. Each is one transaction."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func
from sqlmodel import Session, select

from service.clock import now_ms
from service.context import Context
from service.errors import ConflictError, FieldError, UnprocessableError
from service.events import ATTEMPT_STARTED, LINK_RENEWED, add_event, status_event
from service.keys import Caller, Scope
from service.lifecycle import BY_HAND, REOPENED, Standing, is_final, next_attempt
from service.sessions.links import new_attempt, renew_link
from service.sessions.read import find_session, note_read
from service.sessions.views import WireObject, outlined_session, retrieved_session
from service.tables import (
    Attempt,
    AttemptState,
    SessionProgress,
    SessionRow,
    SessionStatus,
    VerdictRow,
    Workflow,
)
from verdict.rules import ReasonCode

_TERMINAL = "the session is final; create a new one"
_REFUSALS = {
    "SESSION_TERMINAL": _TERMINAL,
    "ANALYSIS_RUNNING": "the last capture is still being analysed; ask again when it is done",
    "ATTEMPT_NOT_OPEN": "the session is waiting for review; a new attempt needs a rejection",
}


@dataclass(frozen=True, slots=True)
class StartedAttempt:
    """The open attempt of a session, new or with a renewed link."""

    session: SessionRow
    attempt: Attempt
    attempts_left: int


def set_status(
    context: Context, caller: Caller, session_id: str, status: SessionStatus
) -> WireObject:
    """Set the status by hand and return the session. Repeating it changes nothing.

    A key without `sessions:read` gets the outline of the session.

    Raises
    ------
    ConflictError
        When the session is final.
    UnprocessableError
        When the status can't be set by hand.
    """
    if status not in BY_HAND:
        message = f"must be one of {', '.join(sorted(BY_HAND))}"
        raise UnprocessableError(f"new_status {message}", fields=[FieldError("status", message)])
    with context.database.write() as db:
        session = find_session(db, caller, session_id, lock=True)
        workflow = db.get_one(Workflow, session.workflow_id)
        before = SessionStatus(session.status)
        if before is not status:
            if is_final(before, workflow.attempt_limit - session.attempt):
                raise ConflictError(_TERMINAL, "SESSION_TERMINAL")
            apply_standing(session, Standing(status, SessionProgress(session.progress)))
            actor = f"key:{caller.key_id}"
            add_event(db, session, status_event(status), actor, by="hand", before=str(before))
            db.flush()
        if Scope.READ not in caller.scopes:
            return outlined_session(db, session)
        answer = retrieved_session(db, context, session, caller.key_id)
    note_read(context, caller, session_id)
    return answer


def start_attempt(context: Context, caller: Caller, session_id: str) -> StartedAttempt:
    """Start a new attempt, or renew the link of the one that waits for its capture.

    Raises
    ------
    ConflictError
        When the session is final, or its last capture is not judged yet.
    UnprocessableError
        When the workflow asks for what the recogniser in use can't hear.
    """
    with context.database.write() as db:
        session = find_session(db, caller, session_id, lock=True)
        workflow = db.get_one(Workflow, session.workflow_id)
        latest = db.exec(
            select(Attempt).where(
                Attempt.session_id == session.id, Attempt.number == session.attempt
            )
        ).one()
        option = next_attempt(
            SessionStatus(session.status),
            AttemptState(latest.state),
            workflow.attempt_limit - session.attempt,
            _reason(db, latest),
            _poor_audio_verdicts(db, session),
        )
        if option.refusal is not None:
            raise ConflictError(_REFUSALS[option.refusal], option.refusal)
        actor = f"key:{caller.key_id}"
        if option.renews_link:
            renew_link(context, latest, workflow)
            db.add(latest)
            session.updated_at = now_ms()
            add_event(db, session, LINK_RENEWED, actor)
            return StartedAttempt(session, latest, workflow.attempt_limit - session.attempt)
        session.attempt += 1
        apply_standing(session, REOPENED)
        session.expires_at = now_ms() + round(1000 * context.settings.session_ttl_s)
        attempt = new_attempt(context, session, workflow)
        db.add(attempt)
        add_event(db, session, ATTEMPT_STARTED, actor)
        return StartedAttempt(session, attempt, workflow.attempt_limit - session.attempt)


def expire_sessions(context: Context) -> int:
    """End every session whose applicant never came, or never came back; return how many."""
    with context.database.write() as db:
        overdue = db.exec(
            select(SessionRow)
            .where(SessionRow.status == SessionStatus.PENDING, SessionRow.expires_at < now_ms())
            .with_for_update(skip_locked=True)
        ).all()
        for session in overdue:
            apply_standing(
                session, Standing(SessionStatus.EXPIRED, SessionProgress(session.progress))
            )
            add_event(db, session, status_event(SessionStatus.EXPIRED), "engine")
        return len(overdue)


def apply_standing(session: SessionRow, standing: Standing) -> None:
    """Write a standing into the row."""
    session.status = standing.status
    session.progress = standing.progress
    session.review_required = standing.review_required
    session.updated_at = now_ms()


def _reason(db: Session, attempt: Attempt) -> ReasonCode | None:
    row = db.exec(select(VerdictRow).where(VerdictRow.attempt_id == attempt.id)).first()
    return None if row is None else ReasonCode(row.reason_code)


def _poor_audio_verdicts(db: Session, session: SessionRow) -> int:
    return db.exec(
        select(func.count())
        .select_from(VerdictRow)
        .where(
            VerdictRow.session_id == session.id,
            VerdictRow.reason_code == ReasonCode.INSUFFICIENT_AUDIO_QUALITY,
        )
    ).one()

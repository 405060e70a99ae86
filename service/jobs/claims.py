"""What a job does to its attempt: take it up, give it back, pass it on, give it up.

Each function is one transaction that locks the session first, so that a process may die between
any two of them and two processes at the same attempt don't both write.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from sqlmodel import Session, col, select, update

from service.analyser import StoredCapture
from service.captures.description import CaptureDescription
from service.captures.prepare import DESCRIPTION_FILE
from service.captures.tokens import opened_ms
from service.clock import now_ms
from service.context import Context
from service.events import add_event, status_event
from service.lifecycle import FAILED
from service.sessions.change import apply_standing
from service.tables import Attempt, AttemptState, CaptureRow, SessionRow, SessionStatus

ENGINE = "engine"
# Jobs of one attempt that may be lost, handed over or find no media before it is given up: each
# stop of a worker hands over, so it takes a fault that no try gets to the end of, or three days
# without store or master key.
MOST_JOBS = 1000
_UNDER_WAY = (AttemptState.QUEUED, AttemptState.RUNNING)


class AttemptGoneError(LookupError):
    """The session was erased: there is nothing to analyse and nothing to write."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """An attempt that this process has taken up."""

    attempt_id: str
    session_id: str
    organization_id: str
    number: int
    tries: int
    capture: CaptureRow
    phrase: str
    language: str
    opened_ms: int
    order: str | None

    def holds(self, attempt: Attempt) -> bool:
        """Whether the attempt is still at this try; `attempt` is it as it stands now."""
        return attempt.state == AttemptState.RUNNING and attempt.tries == self.tries

    @contextmanager
    def stored(self, context: Context) -> Iterator[StoredCapture]:
        """Hold what was sent in a scratch folder, for as long as it is looked at.

        Raises
        ------
        service.media.vault.NoMediaKeyError, service.media.store.MissingObjectError
            When the media is gone.
        """
        capture, media = self.capture, context.media
        names = (DESCRIPTION_FILE, *capture.files)
        with media.unpacked(context.database, self.session_id, capture.folder, names) as folder:
            text = (folder / DESCRIPTION_FILE).read_text(encoding="utf-8")
            description = CaptureDescription.model_validate_json(text)
            yield description.stored(
                capture.id, folder, self.phrase, self.language, capture.received_at, self.opened_ms
            )


def requeue_interrupted(context: Context) -> int:
    """Put back what was running when the last process ended; return how many."""
    with context.database.write() as db:
        result = db.exec(
            update(Attempt)
            .where(col(Attempt.state) == AttemptState.RUNNING)
            .values(state=AttemptState.QUEUED, not_before=0)
        )
        return result.rowcount


def claim_next(context: Context) -> Claimed | None:
    """Take up the longest waiting attempt and count the try; None when none is due."""
    with context.database.write() as db:
        row = db.exec(
            select(Attempt, CaptureRow)
            .join(CaptureRow, col(CaptureRow.attempt_id) == col(Attempt.id))
            .where(Attempt.state == AttemptState.QUEUED, Attempt.not_before <= now_ms())
            .order_by(col(CaptureRow.received_at), col(Attempt.id))
        ).first()
        if row is None:
            return None
        attempt, capture = row
        return _taken_up(db, db.get_one(SessionRow, attempt.session_id), attempt, capture)


def is_suspect(context: Context, attempt_id: str) -> bool:
    """Whether a process died while it analysed this attempt, perhaps because of it."""
    with context.database.read() as db:
        attempt = db.get(Attempt, attempt_id)
    return attempt is not None and attempt.state == AttemptState.RUNNING


def claim(context: Context, attempt_id: str, dispatch: int) -> Claimed | None:
    """Take up one attempt and count the try; None when job `dispatch` of it is out of date."""
    with suppress(AttemptGoneError), context.database.write() as db:
        session, attempt = locked(db, attempt_id)
        if attempt.dispatch != dispatch or attempt.state not in _UNDER_WAY:
            return None
        capture = db.exec(select(CaptureRow).where(CaptureRow.attempt_id == attempt_id)).one()
        return _taken_up(db, session, attempt, capture)
    return None


def give_back(context: Context, claimed: Claimed) -> None:
    """Return an attempt whose analysis was cut short by a shutdown; the try does not count."""
    with suppress(AttemptGoneError), context.database.write() as db:
        _, attempt = locked(db, claimed.attempt_id)
        if claimed.holds(attempt):
            attempt.tries -= 1
            queue_again(db, context, attempt, claimed.organization_id)


def redispatch(context: Context, attempt_id: str, dispatch: int) -> bool:
    """Queue a new job for an attempt whose job `dispatch` is lost; False when it moved on."""
    with suppress(AttemptGoneError), context.database.write() as db:
        session, attempt = locked(db, attempt_id)
        if attempt.dispatch != dispatch or attempt.state not in _UNDER_WAY:
            return False
        if attempt.dispatch >= MOST_JOBS:
            fail(db, session, attempt, "jobs_lost")
            return False
        # Its state stays: a suspect is one for the new job, too.
        attempt.dispatch += 1
        db.add(attempt)
        context.jobs.enqueue(db, attempt, session.organization_id)
        return True
    return False


def locked(db: Session, attempt_id: str) -> tuple[SessionRow, Attempt]:
    """Return a session and its attempt as they stand once nobody else can change them.

    Raises
    ------
    AttemptGoneError
        When the session was erased.
    """
    seen = db.get(Attempt, attempt_id)
    if seen is None:
        raise AttemptGoneError(attempt_id)
    session = db.get(SessionRow, seen.session_id, with_for_update=True)
    if session is None:
        raise AttemptGoneError(attempt_id)
    return session, db.get_one(Attempt, attempt_id, populate_existing=True)


def _taken_up(db: Session, session: SessionRow, attempt: Attempt, capture: CaptureRow) -> Claimed:
    attempt.state = AttemptState.RUNNING
    attempt.tries += 1
    db.add(attempt)
    return Claimed(
        attempt.id,
        session.id,
        session.organization_id,
        attempt.number,
        attempt.tries,
        capture,
        attempt.phrase,
        attempt.language,
        opened_ms(session, attempt),
        session.test_outcomes,
    )


def queue_again(
    db: Session, context: Context, attempt: Attempt, organization_id: str, pause_s: float = 0.0
) -> None:
    """Queue the next job of an attempt, after a pause."""
    attempt.state = AttemptState.QUEUED
    attempt.not_before = now_ms() + round(1000 * pause_s) if pause_s else 0
    attempt.dispatch += 1
    db.add(attempt)
    context.jobs.enqueue(db, attempt, organization_id, pause_s)


def fail(db: Session, session: SessionRow, attempt: Attempt, reason: str) -> None:
    """End an attempt without a verdict, and the session that waits for it."""
    attempt.state = AttemptState.FAILED
    db.add(attempt)
    if is_waiting_for(session, attempt):
        apply_standing(session, FAILED)
        session.failure_reason = reason
        add_event(db, session, status_event(SessionStatus.FAILED), ENGINE, failure_reason=reason)


def is_waiting_for(session: SessionRow, attempt: Attempt) -> bool:
    """Whether nobody has decided otherwise meanwhile."""
    return session.status == SessionStatus.SUBMITTED and session.attempt == attempt.number

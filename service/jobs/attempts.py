"""What a job does to its attempt: take it up, then record its verdict or its crash.

Each function is one transaction that locks the session first, so that a process may die between
any two of them and two processes at the same attempt don't both write.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session, col, select, update

from service.analyser import StoredCapture
from service.captures.description import CaptureDescription
from service.captures.prepare import DESCRIPTION_FILE
from service.captures.tokens import opened_ms
from service.clock import now_ms
from service.context import Context
from service.events import ANALYSIS_RECORDED, DEEPFAKE_DETECTED, add_event, status_event
from service.lifecycle import FAILED, after_verdict
from service.sessions.change import apply_standing
from service.tables import (
    Attempt,
    AttemptState,
    CaptureRow,
    SessionRow,
    SessionStatus,
    VerdictRow,
    Workflow,
)
from verdict.engine import Decision
from verdict.wire import detection_data, detection_evidence

ENGINE = "engine"
# Jobs of one attempt that may be lost or handed over before it is given up: each stop of a worker
# hands over, so it takes a fault that no try gets to the end of.
_MOST_JOBS = 100
_UNDER_WAY = (AttemptState.QUEUED, AttemptState.RUNNING)


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

    def stored(self, context: Context) -> StoredCapture:
        """Read what was sent with the media.

        Raises
        ------
        OSError
            When the folder is gone.
        """
        folder = context.settings.data_dir / self.capture.folder
        text = (folder / DESCRIPTION_FILE).read_text(encoding="utf-8")
        description = CaptureDescription.model_validate_json(text)
        capture = self.capture
        return description.stored(
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
        return db.get_one(Attempt, attempt_id).state == AttemptState.RUNNING


def claim(context: Context, attempt_id: str, dispatch: int) -> Claimed | None:
    """Take up one attempt and count the try; None when job `dispatch` of it is out of date."""
    with context.database.write() as db:
        session, attempt = _locked(db, attempt_id)
        if attempt.dispatch != dispatch or attempt.state not in _UNDER_WAY:
            return None
        capture = db.exec(select(CaptureRow).where(CaptureRow.attempt_id == attempt_id)).one()
        return _taken_up(db, session, attempt, capture)


def give_back(context: Context, claimed: Claimed) -> None:
    """Return an attempt whose analysis was cut short by a shutdown; the try does not count."""
    with context.database.write() as db:
        _, attempt = _locked(db, claimed.attempt_id)
        if attempt.state == AttemptState.RUNNING and attempt.tries == claimed.tries:
            attempt.tries -= 1
            _queue_again(db, context, attempt, claimed.organization_id)


def redispatch(context: Context, attempt_id: str, dispatch: int) -> bool:
    """Queue a new job for an attempt whose job `dispatch` is lost; False when it moved on."""
    with context.database.write() as db:
        session, attempt = _locked(db, attempt_id)
        if attempt.dispatch != dispatch or attempt.state not in _UNDER_WAY:
            return False
        if attempt.dispatch >= _MOST_JOBS:
            _fail(db, session, attempt, "jobs_lost")
            return False
        # Its state stays: a suspect is one for the new job, too.
        attempt.dispatch += 1
        db.add(attempt)
        context.jobs.enqueue(db, attempt, session.organization_id)
        return True


def record_verdict(context: Context, claimed: Claimed, decision: Decision) -> None:
    """Write verdict, status and event together. A second verdict for an attempt changes nothing."""
    with context.database.write() as db:
        session, attempt = _locked(db, claimed.attempt_id)
        if _has_verdict(db, attempt):
            return
        workflow = db.get_one(Workflow, session.workflow_id)
        attempt.state = AttemptState.DONE
        db.add(attempt)
        db.add(
            VerdictRow(
                attempt_id=attempt.id,
                session_id=session.id,
                verdict=decision.rule.verdict,
                reason_code=decision.reason_code,
                data=detection_data(decision, datetime.now(UTC)),
                evidence=_evidence(decision, attempt),
            )
        )
        why = str(decision.reason_code)
        _note_deepfake(db, session, decision)
        details = {"verdict": str(decision.rule.verdict), "rule": decision.priority}
        if not _is_waiting_for(session, attempt):
            # Somebody decided by hand meanwhile: the verdict is kept, their status stands.
            session.updated_at = now_ms()
            add_event(db, session, ANALYSIS_RECORDED, ENGINE, reason_code=why, **details)
            return
        steps_left = len(workflow.steps) - session.steps_done - 1
        standing = after_verdict(
            decision.rule.outcome, steps_left=steps_left, auto_verify=workflow.auto_verify
        )
        if standing.status is SessionStatus.PENDING:
            session.steps_done += 1
        apply_standing(session, standing)
        # LIVE with steps left goes back to PENDING: that is progress, not an event of its own.
        is_status_event = standing.status is not SessionStatus.PENDING
        event = status_event(standing.status) if is_status_event else ANALYSIS_RECORDED
        add_event(db, session, event, ENGINE, reason_code=why, **details)


def record_crash(context: Context, claimed: Claimed, reason: str) -> bool:
    """Queue the attempt again, or end its session as FAILED after the last try.

    Parameters
    ----------
    reason
        A stable word, never a message that could hold something of the session.

    Returns
    -------
    bool
        Whether it is tried again.
    """
    with context.database.write() as db:
        session, attempt = _locked(db, claimed.attempt_id)
        if attempt.tries != claimed.tries or attempt.state != AttemptState.RUNNING:
            return False  # another try has ended it, or is at it
        settings = context.settings
        if attempt.tries < settings.max_tries:
            pause_s = settings.retry_pause_s * attempt.tries
            _queue_again(db, context, attempt, session.organization_id, pause_s)
            return True
        _fail(db, session, attempt, reason)
        return False


def _locked(db: Session, attempt_id: str) -> tuple[SessionRow, Attempt]:
    """Return an attempt as it stands once nobody else can change its session."""
    session_id = db.get_one(Attempt, attempt_id).session_id
    session = db.get_one(SessionRow, session_id, with_for_update=True)
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
    )


def _queue_again(
    db: Session, context: Context, attempt: Attempt, organization_id: str, pause_s: float = 0.0
) -> None:
    attempt.state = AttemptState.QUEUED
    attempt.not_before = now_ms() + round(1000 * pause_s) if pause_s else 0
    attempt.dispatch += 1
    db.add(attempt)
    context.jobs.enqueue(db, attempt, organization_id, pause_s)


def _fail(db: Session, session: SessionRow, attempt: Attempt, reason: str) -> None:
    attempt.state = AttemptState.FAILED
    db.add(attempt)
    if _is_waiting_for(session, attempt):
        apply_standing(session, FAILED)
        session.failure_reason = reason
        add_event(db, session, status_event(SessionStatus.FAILED), ENGINE, failure_reason=reason)


def _note_deepfake(db: Session, session: SessionRow, decision: Decision) -> None:
    facts = decision.facts
    if facts.deepfake_detected:
        add_event(
            db,
            session,
            DEEPFAKE_DETECTED,
            ENGINE,
            reason_code=str(decision.reason_code),
            vision_risk=facts.vision_risk,
            vision_above=facts.vision_above,
            voice_risk=facts.voice_risk,
            voice_above=facts.voice_above,
        )


def _has_verdict(db: Session, attempt: Attempt) -> bool:
    query = select(VerdictRow.id).where(VerdictRow.attempt_id == attempt.id)
    return db.exec(query).first() is not None


def _is_waiting_for(session: SessionRow, attempt: Attempt) -> bool:
    return session.status == SessionStatus.SUBMITTED and session.attempt == attempt.number


def _evidence(decision: Decision, attempt: Attempt) -> dict[str, Any]:
    return detection_evidence(decision) | {"attempt": attempt.number, "tries": attempt.tries}

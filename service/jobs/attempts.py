"""How a try ends: with its verdict or its crash, and the event, in one transaction."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session, select

from service.audit.chain import digest_of
from service.audit.log import note
from service.clock import now_ms
from service.context import Context
from service.events import ANALYSIS_RECORDED, DEEPFAKE_DETECTED, add_event, status_event
from service.jobs.claims import (
    ENGINE,
    MOST_JOBS,
    Claimed,
    fail,
    is_waiting_for,
    locked,
    queue_again,
)
from service.lifecycle import after_verdict
from service.sessions.change import apply_standing
from service.tables import Attempt, AttemptState, SessionRow, SessionStatus, VerdictRow, Workflow
from verdict.engine import Decision
from verdict.wire import detection_data, detection_evidence

# Of what the media needs and is away: ten times as long as after a crash, and longer each time.
_OUTAGE_PAUSES = 10
_LONGEST_PAUSE_S = 300.0


def record_verdict(context: Context, claimed: Claimed, decision: Decision) -> None:
    """Write verdict, status and event together. A second verdict for an attempt changes nothing."""
    with context.database.write() as db:
        session, attempt = locked(db, claimed.attempt_id)
        if _has_verdict(db, attempt):
            return
        workflow = db.get_one(Workflow, session.workflow_id)
        attempt.state = AttemptState.DONE
        db.add(attempt)
        data = detection_data(decision, datetime.now(UTC))
        db.add(
            VerdictRow(
                attempt_id=attempt.id,
                session_id=session.id,
                verdict=decision.rule.verdict,
                reason_code=decision.reason_code,
                data=data,
                evidence=_evidence(decision, attempt),
            )
        )
        note(
            db,
            session.organization_id,
            "verdict.recorded",
            ENGINE,
            session.id,
            attempt=attempt.number,
            verdict=str(decision.rule.verdict),
            rule=decision.priority,
            sha256=digest_of(data),
        )
        why = str(decision.reason_code)
        _note_deepfake(db, session, decision)
        details = {"verdict": str(decision.rule.verdict), "rule": decision.priority}
        if not is_waiting_for(session, attempt):
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
        session, attempt = locked(db, claimed.attempt_id)
        if not claimed.holds(attempt):
            return False  # another try has ended it, or is at it
        settings = context.settings
        if attempt.tries < settings.max_tries:
            pause_s = settings.retry_pause_s * attempt.tries
            queue_again(db, context, attempt, session.organization_id, pause_s)
            return True
        fail(db, session, attempt, reason)
        return False


def record_outage(context: Context, claimed: Claimed, reason: str) -> bool:
    """Queue the attempt again without counting the try: nothing was wrong with the capture.

    The pauses grow, and it goes on for days before the session ends as FAILED.

    Returns
    -------
    bool
        Whether it is tried again.
    """
    with context.database.write() as db:
        session, attempt = locked(db, claimed.attempt_id)
        if not claimed.holds(attempt):
            return False  # another try has ended it, or is at it
        if attempt.dispatch >= MOST_JOBS:
            fail(db, session, attempt, reason)
            return False
        attempt.tries -= 1
        pause_s = _OUTAGE_PAUSES * context.settings.retry_pause_s * attempt.dispatch
        pause_s = min(pause_s, _LONGEST_PAUSE_S)
        queue_again(db, context, attempt, session.organization_id, pause_s)
        return True


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


def _evidence(decision: Decision, attempt: Attempt) -> dict[str, Any]:
    return detection_evidence(decision) | {"attempt": attempt.number, "tries": attempt.tries}

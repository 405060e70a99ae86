"""Session rows as the wire objects of the contract, in snake_case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from service.clock import as_wire
from service.context import Context
from service.database import is_test
from service.lifecycle import is_final
from service.media_links import media_links
from service.sessions.user_agent import browser_of, device_of
from service.tables import (
    Attempt,
    AttemptState,
    CaptureRow,
    SessionRow,
    SessionStatus,
    User,
    VerdictRow,
    Workflow,
)
from service.test_mode import MARK

WireObject = dict[str, Any]
# What takes `sessions:read`, and what stands instead of it where the shape asks for something.
_TO_READ = frozenset(
    {"external_id", "redirect_url", "submitted_at", "failure_reason", "capture", "analysis_data"}
)
_NOTHING: WireObject = {"meta_data": {}, "uploads": {}}
_NOBODY: WireObject = {"first_name": "", "last_name": "", "email": "", "phone": ""}


def retrieved_session(
    db: Session, context: Context, session: SessionRow, holder: str
) -> WireObject:
    """Return what Retrieve Session answers; `holder` is whom its media links are given to."""
    capture = _latest_capture(db, session)
    return {
        "session_record": session_record(db, session, with_evidence=True),
        "user": _user(db.get_one(User, session.user_id)),
        "sender_user": _user(db.get_one(User, session.sender_user_id)),
        "resource_links": {} if capture is None else media_links(context, capture, holder),
    }


def outlined_session(db: Session, session: SessionRow) -> WireObject:
    """Return the same shape for a key that may not read: where it stands, nothing of the person."""
    record = session_record(db, session, with_evidence=False)
    users = (db.get_one(User, one) for one in (session.user_id, session.sender_user_id))
    user, sender_user = (_user(one) | _NOBODY for one in users)
    return {
        "session_record": {name: record[name] for name in record if name not in _TO_READ}
        | _NOTHING,
        "user": user,
        "sender_user": sender_user,
        "resource_links": {},
    }


def session_record(db: Session, session: SessionRow, *, with_evidence: bool) -> WireObject:
    """Return ``session_record``.

    Parameters
    ----------
    with_evidence
        False in lists, which would otherwise be megabytes long.
    """
    workflow = db.get_one(Workflow, session.workflow_id)
    attempt = _latest_attempt(db, session)
    capture = _latest_capture(db, session)
    verdict = _latest_verdict(db, session)
    left = workflow.attempt_limit - session.attempt
    mark = MARK if is_test(db) else {}
    record: WireObject = {
        "id": session.id,
        **mark,
        "organization_id": session.organization_id,
        "user_id": session.user_id,
        "sender_user_id": session.sender_user_id,
        "status": session.status,
        "type": "session",
        "session_progress": session.progress,
        "workflow_id": session.workflow_id,
        "workflow_steps": list(workflow.steps),
        "created_at": as_wire(session.created_at),
        "updated_at": as_wire(session.updated_at),
        "expires_at": as_wire(session.expires_at),
        "meta_data": _meta_data(session),
        "uploads": {} if capture is None else _uploads(capture),
        "attempt": session.attempt,
        "attempts_left": max(0, left),
        "is_final": is_final(SessionStatus(session.status), left),
        "review_required": session.review_required,
        "analysis_pending": attempt.state in (AttemptState.QUEUED, AttemptState.RUNNING),
        "sequence": session.event_sequence,
    }
    optional = {
        "external_id": session.external_id,
        "redirect_url": session.redirect_url,
        "submitted_at": None if session.submitted_at is None else as_wire(session.submitted_at),
        "failure_reason": session.failure_reason,
        "capture": None if capture is None else _capture(capture),
        "analysis_data": None if verdict is None else _analysis(verdict, with_evidence),
    }
    return record | {name: value for name, value in optional.items() if value is not None}


def _analysis(verdict: VerdictRow, with_evidence: bool) -> WireObject:
    analysis: WireObject = {
        "created_at": as_wire(verdict.created_at),
        "deepfake_detection_data": verdict.data,
    }
    if with_evidence:
        analysis["deepfake_detection_evidence"] = verdict.evidence
    return analysis


def _user(user: User) -> WireObject:
    return {
        "id": user.id,
        "organization_id": user.organization_id,
        "first_name": user.first_name,
        "last_name": user.last_name,
        # Clients of such sessions read both as text: the sender of the deployment has none.
        "email": user.email or "",
        "phone": user.phone or "",
        "created_at": as_wire(user.created_at),
        "updated_at": as_wire(user.created_at),  # nothing of a user changes
    }


def _meta_data(session: SessionRow) -> WireObject:
    """What is known; the contract writes these keys in camelCase, whatever the key's casing."""
    agent = session.applicant_user_agent
    known = {
        "applicantSubmissionIp": session.applicant_ip,
        "applicantSubmissionDevice": device_of(agent),
        "applicantViewTime": None if session.viewed_at is None else as_wire(session.viewed_at),
        "applicantSubmissionBrowser": browser_of(agent),
    }
    return {name: value for name, value in known.items() if value is not None}


def _uploads(capture: CaptureRow) -> WireObject:
    """Return what was captured by the names of `resource_links`."""
    return {Path(name).stem: True for name in capture.files}


def _capture(capture: CaptureRow) -> WireObject:
    return {
        "files": len(capture.files),
        "bytes": capture.n_bytes,
        "received_at": as_wire(capture.received_at),
    }


def _latest_attempt(db: Session, session: SessionRow) -> Attempt:
    return db.exec(
        select(Attempt).where(Attempt.session_id == session.id, Attempt.number == session.attempt)
    ).one()


def _latest_capture(db: Session, session: SessionRow) -> CaptureRow | None:
    return db.exec(
        select(CaptureRow)
        .join(Attempt, col(Attempt.id) == col(CaptureRow.attempt_id))
        .where(Attempt.session_id == session.id, Attempt.number == session.attempt)
    ).first()


def _latest_verdict(db: Session, session: SessionRow) -> VerdictRow | None:
    """The verdict of the current attempt: a reopened session has none until it is judged."""
    return db.exec(
        select(VerdictRow)
        .join(Attempt, col(Attempt.id) == col(VerdictRow.attempt_id))
        .where(Attempt.session_id == session.id, Attempt.number == session.attempt)
    ).first()

"""Events of sessions and voices: numbered without gaps, written with what they report.

Every event is also an entry of the audit log, in the same transaction.
"""

from __future__ import annotations

from typing import Any

from sqlmodel import Session, func, select

from service.audit.chain import Detail
from service.audit.log import note
from service.database import hold_name
from service.outbox import enqueue_deliveries
from service.tables import EventRow, SessionRow, SessionStatus
from service.voice.tables import VoiceEventRow

SESSION_CREATED = "session.created"
LINK_RENEWED = "session.link.renewed"
ATTEMPT_STARTED = "session.attempt.started"
ANALYSIS_RECORDED = "session.analysis.recorded"
# Apart from the verdict's own event: a detector saw or heard a deepfake. An ordinary mismatch, a
# missed step or a bad recording is none of these.
DEEPFAKE_DETECTED = "security.deepfake_detected"
POSSIBLE_CLONING = "security.possible_cloning_attack"
VOICE_ERASED = "voice.enrollment.erased"


def status_event(status: SessionStatus) -> str:
    """Return the event type of a status, ``session.status.verified``."""
    return f"session.status.{status.lower()}"


def voice_event(kind: str, *, failed: bool) -> str:
    """Return the event type of a finished voice request, ``voice.verification.completed``."""
    return f"voice.{kind}.{'failed' if failed else 'completed'}"


def add_event(
    db: Session,
    session: SessionRow,
    event_type: str,
    actor: str,
    *,
    reason_code: str | None = None,
    **details: Any,
) -> EventRow:
    """Write the next event of `session` and queue its deliveries.

    The row of the session must be new or locked (``with_for_update``): its counter is the
    event's number.

    Parameters
    ----------
    actor
        Who caused it: ``key:<id>``, ``applicant`` or ``engine``.
    reason_code
        Why, for machines, where a verdict caused it.
    details
        Ids, codes and numbers only.
    """
    session.event_sequence += 1
    row = EventRow(
        session_id=session.id,
        sequence=session.event_sequence,
        attempt=session.attempt,
        type=event_type,
        actor=actor,
        reason_code=reason_code,
        details=details,
    )
    db.add(session)
    db.add(row)
    db.flush()  # a delivery refers to its event
    enqueue_deliveries(db, row)
    note(
        db,
        session.organization_id,
        event_type,
        actor,
        session.id,
        attempt=session.attempt,
        reason_code=reason_code,
        **_auditable(details),
    )
    return row


def add_voice_event(
    db: Session,
    organization_id: str,
    subject_id: str,
    event_type: str,
    actor: str,
    *,
    external_id: str | None = None,
    reason_code: str | None = None,
    **details: Any,
) -> VoiceEventRow:
    """Write the next event of a voice request, a comparison or a voiceprint; see `add_event`."""
    hold_name(db, f"voice events of {subject_id}")
    count = select(func.count()).where(VoiceEventRow.subject_id == subject_id)
    row = VoiceEventRow(
        organization_id=organization_id,
        subject_id=subject_id,
        sequence=db.exec(count).one() + 1,
        type=event_type,
        actor=actor,
        external_id=external_id,
        reason_code=reason_code,
        details=details,
    )
    db.add(row)
    db.flush()
    enqueue_deliveries(db, row)
    note(
        db,
        organization_id,
        event_type,
        actor,
        subject_id,
        reason_code=reason_code,
        **_auditable(details),
    )
    return row


def _auditable(details: dict[str, Any]) -> dict[str, Detail]:
    """Return the words and whole numbers: the log is never erased, so it holds no likeness."""
    return {
        name: value
        for name, value in details.items()
        if value is None or isinstance(value, (str, int))
    }

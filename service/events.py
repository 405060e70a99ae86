"""Events of a session: one row each, numbered without gaps, written with what they report."""

from __future__ import annotations

from typing import Any

from sqlmodel import Session

from service.tables import EventRow, SessionRow, SessionStatus

SESSION_CREATED = "session.created"
LINK_RENEWED = "session.link.renewed"
ATTEMPT_STARTED = "session.attempt.started"
ANALYSIS_RECORDED = "session.analysis.recorded"


def status_event(status: SessionStatus) -> str:
    """Return the event type of a status, ``session.status.verified``."""
    return f"session.status.{status.lower()}"


def add_event(
    db: Session, session: SessionRow, event_type: str, actor: str, **details: Any
) -> EventRow:
    """Write the next event of `session`.

    Parameters
    ----------
    actor
        Who caused it: ``key:<id>``, ``applicant`` or ``engine``.
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
        details=details,
    )
    db.add(session)
    db.add(row)
    return row

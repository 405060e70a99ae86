"""Every row that holds something of a session, deleted in the order that the keys between them ask.

Whoever adds a table that holds something of a person adds it here: a test plants marks in every
field of a session and looks for them in the database's files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import Session, SQLModel, col, delete, or_, select

from service.database import hold_name
from service.media.tables import MediaKeyRow
from service.tables import (
    Attempt,
    CaptureRow,
    EventRow,
    IdempotentAnswer,
    SessionRow,
    User,
    VerdictRow,
)
from service.voice.tables import VoiceEventRow, VoiceprintRow, VoiceRequestRow
from service.webhooks.tables import DeliveryRow, MessageRow, TryRow


@dataclass(slots=True)
class Deleted:
    """What was deleted.

    Parameters
    ----------
    voice_requests
        Ids, whose recordings may still be under way.
    """

    rows: int = 0
    voiceprints: int = 0
    voice_requests: list[str] = field(default_factory=list)


def delete_session_rows(db: Session, session: SessionRow) -> Deleted:
    """Delete a session, which is locked, and all that hangs on it."""
    deleted = Deleted()
    events = select(EventRow.id).where(EventRow.session_id == session.id)
    deleted.rows += delete_deliveries(db, list(db.exec(events).all()), [session.id])
    for table in (VerdictRow, CaptureRow, EventRow, MediaKeyRow, Attempt):
        _delete(db, deleted, table, col(table.session_id) == session.id)
    _delete(db, deleted, IdempotentAnswer, col(IdempotentAnswer.subject_id) == session.id)
    user_id = session.user_id
    db.flush()
    _delete(db, deleted, SessionRow, col(SessionRow.id) == session.id)
    others = select(SessionRow.id).where(
        or_(SessionRow.user_id == user_id, SessionRow.sender_user_id == user_id)
    )
    if db.exec(others).first() is None:
        _delete(db, deleted, User, col(User.id) == user_id)
    return deleted


def delete_voice_rows(
    db: Session, deleted: Deleted, organization_id: str, external_id: str
) -> None:
    """Delete the voiceprint of a person, their voice requests and what was told of both."""
    hold_name(db, f"voiceprint of {organization_id} {external_id}")
    own = (
        select(VoiceRequestRow.id)
        .where(
            VoiceRequestRow.organization_id == organization_id,
            VoiceRequestRow.external_id == external_id,
        )
        .with_for_update()
    )
    requests = list(db.exec(own).all())
    of_person = (
        col(VoiceEventRow.organization_id) == organization_id,
        or_(
            col(VoiceEventRow.external_id) == external_id,
            col(VoiceEventRow.subject_id).in_(requests),
        ),
    )
    events = db.exec(select(VoiceEventRow.id, VoiceEventRow.subject_id).where(*of_person)).all()
    subjects = {subject_id for _, subject_id in events} | set(requests)
    deleted.rows += delete_deliveries(db, [event_id for event_id, _ in events], sorted(subjects))
    _delete(db, deleted, VoiceEventRow, *of_person)
    _delete(db, deleted, VoiceRequestRow, col(VoiceRequestRow.id).in_(requests))
    _delete(db, deleted, IdempotentAnswer, col(IdempotentAnswer.subject_id).in_(requests))
    before = deleted.rows
    _delete(
        db,
        deleted,
        VoiceprintRow,
        col(VoiceprintRow.organization_id) == organization_id,
        col(VoiceprintRow.external_id) == external_id,
    )
    deleted.voiceprints += deleted.rows - before
    deleted.voice_requests += requests


def delete_deliveries(db: Session, event_ids: Sequence[str], subject_ids: Sequence[str]) -> int:
    """Delete what was posted, or waits to be; return how many rows.

    A try under way finds no row afterwards and records nothing.
    """
    deleted = Deleted()
    of_subject = or_(
        col(DeliveryRow.subject_id).in_(subject_ids), col(DeliveryRow.event_id).in_(event_ids)
    )
    rows = db.exec(
        select(DeliveryRow.id, DeliveryRow.event_id).where(of_subject).with_for_update()
    ).all()
    messages = {event_id for _, event_id in rows} | set(event_ids)
    deliveries = [delivery_id for delivery_id, _ in rows]
    _delete(db, deleted, TryRow, col(TryRow.delivery_id).in_(deliveries))
    _delete(db, deleted, DeliveryRow, col(DeliveryRow.id).in_(deliveries))
    _delete(db, deleted, MessageRow, col(MessageRow.event_id).in_(messages))
    return deleted.rows


def _delete(
    db: Session, deleted: Deleted, table: type[SQLModel], *where: ColumnElement[bool] | Any
) -> None:
    deleted.rows += db.exec(delete(table).where(*where)).rowcount

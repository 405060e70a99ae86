"""What is posted of an event: `{type, id, timestamp, sequence, attempt, …, data}`, as bytes."""

from __future__ import annotations

import json

from sqlmodel import Session

from service.casing import Casing, cased
from service.clock import as_wire
from service.context import Context
from service.media_links import WEBHOOK
from service.sessions.views import WireObject, retrieved_session
from service.tables import EventRow, SessionRow
from service.voice.tables import VoiceEventRow, VoiceRequestRow
from service.voice.views import request_view


def session_message(
    db: Session, context: Context, session: SessionRow, event: EventRow
) -> WireObject:
    """Return the message of a session's event; `data` is what Retrieve Session answers now."""
    return {
        "type": event.type,
        "id": event.id,
        "timestamp": as_wire(event.created_at),
        "session_id": session.id,
        "sequence": event.sequence,
        "attempt": event.attempt,
        "reason_code": event.reason_code,
        "details": event.details,
        "data": retrieved_session(db, context, session, WEBHOOK),
    }


def voice_message(db: Session, event: VoiceEventRow) -> WireObject:
    """Return the message of a voice event; `data` is the request that it is about, if any."""
    request = db.get(VoiceRequestRow, event.subject_id)
    return {
        "type": event.type,
        "id": event.id,
        "timestamp": as_wire(event.created_at),
        "subject_id": event.subject_id,
        "external_id": event.external_id,
        "sequence": event.sequence,
        "reason_code": event.reason_code,
        "details": event.details,
        "data": {} if request is None else request_view(request),
    }


def endpoint_message(event_type: str, event_id: str, at_ms: int, data: WireObject) -> WireObject:
    """Return a message about an endpoint: a test, or that it was disabled."""
    return {
        "type": event_type,
        "id": event_id,
        "timestamp": as_wire(at_ms),
        "subject_id": event_id,
        "sequence": 1,
        "data": data,
    }


def encoded(message: WireObject, casing: Casing) -> bytes:
    """Return the bytes that are signed and posted."""
    text = json.dumps(cased(message, casing), ensure_ascii=False, separators=(",", ":"))
    return text.encode()

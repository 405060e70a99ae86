"""Erase a session: rows, data key and the note of it in one transaction; then the objects.

From the commit on nothing of it can be read, on no disk and in no store: the objects are noise
without their key. They are deleted right after, and again by the upkeep until it has worked.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from service.audit.chain import digest_of
from service.audit.log import note
from service.captures.storage import discard_scratch, place_of_session
from service.clock import as_wire, now_ms
from service.context import Context
from service.errors import NotFoundError
from service.keys import Caller
from service.media.rows import Deleted, delete_session_rows, delete_voice_rows
from service.media.store import MediaStoreError
from service.media.tables import ErasureRow, MediaKeyRow
from service.sessions.read import find_session
from service.tables import CaptureRow, SessionRow
from service.voice.listening import forget_sound

_LOG = logging.getLogger(__name__)
_PAGE = 50


@dataclass(frozen=True, slots=True)
class Request:
    """Who wants it and why.

    Parameters
    ----------
    reason
        ``request`` or ``retention``.
    with_voice
        Also the voiceprint and voice requests of the session's external_id.
    """

    actor: str
    reason: str = "request"
    with_voice: bool = True


def erase_by_caller(
    context: Context, caller: Caller, session_id: str, *, with_voice: bool
) -> ErasureRow:
    """Erase a session of the caller's tenant; of one that is erased return the receipt again.

    Raises
    ------
    NotFoundError
        When this tenant never had such a session.
    """
    with context.database.write() as db:
        earlier = _earlier(db, caller, session_id)
        if earlier is not None:
            return earlier
        try:
            session = find_session(db, caller, session_id, lock=True)
        except NotFoundError:
            # Another request may have erased it while this one waited for the lock.
            earlier = _earlier(db, caller, session_id)
            if earlier is None:
                raise
            return earlier
        gone = _erase(db, session, Request(f"key:{caller.key_id}", with_voice=with_voice))
    return _finish(context, gone)


def _earlier(db: Session, caller: Caller, session_id: str) -> ErasureRow | None:
    row = db.get(ErasureRow, session_id)
    return row if row is not None and row.organization_id == caller.organization_id else None


def erase(context: Context, session_id: str, request: Request) -> bool:
    """Erase a session; False when there is none (any more)."""
    with context.database.write() as db:
        session = db.get(SessionRow, session_id, with_for_update=True)
        if session is None:
            return False
        gone = _erase(db, session, request)
    _finish(context, gone)
    return True


def find_erasure(context: Context, caller: Caller, session_id: str) -> ErasureRow:
    """Return the receipt of an erasure.

    Raises
    ------
    NotFoundError
        When this tenant has erased no such session.
    """
    with context.database.read() as db:
        row = db.get(ErasureRow, session_id)
    if row is None or row.organization_id != caller.organization_id:
        raise NotFoundError("no session of that id was erased", "ERASURE_NOT_FOUND")
    return row


def finish_erasures(context: Context) -> int:
    """Delete what an earlier try could not, because the store or a lock was in the way."""
    query = select(ErasureRow).where(col(ErasureRow.finished_at).is_(None)).limit(_PAGE)
    with context.database.read() as db:
        rows = db.exec(query).all()
    for row in rows:
        _finish(context, _Gone(row, [], []))
    return len(rows)


def receipt(row: ErasureRow) -> dict[str, Any]:
    """Return what the receipt says; `proof_sha256` is the digest of all before it."""
    return _statement(row) | {
        "proof_sha256": row.proof_sha256,
        "finished_at": None if row.finished_at is None else as_wire(row.finished_at),
    }


@dataclass(frozen=True, slots=True)
class _Gone:
    row: ErasureRow
    captures: list[str]
    voice_requests: list[str]


def _erase(db: Session, session: SessionRow, request: Request) -> _Gone:
    session_id, organization_id = session.id, session.organization_id
    captures = db.exec(select(CaptureRow).where(CaptureRow.session_id == session_id)).all()
    key = db.get(MediaKeyRow, session_id)
    row = ErasureRow(
        session_id=session_id,
        organization_id=organization_id,
        actor=request.actor,
        reason=request.reason,
        session_created_at=session.created_at,
        captures=len(captures),
        objects=sum(len(one.files) + 1 for one in captures if one.files),
        rows=0,
        voiceprints=0,
        key_sha256=None if key is None else hashlib.sha256(key.wrapped).hexdigest(),
        proof_sha256="",
    )
    external_id, capture_ids = session.external_id, [one.id for one in captures]
    db.expunge_all()  # what follows deletes rows, and must not find them here
    deleted = Deleted()
    if request.with_voice and external_id is not None:
        delete_voice_rows(db, deleted, organization_id, external_id)
    of_session = delete_session_rows(db, session)
    row.rows = deleted.rows + of_session.rows
    row.voiceprints = deleted.voiceprints
    row.proof_sha256 = digest_of(_statement(row))
    db.add(row)
    note(
        db,
        organization_id,
        "session.erased",
        request.actor,
        session_id,
        reason=request.reason,
        proof_sha256=row.proof_sha256,
    )
    return _Gone(row, capture_ids, deleted.voice_requests)


def _finish(context: Context, gone: _Gone) -> ErasureRow:
    """Delete the objects and whatever this process still holds, and say so in the receipt."""
    session_id = gone.row.session_id
    for capture_id in gone.captures:
        context.analyser.forget(capture_id)
    for request_id in gone.voice_requests:
        forget_sound(context.settings, request_id)
    discard_scratch(context.settings, session_id)
    try:
        context.media.store.delete(place_of_session(session_id))
    except MediaStoreError as error:
        _log_unfinished(session_id, type(error).__name__)
        return gone.row
    if not context.database.flush_log():
        _log_unfinished(session_id, "readers hold the database's log")
        return gone.row
    with context.database.write() as db:
        row = db.get_one(ErasureRow, session_id)
        row.finished_at = row.finished_at or now_ms()
        db.add(row)
    return row


def _log_unfinished(session_id: str, why: str) -> None:
    _LOG.warning("erasure is not finished yet", extra={"session_id": session_id, "error": why})


def _statement(row: ErasureRow) -> dict[str, Any]:
    return {
        "session_id": row.session_id,
        "organization_id": row.organization_id,
        "actor": row.actor,
        "reason": row.reason,
        "session_created_at": as_wire(row.session_created_at),
        "erased_at": as_wire(row.erased_at),
        "captures": row.captures,
        "objects": row.objects,
        "rows": row.rows,
        "voiceprints": row.voiceprints,
        "key_sha256": row.key_sha256,
    }

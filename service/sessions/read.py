"""Find sessions: one by id, many by filter. The tenant is part of every query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, and_, col, or_, select

from service.audit.log import note_once
from service.clock import now_ms
from service.context import Context
from service.errors import NotFoundError
from service.keys import Caller
from service.paging import read_token, write_token
from service.sessions.views import WireObject, retrieved_session, session_record
from service.tables import SessionRow, SessionStatus

_READ_STEP_MS = 3600 * 1000


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Which sessions to list, newest first. Times are milliseconds, both ends included."""

    limit: int = 50
    offset: int = 0
    status: SessionStatus | None = None
    next_token: str | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    external_id: str | None = None
    workflow_id: str | None = None


def find_session(db: Session, caller: Caller, session_id: str, *, lock: bool = False) -> SessionRow:
    """Return the session of that id.

    Parameters
    ----------
    lock
        Keep others from changing it until this transaction has ended.

    Raises
    ------
    NotFoundError
        When this tenant has none of that id.
    """
    session = db.get(SessionRow, session_id, with_for_update=True if lock else None)
    if session is None or session.organization_id != caller.organization_id:
        raise NotFoundError("no such session", "SESSION_NOT_FOUND")
    return session


def retrieve_session(context: Context, caller: Caller, session_id: str) -> WireObject:
    """Return what Retrieve Session answers, and note in the audit log that it was read."""
    with context.database.read() as db:
        session = find_session(db, caller, session_id)
        answer = retrieved_session(db, context, session, caller.key_id)
    note_read(context, caller, session_id)
    return answer


def note_read(context: Context, caller: Caller, session_id: str) -> None:
    """Note that a key read a session: once an hour, because integrators poll."""
    note_once(
        context.database,
        caller.organization_id,
        "session.read",
        f"key:{caller.key_id}",
        session_id,
        since_ms=now_ms() - _READ_STEP_MS,
    )


def list_sessions(context: Context, caller: Caller, wanted: SessionFilter) -> WireObject:
    """Return one page of sessions.

    Raises
    ------
    BadRequestError
        When `next_token` is not one that a page ended with.
    """
    conditions = _conditions(caller, wanted)
    page = list(conditions)
    if wanted.next_token is not None:
        created_at, session_id = read_token(wanted.next_token)
        created, own_id = col(SessionRow.created_at), col(SessionRow.id)
        page.append(or_(created < created_at, and_(created == created_at, own_id < session_id)))
    newest_first = (col(SessionRow.created_at).desc(), col(SessionRow.id).desc())
    with context.database.read() as db:
        total = db.exec(select(func.count()).select_from(SessionRow).where(*conditions)).one()
        rows = db.exec(
            select(SessionRow)
            .where(*page)
            .order_by(*newest_first)
            .offset(wanted.offset)
            .limit(wanted.limit + 1)
        ).all()
        shown = rows[: wanted.limit]
        data = [session_record(db, row, with_evidence=False) for row in shown]
    has_more = len(rows) > wanted.limit
    return {
        "data": data,
        "total": total,
        "has_more": has_more,
        "limit": wanted.limit,
        "offset": wanted.offset,
        "next_token": write_token(shown[-1].created_at, shown[-1].id) if has_more else None,
    }


def _conditions(caller: Caller, wanted: SessionFilter) -> list[ColumnElement[bool]]:
    pairs: list[tuple[Any, ColumnElement[bool]]] = [
        (caller.organization_id, col(SessionRow.organization_id) == caller.organization_id),
        (wanted.status, col(SessionRow.status) == wanted.status),
        (wanted.external_id, col(SessionRow.external_id) == wanted.external_id),
        (wanted.workflow_id, col(SessionRow.workflow_id) == wanted.workflow_id),
    ]
    if wanted.start_ms is not None:
        pairs.append((wanted.start_ms, col(SessionRow.created_at) >= wanted.start_ms))
    if wanted.end_ms is not None:
        pairs.append((wanted.end_ms, col(SessionRow.created_at) <= wanted.end_ms))
    return [condition for value, condition in pairs if value is not None]

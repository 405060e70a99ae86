"""Read a tenant's log, newest first."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlmodel import col, select

from service.audit.log import entry_of
from service.audit.tables import AuditRow
from service.clock import as_wire
from service.database import Database

WireObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries to list; `before` is the number that the page before ended with."""

    limit: int = 50
    before: int | None = None
    action: str | None = None
    actor: str | None = None
    subject_id: str | None = None


def list_entries(database: Database, organization_id: str, wanted: AuditFilter) -> WireObject:
    """Return one page of entries and the head of the chain."""
    own = select(AuditRow).where(AuditRow.organization_id == organization_id)
    newest_first = col(AuditRow.number).desc()
    query = own
    for name in ("action", "actor", "subject_id"):
        value = getattr(wanted, name)
        if value is not None:
            query = query.where(getattr(AuditRow, name) == value)
    if wanted.before is not None:
        query = query.where(AuditRow.number < wanted.before)
    with database.read() as db:
        last = db.exec(own.order_by(newest_first).limit(1)).first()
        rows = db.exec(query.order_by(newest_first).limit(wanted.limit + 1)).all()
    shown = rows[: wanted.limit]
    has_more = len(rows) > wanted.limit
    return {
        "data": [entry_view(row) for row in shown],
        "has_more": has_more,
        "limit": wanted.limit,
        "next_token": str(shown[-1].number) if has_more else None,
        "head": None if last is None else {"number": last.number, "sha256": last.sha256},
    }


def entry_view(row: AuditRow) -> WireObject:
    """Return an entry as it goes over the wire, with the text that its digest covers."""
    return {
        "number": row.number,
        "at": as_wire(row.at),
        "action": row.action,
        "actor": row.actor,
        "subject_id": row.subject_id,
        "details": json.loads(row.details),
        "previous_sha256": row.previous_sha256,
        "sha256": row.sha256,
        "canonical": entry_of(row).canonical(),
    }

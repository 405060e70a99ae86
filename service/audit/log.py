"""Write entries: noted while a transaction goes on, chained and written just before it commits.

Whoever appends holds the tenant's chain until the commit. Taking that lock last, after every row
has been written, keeps two transactions from waiting for each other, and keeps it short.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import sqlalchemy.orm
from sqlalchemy import event
from sqlmodel import Session, col, select

from service.audit.chain import BEGINNING, Detail, Entry, canonical_json, chained_sha256
from service.audit.tables import AuditRow
from service.clock import now_ms
from service.database import Database, hold_name, is_writing

# Where an open transaction keeps what it will append.
_NOTED = "bonafide_audit"


@dataclass(frozen=True, slots=True)
class _Note:
    organization_id: str
    action: str
    actor: str
    subject_id: str | None
    details: Mapping[str, Detail] = field(default_factory=dict)
    at: int = field(default_factory=now_ms)


def note(
    db: Session,
    organization_id: str,
    action: str,
    actor: str,
    subject_id: str | None = None,
    **details: Detail,
) -> None:
    """Append an entry to a tenant's log with the transaction that `db` is open on.

    Parameters
    ----------
    action
        What happened, ``key.created``; see docs/threat-model.md for the list.
    actor
        Who did it: ``key:<id>``, ``applicant``, ``link``, ``engine`` or ``cli``.
    subject_id
        Id of what it was done to, made by us: never a name or an id that a client chose.
    details
        Ids, codes, digests and numbers only, because nothing here is ever erased.

    Raises
    ------
    RuntimeError
        When `db` only reads: nothing of it is committed, and the entry would be lost.
    """
    if not is_writing(db):
        msg = "an audit entry needs a transaction of Database.write"
        raise RuntimeError(msg)
    noted: list[_Note] = db.info.setdefault(_NOTED, [])
    noted.append(_Note(organization_id, action, actor, subject_id, details))


def note_once(
    database: Database,
    organization_id: str,
    action: str,
    actor: str,
    subject_id: str,
    *,
    since_ms: int = 0,
    **details: Detail,
) -> None:
    """Append an entry in a transaction of its own, unless the same was noted since `since_ms`.

    For what may be done often, and says nothing more the second time.
    """
    same = (
        AuditRow.organization_id == organization_id,
        AuditRow.subject_id == subject_id,
        AuditRow.action == action,
        AuditRow.actor == actor,
        AuditRow.details == canonical_json(details),
        AuditRow.at >= since_ms,
    )
    noted = select(AuditRow.number).where(*same).limit(1)
    with database.read() as db:
        if db.exec(noted).first() is not None:
            return
    with database.write() as db:
        hold_name(db, f"{action} of {subject_id} by {actor}")  # of two at once, one writes
        if db.exec(noted).first() is None:
            note(db, organization_id, action, actor, subject_id, **details)


def row_of(entry: Entry, previous_sha256: str) -> AuditRow:
    """Return the row of an entry that follows the one of `previous_sha256`."""
    return AuditRow(
        organization_id=entry.organization_id,
        number=entry.number,
        at=entry.at,
        action=entry.action,
        actor=entry.actor,
        subject_id=entry.subject_id,
        details=canonical_json(dict(entry.details)),
        previous_sha256=previous_sha256,
        sha256=chained_sha256(previous_sha256, entry.canonical()),
    )


def entry_of(row: AuditRow) -> Entry:
    """Return what a row says happened.

    Raises
    ------
    ValueError
        When its details are no JSON: nobody of ours wrote them.
    """
    details = json.loads(row.details)
    return Entry(
        row.organization_id, row.number, row.at, row.action, row.actor, row.subject_id, details
    )


@event.listens_for(sqlalchemy.orm.Session, "before_commit")
def _append_what_was_noted(base: sqlalchemy.orm.Session) -> None:
    noted: list[_Note] | None = base.info.get(_NOTED)
    if not noted:
        return
    db = cast("Session", base)
    waiting, noted[:] = list(noted), []
    db.flush()  # whatever waits for another's rows waits before the chain is held
    for organization_id in sorted({one.organization_id for one in waiting}):
        _append(db, organization_id, waiting)


def _append(db: Session, organization_id: str, waiting: list[_Note]) -> None:
    hold_name(db, f"audit log of {organization_id}")
    last = db.exec(
        select(AuditRow.number, AuditRow.sha256)
        .where(AuditRow.organization_id == organization_id)
        .order_by(col(AuditRow.number).desc())
        .limit(1)
    ).first()
    number, previous = last or (0, BEGINNING)
    for one in waiting:
        if one.organization_id != organization_id:
            continue
        number += 1
        entry = Entry(
            organization_id, number, one.at, one.action, one.actor, one.subject_id, one.details
        )
        row = row_of(entry, previous)
        db.add(row)
        previous = row.sha256
    db.flush()

"""Check a tenant's chain, and against a head that was kept elsewhere.

The chain alone finds what was altered, inserted or taken out of the middle. What was cut off the
end, or rewritten from some entry on by somebody who could drop the triggers, shows only against a
head that was exported before: keep one where the database's owner can't write.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, func, select

from service.audit.chain import BEGINNING, canonical_json, chained_sha256
from service.audit.log import entry_of
from service.audit.tables import AuditRow
from service.database import Database

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: export it to have something to hold the chain against."""

    organization_id: str
    number: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What a check found; `problem` is None when the chain holds.

    Parameters
    ----------
    problem
        ``missing``, ``altered``, ``unlinked``, ``truncated`` or ``rewritten``.
    number
        The entry where it shows.
    """

    organization_id: str
    entries: int
    head: Head
    problem: str | None = None
    number: int | None = None


def heads(database: Database) -> list[Head]:
    """Return the head of every tenant's chain."""
    with database.read() as db:
        last = (
            select(AuditRow.organization_id, func.max(AuditRow.number).label("number"))
            .group_by(col(AuditRow.organization_id))
            .subquery()
        )
        rows = db.exec(
            select(AuditRow)
            .join(
                last,
                (col(AuditRow.organization_id) == last.c.organization_id)
                & (col(AuditRow.number) == last.c.number),
            )
            .order_by(col(AuditRow.organization_id))
        )
        return [Head(row.organization_id, row.number, row.sha256) for row in rows]


def verify_chain(
    database: Database, organization_id: str, anchors: Sequence[Head] = ()
) -> ChainReport:
    """Check one tenant's chain from its beginning.

    Parameters
    ----------
    anchors
        Heads that were exported earlier; those of other tenants are passed over.
    """
    own = {one.number: one for one in anchors if one.organization_id == organization_id}
    head = Head(organization_id, 0, BEGINNING)
    with database.read() as db:
        for row in _rows(db, organization_id):
            problem, number = _problem(row, head, own)
            if problem is not None:
                return ChainReport(organization_id, head.number, head, problem, number)
            head = Head(organization_id, row.number, row.sha256)
    beyond = sorted(number for number in own if number > head.number)
    if beyond:
        return ChainReport(organization_id, head.number, head, "truncated", head.number + 1)
    return ChainReport(organization_id, head.number, head)


def verify_all(database: Database, anchors: Sequence[Head] = ()) -> list[ChainReport]:
    """Check every tenant's chain, also of tenants that only an anchor knows of."""
    known = {one.organization_id for one in heads(database)}
    known |= {one.organization_id for one in anchors}
    return [verify_chain(database, one, anchors) for one in sorted(known)]


def _rows(db: Session, organization_id: str) -> Iterator[AuditRow]:
    own = select(AuditRow).where(AuditRow.organization_id == organization_id)
    query = own
    while True:
        page = db.exec(query.order_by(col(AuditRow.number)).limit(_PAGE)).all()
        yield from page
        db.expunge_all()
        if len(page) < _PAGE:
            return
        query = own.where(AuditRow.number > page[-1].number)


def _problem(row: AuditRow, head: Head, anchors: dict[int, Head]) -> tuple[str | None, int | None]:
    if row.number != head.number + 1:
        return "missing", head.number + 1
    try:
        entry = entry_of(row)
        canonical = entry.canonical()
    except (ValueError, TypeError):
        return "altered", row.number
    if canonical_json(entry.details) != row.details:
        return "altered", row.number
    if chained_sha256(row.previous_sha256, canonical) != row.sha256:
        return "altered", row.number
    if row.previous_sha256 != head.sha256:
        return "unlinked", row.number
    if row.number in anchors and anchors[row.number].sha256 != row.sha256:
        return "rewritten", row.number
    return None, None

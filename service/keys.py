"""API keys: `bf_<id>_<secret>`, shown once, kept as SHA-256, compared in constant time."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col, or_, select, update

from service.audit.log import note
from service.casing import Casing
from service.clock import now_ms
from service.database import Database, is_test
from service.errors import ConflictError, NotFoundError
from service.signing import token_digest
from service.tables import DEFAULT_ORGANIZATION_ID, ApiKey

_PREFIX, _TEST_PREFIX = "bf", "bf_test"
_SHAPE = re.compile(r"bf_(?:test_)?([0-9a-f]{16})_[A-Za-z0-9_-]{43}")
# Compared with when the id is not known, so that both ways take the same time.
_NO_KEY = token_digest("no such key")
_LAST_USED_STEP_MS = 60_000
_CLI = "cli"


class Scope(StrEnum):
    """What a key may do."""

    READ = "sessions:read"
    WRITE = "sessions:write"
    DELETE = "sessions:delete"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    AUDIT_READ = "audit:read"


# What an integration needs; to manage keys or read the audit log has to be asked for by name.
DEFAULT_SCOPES = (Scope.READ, Scope.WRITE, Scope.WEBHOOKS_READ, Scope.WEBHOOKS_WRITE)


@dataclass(frozen=True, slots=True)
class NewKey:
    """What a key shall be.

    Parameters
    ----------
    expires_at
        Milliseconds since 1970; None for a key that lives until it is revoked.
    """

    name: str
    casing: Casing = Casing.SNAKE
    scopes: Sequence[Scope] = DEFAULT_SCOPES
    organization_id: str = DEFAULT_ORGANIZATION_ID
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A new key. `text` is shown once and kept nowhere."""

    id: str
    text: str = field(repr=False)
    casing: Casing
    scopes: tuple[Scope, ...]
    row: ApiKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the tenant, what its key allows and when that ends."""

    key_id: str
    organization_id: str
    casing: Casing
    scopes: frozenset[str]
    expires_at: int | None = None


def create_key(
    database: Database,
    *,
    name: str,
    casing: Casing = Casing.SNAKE,
    scopes: Sequence[Scope] = DEFAULT_SCOPES,
    organization_id: str = DEFAULT_ORGANIZATION_ID,
    expires_at: int | None = None,
) -> CreatedKey:
    """Make a key from the command line and return its text, which can't be read again."""
    with database.write() as db:
        return insert_key(db, NewKey(name, casing, scopes, organization_id, expires_at), _CLI)


def insert_key(
    db: Session, asked: NewKey, actor: str, *, replaces: str | None = None
) -> CreatedKey:
    """Make a key in the transaction that `db` is open on."""
    key_id = secrets.token_hex(8)
    prefix = _TEST_PREFIX if is_test(db) else _PREFIX
    text = f"{prefix}_{key_id}_{secrets.token_urlsafe(32)}"
    row = ApiKey(
        id=key_id,
        organization_id=asked.organization_id,
        name=asked.name,
        secret_sha256=token_digest(text),
        casing=asked.casing,
        scopes=[str(scope) for scope in asked.scopes],
        expires_at=asked.expires_at,
        replaces=replaces,
    )
    db.add(row)
    granted = " ".join(sorted(row.scopes))
    details = {"scopes": granted, "expires_at": asked.expires_at, "replaces": replaces}
    note(db, asked.organization_id, "key.created", actor, key_id, **details)
    return CreatedKey(key_id, text, asked.casing, tuple(asked.scopes), row)


def rotate_key(
    db: Session, key_id: str, organization_id: str | None, overlap_s: float, actor: str
) -> CreatedKey:
    """Make the successor of a key; both live until the overlap ends, then only the new one.

    Parameters
    ----------
    organization_id
        The tenant that asks; None on the command line, which may rotate any.

    Raises
    ------
    NotFoundError
        When this tenant has no live key of that id.
    ConflictError
        When the key is one of two already: its successor, or the one before it, still lives.
    """
    row = _live_key(db, key_id, organization_id)
    related = or_(col(ApiKey.replaces) == key_id, col(ApiKey.id) == (row.replaces or ""))
    others = db.exec(select(ApiKey).where(related)).all()
    if any(is_live(one) for one in others):
        message = "this key is being rotated: revoke one of the two first, or wait for its end"
        raise ConflictError(message, "KEY_BEING_ROTATED")
    asked = NewKey(
        row.name,
        Casing(row.casing),
        [Scope(one) for one in row.scopes],
        row.organization_id,
        row.expires_at,
    )
    end = now_ms() + round(1000 * overlap_s)
    row.expires_at = end if row.expires_at is None else min(row.expires_at, end)
    db.add(row)
    return insert_key(db, asked, actor, replaces=key_id)


def revoke_key(
    database: Database, key_id: str, organization_id: str | None = None, actor: str = _CLI
) -> bool:
    """Revoke a key, at once and in every process: each request reads its row.

    False when there is none of that id or it is revoked already.
    """
    with database.write() as db:
        row = db.get(ApiKey, key_id, with_for_update=True)
        if row is None or row.revoked_at is not None or _is_foreign(row, organization_id):
            return False
        row.revoked_at = now_ms()
        db.add(row)
        note(db, row.organization_id, "key.revoked", actor, key_id)
    return True


def list_keys(database: Database, organization_id: str | None = None) -> list[ApiKey]:
    """Return the keys of a tenant, or every key, oldest first; none of them holds its secret."""
    query = select(ApiKey)
    if organization_id is not None:
        query = query.where(ApiKey.organization_id == organization_id)
    with database.read() as db:
        return list(db.exec(query.order_by(col(ApiKey.created_at), col(ApiKey.id))))


def is_live(row: ApiKey) -> bool:
    """Whether a key of this row is taken now."""
    return row.revoked_at is None and (row.expires_at is None or now_ms() < row.expires_at)


def identify(database: Database, text: str) -> Caller | None:
    """Return who the key belongs to; None when it is not a valid key."""
    shape = _SHAPE.fullmatch(text)
    with database.read() as db:
        row = db.get(ApiKey, shape.group(1)) if shape else None
    stored = row.secret_sha256 if row else _NO_KEY
    same = hmac.compare_digest(stored, token_digest(text))
    is_of_test = text.startswith(_TEST_PREFIX)
    if row is None or not same or not is_live(row):
        return None
    if is_of_test != (database.environment == "test"):
        return None  # not reached while each environment has its own database
    _note_use(database, row)
    scopes = frozenset(row.scopes)
    return Caller(row.id, row.organization_id, Casing(row.casing), scopes, row.expires_at)


def _live_key(db: Session, key_id: str, organization_id: str | None) -> ApiKey:
    row = db.get(ApiKey, key_id, with_for_update=True)
    if row is None or _is_foreign(row, organization_id) or not is_live(row):
        raise NotFoundError("there is no live key of that id", "KEY_NOT_FOUND")
    return row


def _is_foreign(row: ApiKey, organization_id: str | None) -> bool:
    return organization_id is not None and row.organization_id != organization_id


def _note_use(database: Database, row: ApiKey) -> None:
    """Remember the last use to the minute: a write per request would be wasted."""
    now = now_ms()
    if row.last_used_at is not None and now - row.last_used_at < _LAST_USED_STEP_MS:
        return
    used = col(ApiKey.last_used_at)
    is_due = or_(used.is_(None), used < now - _LAST_USED_STEP_MS)
    # A database that can't be written now is no reason to refuse a request that only reads.
    with suppress(OperationalError), database.write() as db:
        db.exec(update(ApiKey).where(col(ApiKey.id) == row.id, is_due).values(last_used_at=now))

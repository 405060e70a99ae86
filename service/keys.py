"""API keys: `bf_<id>_<secret>`, shown once, kept as SHA-256, compared in constant time."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sqlmodel import select

from service.casing import Casing
from service.clock import now_ms
from service.database import Database
from service.signing import token_digest
from service.tables import DEFAULT_ORGANIZATION_ID, ApiKey

_PREFIX = "bf"
_SHAPE = re.compile(r"bf_([0-9a-f]{16})_[A-Za-z0-9_-]{43}")
# Compared with when the id is not known, so that both ways take the same time.
_NO_KEY = token_digest("no such key")
_LAST_USED_STEP_MS = 60_000


class Scope(StrEnum):
    """What a key may do."""

    READ = "sessions:read"
    WRITE = "sessions:write"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A new key. `text` is shown once and kept nowhere."""

    id: str
    text: str = field(repr=False)
    casing: Casing
    scopes: tuple[Scope, ...]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the tenant and what its key allows."""

    key_id: str
    organization_id: str
    casing: Casing
    scopes: frozenset[str]


def create_key(
    database: Database,
    *,
    name: str,
    casing: Casing = Casing.SNAKE,
    scopes: Sequence[Scope] = tuple(Scope),
    organization_id: str = DEFAULT_ORGANIZATION_ID,
) -> CreatedKey:
    """Make a key and return its text, which can't be read again."""
    key_id = secrets.token_hex(8)
    text = f"{_PREFIX}_{key_id}_{secrets.token_urlsafe(32)}"
    with database.write() as db:
        db.add(
            ApiKey(
                id=key_id,
                organization_id=organization_id,
                name=name,
                secret_sha256=token_digest(text),
                casing=casing,
                scopes=[str(scope) for scope in scopes],
            )
        )
    return CreatedKey(key_id, text, casing, tuple(scopes))


def revoke_key(database: Database, key_id: str) -> bool:
    """Revoke a key; False when there is none of that id or it is revoked already."""
    with database.write() as db:
        row = db.get(ApiKey, key_id)
        if row is None or row.revoked_at is not None:
            return False
        row.revoked_at = now_ms()
        db.add(row)
    return True


def list_keys(database: Database) -> list[ApiKey]:
    """Return every key, oldest first; none of them holds its secret."""
    with database.read() as db:
        return list(db.exec(select(ApiKey).order_by("created_at")))


def identify(database: Database, text: str) -> Caller | None:
    """Return who the key belongs to; None when it is not a valid key."""
    shape = _SHAPE.fullmatch(text)
    with database.read() as db:
        row = db.get(ApiKey, shape.group(1)) if shape else None
    stored = row.secret_sha256 if row else _NO_KEY
    same = hmac.compare_digest(stored, token_digest(text))
    if row is None or not same or row.revoked_at is not None:
        return None
    _note_use(database, row)
    return Caller(row.id, row.organization_id, Casing(row.casing), frozenset(row.scopes))


def _note_use(database: Database, row: ApiKey) -> None:
    """Remember the last use to the minute: a write per request would be wasted."""
    now = now_ms()
    if row.last_used_at is not None and now - row.last_used_at < _LAST_USED_STEP_MS:
        return
    with database.write() as db:
        fresh = db.get(ApiKey, row.id)
        if fresh is not None:
            fresh.last_used_at = now
            db.add(fresh)

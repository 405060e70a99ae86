"""Keys that are managed over the API: of the own tenant, with the own scopes and end at most."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlmodel import Session, col, func, or_, select

from service.clock import as_wire, now_ms
from service.context import Context
from service.database import hold_name
from service.errors import ConflictError, ForbiddenError
from service.idempotency import Answered, Once
from service.keys import Caller, CreatedKey, NewKey, insert_key, is_live, rotate_key
from service.tables import ApiKey

WireObject = dict[str, Any]


def make_key(context: Context, caller: Caller, asked: NewKey, repeatable: Once | None) -> Answered:
    """Make a key and return it with its text, which is shown this once.

    It ends no later than the key that asks for it: otherwise a stolen key could outlive itself.

    Raises
    ------
    ForbiddenError
        When it asks for a scope that the caller's own key lacks.
    ConflictError
        When the tenant has as many live keys as it may.
    """
    _check_scopes(caller, asked.scopes)
    asked = replace(asked, expires_at=_earlier(asked.expires_at, caller.expires_at))
    with context.database.write() as db:
        earlier = repeatable.earlier(db) if repeatable else None
        if earlier is not None:
            return earlier
        hold_name(db, f"keys of {caller.organization_id}")
        _check_room(db, context, caller)
        return _answered(db, insert_key(db, asked, _actor(caller)), repeatable)


def change_key(
    context: Context, caller: Caller, key_id: str, overlap_s: float, repeatable: Once | None
) -> Answered:
    """Make the successor of a key; see `service.keys.rotate_key`.

    Raises
    ------
    ForbiddenError
        When that key has a scope that the caller's own key lacks, or lives longer: to shorten it
        in silence would stop whoever uses it on a day that nobody chose.
    """
    with context.database.write() as db:
        earlier = repeatable.earlier(db) if repeatable else None
        if earlier is not None:
            return earlier
        made = rotate_key(db, key_id, caller.organization_id, overlap_s, _actor(caller))
        _check_scopes(caller, made.scopes)
        if made.row.expires_at != _earlier(made.row.expires_at, caller.expires_at):
            raise ForbiddenError("this key ends before that one, and can't rotate it")
        return _answered(db, made, repeatable)


def key_view(row: ApiKey) -> WireObject:
    """Return a key as it goes over the wire, without its secret."""
    return {
        "id": row.id,
        "name": row.name,
        "scopes": list(row.scopes),
        "casing": row.casing,
        "live": is_live(row),
        "replaces": row.replaces,
        "created_at": as_wire(row.created_at),
        "last_used_at": _wire_or_none(row.last_used_at),
        "expires_at": _wire_or_none(row.expires_at),
        "revoked_at": _wire_or_none(row.revoked_at),
    }


def _answered(db: Session, made: CreatedKey, repeatable: Once | None) -> Answered:
    db.flush()
    answer = key_view(made.row) | {"key": made.text}
    if repeatable is not None:
        repeatable.keep(db, answer, made.id)
    return Answered(answer)


def _check_scopes(caller: Caller, scopes: Any) -> None:
    lacking = sorted({str(one) for one in scopes} - caller.scopes)
    if lacking:
        raise ForbiddenError(f"this key lacks the scope {lacking[0]}, and can't grant it")


def _earlier(one: int | None, other: int | None) -> int | None:
    return min((end for end in (one, other) if end is not None), default=None)


def _check_room(db: Session, context: Context, caller: Caller) -> None:
    expires = col(ApiKey.expires_at)
    live = select(func.count()).where(
        ApiKey.organization_id == caller.organization_id,
        col(ApiKey.revoked_at).is_(None),
        or_(expires.is_(None), expires > now_ms()),
    )
    most = context.settings.max_api_keys
    if db.exec(live).one() >= most:
        raise ConflictError(f"there may be {most} keys; revoke one first", "TOO_MANY_KEYS")


def _actor(caller: Caller) -> str:
    return f"key:{caller.key_id}"


def _wire_or_none(at: int | None) -> str | None:
    return None if at is None else as_wire(at)

"""Create a session: one transaction, repeatable with an Idempotency-Key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete, select

from service.clock import now_ms
from service.context import Context
from service.errors import ConflictError, FieldError, UnprocessableError
from service.events import SESSION_CREATED, add_event
from service.keys import Caller
from service.sessions.links import new_attempt
from service.sessions.requests import CreateSession
from service.tables import (
    DEFAULT_SENDER_ID,
    DEFAULT_WORKFLOW_ID,
    Attempt,
    IdempotencyRow,
    SessionRow,
    User,
    Workflow,
)


@dataclass(frozen=True, slots=True)
class CreatedSession:
    """A session and its open attempt; `replayed` when an earlier request had made it."""

    session: SessionRow
    attempt: Attempt
    replayed: bool


def create_session(
    context: Context, caller: Caller, request: CreateSession, idempotency_key: str | None
) -> CreatedSession:
    """Create a session, or return the one that the same key made before.

    Raises
    ------
    ConflictError
        When the key was used for a different request.
    UnprocessableError
        When the workflow is not known or can't be used, or the redirect address is not allowed.
    """
    _check_redirect(context, request)
    digest = hashlib.sha256(request.model_dump_json().encode()).hexdigest()
    try:
        with context.database.write() as db:
            if idempotency_key is not None:
                earlier = _replay(db, context, caller, idempotency_key, digest)
                if earlier is not None:
                    return earlier
            created = _insert(db, context, caller, request)
            if idempotency_key is not None:
                db.add(
                    IdempotencyRow(
                        organization_id=caller.organization_id,
                        key=idempotency_key,
                        request_sha256=digest,
                        session_id=created.session.id,
                    )
                )
            return created
    except IntegrityError:
        # On an engine without one writer at a time the same key can arrive twice at once.
        if idempotency_key is None:
            raise
        with context.database.write() as db:
            earlier = _replay(db, context, caller, idempotency_key, digest)
        if earlier is None:
            raise
        return earlier


def forget_idempotency_keys(context: Context) -> int:
    """Remove the keys that have run out; return how many."""
    oldest = now_ms() - round(1000 * context.settings.idempotency_ttl_s)
    with context.database.write() as db:
        result = db.exec(delete(IdempotencyRow).where(col(IdempotencyRow.created_at) < oldest))
        return result.rowcount


def _check_redirect(context: Context, request: CreateSession) -> None:
    url = request.redirect_url
    if url is None or url.startswith("https://") or context.settings.allow_http_redirects:
        return
    message = "must start with https://"
    raise UnprocessableError(
        f"redirect_url {message}", fields=[FieldError("redirect_url", message)]
    )


def _replay(
    db: Session, context: Context, caller: Caller, key: str, digest: str
) -> CreatedSession | None:
    row = db.get(IdempotencyRow, (caller.organization_id, key))
    if row is None:
        return None
    if now_ms() - row.created_at > 1000 * context.settings.idempotency_ttl_s:
        db.delete(row)
        db.flush()
        return None
    if row.request_sha256 != digest:
        message = "this Idempotency-Key was used for a different request; use a new key"
        raise ConflictError(message, "IDEMPOTENCY_KEY_REUSED")
    session = db.get_one(SessionRow, row.session_id)
    attempt = db.exec(
        select(Attempt).where(Attempt.session_id == session.id).order_by(col(Attempt.number).desc())
    ).first()
    if attempt is None:
        msg = f"session {session.id} has no attempt"
        raise LookupError(msg)
    return CreatedSession(session, attempt, replayed=True)


def _insert(
    db: Session, context: Context, caller: Caller, request: CreateSession
) -> CreatedSession:
    workflow = _workflow(db, caller, request)
    user = User(
        organization_id=caller.organization_id,
        first_name=request.first_name,
        last_name=request.last_name,
        email=request.email,
        phone=request.phone,
    )
    db.add(user)
    db.flush()
    now = now_ms()
    session = SessionRow(
        organization_id=caller.organization_id,
        user_id=user.id,
        sender_user_id=DEFAULT_SENDER_ID,
        workflow_id=workflow.id,
        external_id=request.external_id,
        redirect_url=request.redirect_url,
        created_at=now,
        updated_at=now,
        expires_at=now + round(1000 * context.settings.session_ttl_s),
    )
    db.add(session)
    db.flush()
    attempt = new_attempt(context, session, workflow)
    db.add(attempt)
    add_event(db, session, SESSION_CREATED, f"key:{caller.key_id}")
    return CreatedSession(session, attempt, replayed=False)


def _workflow(db: Session, caller: Caller, request: CreateSession) -> Workflow:
    workflow = db.get(Workflow, request.workflow_id or DEFAULT_WORKFLOW_ID)
    if workflow is None or workflow.organization_id != caller.organization_id:
        message = "no such workflow"
        raise UnprocessableError(message, fields=[FieldError("workflow_id", message)])
    return workflow

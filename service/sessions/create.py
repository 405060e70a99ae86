"""Create a session: one transaction, repeatable with an Idempotency-Key."""

from __future__ import annotations

from sqlmodel import Session

from service.clock import now_ms
from service.context import Context
from service.errors import FieldError, UnprocessableError
from service.events import SESSION_CREATED, add_event
from service.idempotency import Answered, WireObject, once
from service.keys import Caller
from service.sessions.links import new_attempt, session_url
from service.sessions.requests import CreateSession
from service.tables import (
    DEFAULT_SENDER_ID,
    DEFAULT_WORKFLOW_ID,
    Attempt,
    SessionRow,
    User,
    Workflow,
)


def create_session(
    context: Context,
    caller: Caller,
    request: CreateSession,
    idempotency_key: str | None,
    *,
    order: str | None = None,
) -> Answered:
    """Create a session, or return the answer that the same key got before.

    Parameters
    ----------
    order
        The outcomes that a test deployment shall come to; see service/test_mode.py.

    Raises
    ------
    ConflictError
        When the key was used for a different request.
    UnprocessableError
        When the workflow is not known or can't be used, or the redirect address is not allowed.
    """
    _check_redirect(context, request)
    asked = request if order is None else f"{order}\0{request.model_dump_json()}"
    repeatable = once(context, caller, idempotency_key, "sessions.create", asked)
    with context.database.write() as db:
        earlier = repeatable.earlier(db) if repeatable else None
        if earlier is not None:
            return earlier
        session, attempt = _insert(db, context, caller, request)
        session.test_outcomes = order
        answer = _answer(context, session, attempt)
        if repeatable is not None:
            repeatable.keep(db, answer, session.id)
        return Answered(answer)


def _answer(context: Context, session: SessionRow, attempt: Attempt) -> WireObject:
    url = session_url(context, attempt)
    answer: WireObject = {
        "id": session.id,
        "session_url": url,
        "links": [{"url": url, "type": "session"}],
    }
    if session.external_id is not None:
        answer["external_id"] = session.external_id
    return answer


def _check_redirect(context: Context, request: CreateSession) -> None:
    url = request.redirect_url
    if url is None or url.startswith("https://") or context.settings.allow_http_redirects:
        return
    message = "must start with https://"
    raise UnprocessableError(
        f"redirect_url {message}", fields=[FieldError("redirect_url", message)]
    )


def _insert(
    db: Session, context: Context, caller: Caller, request: CreateSession
) -> tuple[SessionRow, Attempt]:
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
    return session, attempt


def _workflow(db: Session, caller: Caller, request: CreateSession) -> Workflow:
    workflow = db.get(Workflow, request.workflow_id or DEFAULT_WORKFLOW_ID)
    if workflow is None or workflow.organization_id != caller.organization_id:
        message = "no such workflow"
        raise UnprocessableError(message, fields=[FieldError("workflow_id", message)])
    return workflow

"""Routes of the sessions API."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse
from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticCustomError

from service.api.auth import ContextDep, Reader, Writer, require_json, respond
from service.api.documented import error_responses
from service.api.idempotent import IdempotencyKey, respond_once
from service.api.limited import CREATION
from service.api.links import linked, page_links, session_links
from service.api.schemas import AttemptStarted, RetrievedSession, SessionCreated, SessionPage
from service.clock import as_ms, as_wire
from service.sessions.change import set_status, start_attempt
from service.sessions.create import create_session
from service.sessions.links import session_url
from service.sessions.read import SessionFilter, list_sessions, retrieve_session
from service.sessions.requests import BothCasings, CreateSession, UpdateStatus
from service.tables import SessionStatus
from service.test_mode import HEADER, read_order

router = APIRouter(prefix="/v1/sessions", tags=["Sessions"])
_JSON = [Depends(require_json)]
_DAY_MS = 24 * 3600 * 1000
_BY_ID = session_links("session_record/id")
_CHANGE_RESPONSES = linked(200, **_BY_ID) | error_responses(
    "SESSION_NOT_FOUND",
    "CONFLICT",
    "SESSION_TERMINAL",
    "PAYLOAD_TOO_LARGE",
    "UNSUPPORTED_MEDIA_TYPE",
)


@router.post(
    "",
    status_code=201,
    response_model=SessionCreated,
    responses=linked(201, **session_links("id"))
    | error_responses(
        "TEST_MODE_OFF", "IDEMPOTENCY_KEY_REUSED", "PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE"
    ),
    dependencies=[*_JSON, CREATION],
    summary="Create a session",
)
def create(
    request: Request,
    body: CreateSession,
    context: ContextDep,
    caller: Writer,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Create a session and get the link that its applicant opens. The link works once."""
    order = read_order(context.settings, request.headers.get(HEADER))
    answered = create_session(context, caller, body, idempotency_key, order=order)
    return respond_once(request, answered, 201)


@router.get(
    "/{session_id}",
    response_model=RetrievedSession,
    responses=linked(200, **_BY_ID) | error_responses("SESSION_NOT_FOUND"),
    summary="Retrieve a session",
)
def retrieve(
    request: Request, session_id: str, context: ContextDep, caller: Reader
) -> JSONResponse:
    """Get the session, its people, its result and short-lived links to its media."""
    return respond(request, retrieve_session(context, caller, session_id))


def _with_one_message(value: Any, parse: ValidatorFunctionWrapHandler) -> date | datetime | None:
    """Say once what is wrong, at the field, and not for each type that it might have been."""
    try:
        moment: date | datetime | None = parse(value)
    except ValidationError:
        message = "Input should be a date, or a date and time, in ISO 8601"
        raise PydanticCustomError("iso_8601", message) from None
    return moment


Moment = Annotated[date | datetime | None, WrapValidator(_with_one_message)]


class ListQuery(BothCasings):
    """Which sessions to list. camelCase names are read too."""

    limit: Annotated[int, Field(ge=1, le=500)] = 50
    offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    status: SessionStatus | None = None
    next_token: Annotated[
        str | None,
        Field(max_length=200, description="From the page before; more exact than offset."),
    ] = None
    start_date: Annotated[
        Moment, Field(description="Created at or after; UTC without an offset.")
    ] = None
    end_date: Annotated[Moment, Field(description="Created at or before; a day counts whole.")] = (
        None
    )
    external_id: Annotated[str | None, Field(max_length=200)] = None
    workflow_id: Annotated[str | None, Field(max_length=200)] = None

    def as_filter(self) -> SessionFilter:
        """Return the filter with its times in milliseconds."""
        return SessionFilter(
            limit=self.limit,
            offset=self.offset,
            status=self.status,
            next_token=self.next_token,
            start_ms=_instant(self.start_date, end_of_day=False),
            end_ms=_instant(self.end_date, end_of_day=True),
            external_id=self.external_id,
            workflow_id=self.workflow_id,
        )


@router.get(
    "",
    response_model=SessionPage,
    responses=linked(200, **session_links("data/0/id"), **page_links("list__v1_sessions_get"))
    | error_responses(),
    summary="List sessions",
)
def list_(
    request: Request, query: Annotated[ListQuery, Query()], context: ContextDep, caller: Reader
) -> JSONResponse:
    """List sessions, newest first, without their evidence."""
    return respond(request, list_sessions(context, caller, query.as_filter()))


@router.patch(
    "/{session_id}/update-status",
    response_model=RetrievedSession,
    responses=_CHANGE_RESPONSES,
    dependencies=_JSON,
    summary="Set the status by hand",
)
@router.patch(
    "/{session_id}",
    response_model=RetrievedSession,
    responses=_CHANGE_RESPONSES,
    dependencies=_JSON,
    summary="Set the status by hand (short form)",
)
def update_status(
    request: Request, session_id: str, body: UpdateStatus, context: ContextDep, caller: Writer
) -> JSONResponse:
    """Verify, reject or void a session that is not final. Repeating it changes nothing.

    A key without `sessions:read` gets where the session stands, and nothing of the person.
    """
    return respond(request, set_status(context, caller, session_id, body.wanted))


@router.post(
    "/{session_id}/attempts",
    status_code=201,
    response_model=AttemptStarted,
    responses=linked(201, **session_links("session_id"))
    | error_responses(
        "SESSION_NOT_FOUND", "CONFLICT", "SESSION_TERMINAL", "ANALYSIS_RUNNING", "ATTEMPT_NOT_OPEN"
    ),
    summary="Start a new attempt, or renew its link",
)
def attempt(request: Request, session_id: str, context: ContextDep, caller: Writer) -> JSONResponse:
    """Reopen a rejected session with attempts left; for an open one, renew the link only."""
    started = start_attempt(context, caller, session_id)
    answer = {
        "session_id": started.session.id,
        "attempt": started.attempt.number,
        "attempts_left": started.attempts_left,
        "session_url": session_url(context, started.attempt),
        "expires_at": as_wire(started.attempt.token_expires_at),
    }
    return respond(request, answer, 201)


def _instant(moment: datetime | date | None, *, end_of_day: bool) -> int | None:
    if moment is None:
        return None
    if isinstance(moment, datetime):
        return as_ms(moment)
    start = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    return as_ms(start) + _DAY_MS - 1 if end_of_day else as_ms(start)

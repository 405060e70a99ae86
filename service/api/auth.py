"""Who calls: the `x-api-key` header, its tenant, its scopes, its casing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.responses import JSONResponse
from fastapi.security import APIKeyHeader

from service.api.problems import casing_of
from service.casing import cased
from service.context import Context
from service.errors import ForbiddenError, UnauthenticatedError, UnsupportedMediaError
from service.keys import Caller, Scope, identify
from service.limits.limiter import Limited, client_of
from service.logs import note_for_log
from service.sessions.views import WireObject

_HEADER = APIKeyHeader(
    name="x-api-key",
    auto_error=False,
    description="Made by `bonafide keys create`; its casing decides how responses are written.",
)


def get_context(request: Request) -> Context:
    """Return the parts of the running service."""
    context: Context = request.app.state.context
    return context


def _requiring(*scopes: Scope) -> Callable[..., Caller]:
    def identified(
        request: Request,
        context: Annotated[Context, Depends(get_context)],
        key: Annotated[str | None, Security(_HEADER)] = None,
    ) -> Caller:
        caller = None if key is None else identify(context.database, key)
        if caller is None:
            if key is not None:
                context.limits.take(Limited.GUESS, client_of(request))
            what = "missing" if key is None else "not valid"
            message = f"x-api-key is {what}; make a key with: bonafide keys create"
            raise UnauthenticatedError(message)
        request.state.casing = caller.casing
        note_for_log(organization_id=caller.organization_id)
        context.limits.take(Limited.KEY, caller.key_id)
        for scope in scopes:
            if scope not in caller.scopes:
                raise ForbiddenError(f"this key lacks the scope {scope}")
        return caller

    return identified


def require_json(request: Request) -> None:
    """Refuse a body that is not declared as JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise UnsupportedMediaError("send the body as application/json")


def respond(
    request: Request, body: WireObject, status: int = 200, headers: dict[str, str] | None = None
) -> JSONResponse:
    """Return `body` in the casing of the caller's key."""
    return JSONResponse(cased(body, casing_of(request)), status, headers)


ContextDep = Annotated[Context, Depends(get_context)]
Reader = Annotated[Caller, Depends(_requiring(Scope.READ))]
Writer = Annotated[Caller, Depends(_requiring(Scope.WRITE))]
Eraser = Annotated[Caller, Depends(_requiring(Scope.DELETE))]
WebhookReader = Annotated[Caller, Depends(_requiring(Scope.WEBHOOKS_READ))]
WebhookWriter = Annotated[Caller, Depends(_requiring(Scope.WEBHOOKS_WRITE))]
# Who chooses where events go chooses who reads the sessions in them.
WebhookSubscriber = Annotated[Caller, Depends(_requiring(Scope.WEBHOOKS_WRITE, Scope.READ))]
KeyReader = Annotated[Caller, Depends(_requiring(Scope.KEYS_READ))]
KeyWriter = Annotated[Caller, Depends(_requiring(Scope.KEYS_WRITE))]
AuditReader = Annotated[Caller, Depends(_requiring(Scope.AUDIT_READ))]

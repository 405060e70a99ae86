"""Turn every exception into the one error shape; nothing that was sent is repeated."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException
from starlette.routing import Match, Mount, Route
from starlette.types import Scope

from service.casing import Casing, cased, to_camel
from service.context import Context
from service.errors import (
    ApiError,
    BadRequestError,
    ConflictError,
    NotReadyError,
    UnprocessableError,
)
from service.field_errors import field_errors
from service.keys import identify
from service.logs import current_request_id
from verdict.measurement import QualityFinding

_LOG = logging.getLogger(__name__)
_HTTP_CODES = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 400: "BAD_REQUEST"}
_HTTP_MESSAGES = {
    404: "nothing of that name; see /openapi.json",
    405: "this path does not take that method",
    400: "the request can't be read",
}


def add_problem_handlers(app: FastAPI) -> None:
    """Register a handler for each kind of exception."""
    app.add_exception_handler(ApiError, _on_api_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(StaleDataError, _on_stale_row)
    app.add_exception_handler(OperationalError, _on_database_away)


def problem_response(error: ApiError, casing: Casing) -> JSONResponse:
    """Return the response of an `ApiError`."""
    problem: dict[str, Any] = {
        "code": error.code,
        "message": error.message,
        "fields": [
            {"field": _cased_path(one.field, casing), "message": one.message}
            for one in error.fields
        ],
        "request_id": current_request_id() or "",
    }
    if error.findings:
        problem["findings"] = [_finding(finding) for finding in error.findings]
    headers = dict(error.headers)
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    if error.status == 401:
        headers["WWW-Authenticate"] = 'ApiKey realm="v1"'
    # Clients that know nothing of our shape show what they find under `message`.
    body = {"error": problem, "message": error.message}
    return JSONResponse(cased(body, casing), error.status, headers)


def casing_of(request: Request) -> Casing:
    """Return the casing of the caller's key; snake_case before it is known."""
    casing: Casing = getattr(request.state, "casing", Casing.SNAKE)
    return casing


async def find_casing(request: Request) -> Casing:
    """Return the casing of the caller's key, also where the request failed before it was read."""
    key = request.headers.get("x-api-key")
    if key is None or hasattr(request.state, "casing"):
        return casing_of(request)
    context: Context = request.app.state.context
    try:
        caller = await asyncio.to_thread(identify, context.database, key)
    except OperationalError:
        return Casing.SNAKE
    return Casing.SNAKE if caller is None else caller.casing


async def _on_api_error(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, ApiError):
        raise error
    return problem_response(error, await find_casing(request))


async def _on_validation_error(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    if any(one["type"] == "json_invalid" for one in error.errors()):
        refusal: ApiError = BadRequestError("the body is not JSON")
        return problem_response(refusal, await find_casing(request))
    fields = [
        {**one, "loc": one["loc"][1:] or one["loc"]}  # without "body", "query" or "path"
        for one in error.errors()
    ]
    message = "a field is missing or wrong; see fields"
    refusal = UnprocessableError(message, fields=field_errors(fields))
    return problem_response(refusal, await find_casing(request))


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    status = error.status_code if error.status_code in _HTTP_CODES else 400
    refusal = ApiError(_HTTP_MESSAGES[status], _HTTP_CODES[status])
    refusal.status = status
    response = problem_response(refusal, await find_casing(request))
    response.headers.update(error.headers or {})
    if status == 405:  # the router names the methods of the first route of that path alone
        scope = request.scope  # a mount has put its own path into it
        whole = {**scope, "root_path": scope.get("app_root_path", scope.get("root_path", ""))}
        methods = _methods_of(request.app.routes, whole)
        response.headers["Allow"] = ", ".join(sorted(methods))
    return response


def _methods_of(routes: Iterable[Any], scope: Scope) -> set[str]:
    methods: set[str] = set()
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            methods |= _methods_of(included.routes, scope)
        elif isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE:
            methods |= route.methods or set()
        elif isinstance(route, Mount) and route.matches(scope)[0] is not Match.NONE:
            methods |= {"GET", "HEAD"}  # files
    return methods


async def _on_stale_row(request: Request, _error: Exception) -> JSONResponse:
    message = "changed by somebody else at the same time; retrieve the session and repeat"
    return problem_response(ConflictError(message), await find_casing(request))


async def _on_database_away(request: Request, error: Exception) -> JSONResponse:
    _LOG.error("database not reached", extra={"error": type(error).__name__})
    return problem_response(NotReadyError("the database does not answer"), casing_of(request))


def _finding(finding: QualityFinding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "hint": finding.hint,
        "value": _finite(finding.value),
        "limit": _finite(finding.limit),
        "frames": list(finding.frames),
    }


def _finite(value: float | None) -> float | None:
    """JSON has no NaN: what could not be measured is null."""
    return value if value is not None and math.isfinite(value) else None


def _cased_path(path: str, casing: Casing) -> str:
    if casing is Casing.SNAKE:
        return path
    return ".".join(to_camel(part) for part in path.split("."))

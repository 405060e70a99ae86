"""Health: alive (the process answers) and ready (it can take captures)."""

from __future__ import annotations

import logging

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError

from service.api.auth import ContextDep
from service.api.documented import error_responses
from service.api.schemas import Health, Readiness

router = APIRouter(tags=["Health"])
_LOG = logging.getLogger(__name__)
_ERRORS = {
    status: response
    for status, response in error_responses(with_key=False).items()
    if status not in (422, 503)
}


@router.get("/healthz", response_model=Health, responses=_ERRORS, summary="Is it alive?")
async def alive() -> JSONResponse:
    """Answer while the event loop runs."""
    return JSONResponse({"status": "ok"})


@router.get(
    "/readyz",
    response_model=Readiness,
    responses={**_ERRORS, 503: {"model": Readiness, "description": "Not ready; see checks."}},
    summary="Can it take captures?",
)
def ready(context: ContextDep) -> JSONResponse:
    """Answer 200 once the database answers and the models are loaded."""
    checks = {"database": _database_answers(context), "models": context.analyser.is_ready}
    is_ready = all(checks.values())
    body = {"status": "ready" if is_ready else "not_ready", "checks": checks}
    headers = {} if is_ready else {"Retry-After": "2"}
    return JSONResponse(body, 200 if is_ready else 503, headers)


def _database_answers(context: ContextDep) -> bool:
    try:
        context.database.ping()
    except SQLAlchemyError as error:
        _LOG.error("database not reached", extra={"error": type(error).__name__})
        return False
    return True

"""Health: alive (the process answers) and ready (it can take captures)."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from service.api.documented import error_responses
from service.api.schemas import Health
from service.api.schemas import Readiness as ReadinessBody
from service.readiness import Readiness

router = APIRouter(tags=["Health"])
_ERRORS = {
    status: response
    for status, response in error_responses(with_key=False).items()
    if status not in (422, 503)
}


@router.get("/healthz", response_model=Health, responses=_ERRORS, summary="Is it alive?")
async def alive() -> JSONResponse:
    """Answer while the event loop runs; nothing else is asked."""
    return JSONResponse({"status": "ok"})


@router.get(
    "/readyz",
    response_model=ReadinessBody,
    responses={**_ERRORS, 503: {"model": ReadinessBody, "description": "Not ready; see checks."}},
    summary="Can it take captures?",
)
async def ready(request: Request) -> JSONResponse:
    """Answer 200 once database, queue and store answer and the models are loaded and verified.

    503 also from the moment that the service is told to stop.
    """
    readiness: Readiness = request.app.state.readiness
    checks = await readiness.ask()
    is_ready = all(checks.values())
    body = {"status": "ready" if is_ready else "not_ready", "checks": checks}
    headers = {} if is_ready else {"Retry-After": "2"}
    return JSONResponse(body, 200 if is_ready else 503, headers)

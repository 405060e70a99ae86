"""The header Idempotency-Key, and the answer to a request that may have had it before."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header, Request
from fastapi.responses import JSONResponse

from service.api.auth import respond
from service.idempotency import Answered

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        description="Makes a repeated request harmless for a day: it gets the first answer again.",
    ),
]


def respond_once(request: Request, answered: Answered, status: int) -> JSONResponse:
    """Return the answer, marked where it was given before."""
    headers = {"Idempotency-Replayed": "true"} if answered.replayed else None
    return respond(request, answered.body, status, headers)

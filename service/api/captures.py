"""Routes of the applicant's side: opened by a capture token, never by an API key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from service.api.auth import ContextDep
from service.api.documented import error_responses
from service.api.limited import UPLOAD, VIEW
from service.api.links import linked
from service.api.schemas import CaptureAccepted, CaptureInvitation
from service.captures.submit import ClientGoneError, Sender, submit_capture
from service.captures.tokens import note_view
from service.clock import as_wire
from service.errors import ApiError
from service.tables import SessionRow, SessionStatus

router = APIRouter(prefix="/v1/captures", tags=["Captures"])
_TOKEN_ERRORS = (
    "CAPTURE_TOKEN_UNKNOWN",
    "CAPTURE_TOKEN_USED",
    "CAPTURE_TOKEN_EXPIRED",
    "SESSION_TERMINAL",
    "TOO_MANY_REQUESTS",
)
_MAX_USER_AGENT = 500
# A client that is still sending does not read: take a little more before the refusal.
_DRAIN_BYTES = 16 * 1024 * 1024
_DRAIN_S = 3.0

_BINARY_LIST = {"type": "array", "items": {"type": "string", "format": "binary"}}
_MULTIPART: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["capture"],
                    "properties": {
                        "frames": {
                            **_BINARY_LIST,
                            "description": "JPEG, PNG or WebP pictures; or send `video`.",
                        },
                        "video": {
                            "type": "string",
                            "format": "binary",
                            "description": "One MP4, MOV or WebM recording instead of frames.",
                        },
                        "audio": {
                            "type": "string",
                            "format": "binary",
                            "description": "WAV, FLAC, MP3, AAC, Ogg, WebM or MP4 sound.",
                        },
                        "capture": {"$ref": "#/components/schemas/CaptureDescription"},
                    },
                },
                "encoding": {"capture": {"contentType": "application/json"}},
            }
        },
    }
}


class _RequestBody:
    """The request, as far as an upload needs it."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.content_type = request.headers.get("content-type", "")
        length = request.headers.get("content-length", "")
        self.content_length = int(length) if length.isdecimal() else None
        self._chunks = request.stream()

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the body."""
        try:
            async for chunk in self._chunks:
                yield chunk
        except ClientDisconnect:
            raise ClientGoneError from None

    async def drain(self) -> None:
        """Read on for a moment, so that the client gets to see the answer."""
        taken = 0
        try:
            async with asyncio.timeout(_DRAIN_S):
                async for chunk in self.stream():
                    taken += len(chunk)
                    if taken > _DRAIN_BYTES:
                        return
        except (TimeoutError, ClientGoneError, RuntimeError):
            return


@router.get(
    "/{token}",
    response_model=CaptureInvitation,
    responses=linked(
        200,
        submit=("submit_v1_captures__token__post", {"token": "$request.path.token"}),  # nosec B105
    )
    | error_responses(*_TOKEN_ERRORS, "CONFLICT", with_key=False),
    dependencies=[VIEW],
    summary="See what to ask the applicant",
)
def invitation(token: str, context: ContextDep) -> JSONResponse:
    """Get the words, the steps in their order and the limits. The token stays usable."""
    opened = note_view(context, token)
    attempt, settings = opened.attempt, context.settings
    body = {
        "session_id": opened.session.id,
        "attempt": attempt.number,
        "attempt_limit": opened.workflow.attempt_limit,
        "expires_at": as_wire(attempt.token_expires_at),
        "challenge": {
            "phrase": attempt.phrase,
            "words": attempt.phrase.split(),
            "language": attempt.language,
            "steps": list(attempt.steps),
        },
        "limits": {
            "max_upload_bytes": settings.max_upload_bytes,
            "max_frames": settings.max_frames,
        },
    }
    return JSONResponse(body)


@router.post(
    "/{token}",
    status_code=202,
    response_model=CaptureAccepted,
    responses=error_responses(
        *_TOKEN_ERRORS,
        "CONFLICT",
        "PAYLOAD_TOO_LARGE",
        "UNSUPPORTED_MEDIA_TYPE",
        "STEP_OUT_OF_ORDER",
        "INVALID_MEDIA",
        "ANALYSIS_BUSY",
        with_key=False,
    ),
    dependencies=[UPLOAD],
    openapi_extra=_MULTIPART,
    summary="Send a capture",
)
async def submit(token: str, request: Request, context: ContextDep) -> JSONResponse:
    """Send frames or a video, sound, and the capture JSON. Taken once; refused media may be resent.

    With INVALID_MEDIA the findings say what the applicant can do; no attempt is used.
    """
    body = _RequestBody(request)
    try:
        session = await submit_capture(context, token, body, _sender(request))
    except ApiError:
        await body.drain()
        raise
    answer = {
        "session_id": session.id,
        "attempt": session.attempt,
        "status": session.status,
        "redirect_url": redirect_back(session),
    }
    return JSONResponse(answer, 202)


def redirect_back(session: SessionRow) -> str | None:
    """Return where the applicant goes now: the verdict is not known yet, and not theirs to see."""
    if session.redirect_url is None:
        return None
    try:
        parts = urlsplit(session.redirect_url)
    except ValueError:  # taken by a release that did not check; the capture is kept already
        return None
    query = [
        *parse_qsl(parts.query, keep_blank_values=True),
        ("status", str(SessionStatus.SUBMITTED)),
        ("sessionId", session.id),
    ]
    return urlunsplit(parts._replace(query=urlencode(query)))


def _sender(request: Request) -> Sender:
    agent = request.headers.get("user-agent")
    return Sender(
        ip=request.client.host if request.client else None,
        user_agent=None if agent is None else agent[:_MAX_USER_AGENT],
    )

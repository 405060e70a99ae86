"""Captured media behind short-lived signed links, whole or in part."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import PurePath
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from service.api.auth import ContextDep
from service.api.documented import Responses, error_responses
from service.captures.media_type import BY_EXTENSION
from service.errors import RangeNotSatisfiableError
from service.limits.limiter import client_of
from service.media_links import MediaLink, open_media_link

router = APIRouter(prefix="/v1/media", tags=["Media"])
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")
_BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_CONTENT: Responses = {
    200: {"description": "The file.", "content": _BYTES},
    206: {"description": "The part that `Range` asked for.", "content": _BYTES},
}


@router.get(
    "/{capture_id}/{name}",
    response_class=StreamingResponse,
    responses=_CONTENT
    | error_responses(
        "LINK_INVALID",
        "LINK_EXPIRED",
        "NOT_FOUND",
        "RANGE_NOT_SATISFIABLE",
        "TOO_MANY_REQUESTS",
        with_key=False,
    ),
    summary="Fetch captured media",
)
def fetch(
    request: Request,
    capture_id: str,
    name: str,
    context: ContextDep,
    expires: Annotated[int, Query(ge=0, le=2**53)],
    signature: Annotated[str, Query(max_length=100)],
    holder: Annotated[
        str, Query(max_length=32, description="Whom the link was given to; part of what is signed.")
    ] = "",
    range_: Annotated[
        str | None, Header(alias="range", description="One range of bytes, as players send it.")
    ] = None,
) -> StreamingResponse:
    """Fetch one file by the link that Retrieve Session gave in `resource_links`."""
    link = MediaLink(capture_id, name, expires, holder, signature)
    media = open_media_link(context, link, client_of(request))
    size = media.content.size
    part = part_asked(range_, size)
    start, end = part or (0, size)
    kind = BY_EXTENSION.get(PurePath(media.name).suffix.lstrip("."))
    headers = {
        "Cache-Control": "private, no-store",
        "Accept-Ranges": "bytes",
        "Content-Length": str(end - start),
        "Content-Disposition": f'inline; filename="{media.name}"',
        "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    }
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    pieces = media.content.read(start, end)
    # Read before the answer begins: what can't be opened gets an error, not half a file.
    first = next(pieces, b"")
    return StreamingResponse(
        chain([first], pieces),
        status_code=200 if part is None else 206,
        media_type="application/octet-stream" if kind is None else kind.mime,
        headers=headers,
    )


def part_asked(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the bytes that a ``Range`` header asks for (RFC 9110, 14.2); None for all of them.

    Several ranges at once, and what is no range of bytes, may be answered with the whole.

    Raises
    ------
    RangeNotSatisfiableError
        When it begins past the end.
    """
    found = _RANGE.fullmatch((header or "").replace(" ", ""))
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if first == "":
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
    if last and first and int(last) < int(first):
        return None
    if start >= size:
        raise RangeNotSatisfiableError(size)
    return start, end

"""Captured media behind short-lived signed links."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse

from service.api.auth import ContextDep
from service.api.documented import error_responses
from service.captures.media_type import BY_EXTENSION
from service.media_links import open_media_link

router = APIRouter(prefix="/v1/media", tags=["Media"])


@router.get(
    "/{capture_id}/{name}",
    response_class=FileResponse,
    responses={
        200: {
            "description": "The file.",
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        },
        **error_responses("LINK_INVALID", "LINK_EXPIRED", "NOT_FOUND", with_key=False),
    },
    summary="Fetch captured media",
)
def fetch(
    capture_id: str,
    name: str,
    context: ContextDep,
    expires: Annotated[int, Query(ge=0, le=2**53)],
    signature: Annotated[str, Query(max_length=100)],
) -> FileResponse:
    """Fetch one file by the link that Retrieve Session gave in `resource_links`."""
    path = open_media_link(context, capture_id, name, expires, signature)
    kind = BY_EXTENSION.get(path.suffix.lstrip("."))
    media_type = "application/octet-stream" if kind is None else kind.mime
    return FileResponse(path, media_type=media_type, headers={"Cache-Control": "private, no-store"})

"""The capture page at the session's link: static files of ours, no third-party host."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

PAGE_FOLDER = Path(__file__).parent.parent / "page"
_HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "img-src 'self' blob: data:",
            "media-src 'self' blob:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=()",
}

router = APIRouter(include_in_schema=False)


@router.get("/s/{token}")
async def page(token: str) -> FileResponse:
    """Serve the page; what the token opens is asked by its script."""
    return FileResponse(PAGE_FOLDER / "index.html", media_type="text/html", headers=_HEADERS)


def mount_page(app: FastAPI) -> None:
    """Serve the page and what it loads."""
    app.include_router(router)
    app.mount("/page", StaticFiles(directory=PAGE_FOLDER), name="page")

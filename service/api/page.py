"""The capture page at the session's link: static files of ours, no third-party host."""

from __future__ import annotations

import secrets
from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from service.api.auth import ContextDep

PAGE_FOLDER = Path(__file__).parent.parent / "page"
_SCRIPT = "<script "
_NOBODY = "'none'"

router = APIRouter(include_in_schema=False)


@router.get("/s/{token}")
def page(token: str, context: ContextDep) -> HTMLResponse:
    """Serve the page; what the token opens is asked by its script."""
    nonce = secrets.token_urlsafe(16)
    text = (PAGE_FOLDER / "index.html").read_text(encoding="utf-8")
    marked = text.replace(_SCRIPT, f'{_SCRIPT}nonce="{nonce}" ')
    return HTMLResponse(marked, headers=page_headers(nonce, context.settings.embed_origins))


def page_headers(nonce: str, embed_origins: tuple[str, ...]) -> dict[str, str]:
    """Return the page's own headers.

    Parameters
    ----------
    embed_origins
        Sites that may show the page in a frame; they have to allow it camera and microphone.
    """
    policy = (
        "default-src 'none'",
        # The page's own script and what it imports; nothing that was written into the page.
        f"script-src 'nonce-{nonce}'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
        f"frame-ancestors {' '.join(embed_origins) or _NOBODY}",
    )
    headers = {
        "Content-Security-Policy": "; ".join(policy),
        "Permissions-Policy": "camera=(self), microphone=(self), geolocation=()",
    }
    if embed_origins:
        # A site that isolates itself frames only what says that it may be.
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return headers


def mount_page(app: FastAPI) -> None:
    """Serve the page and what it loads."""
    app.include_router(router)
    app.mount("/page", StaticFiles(directory=PAGE_FOLDER), name="page")

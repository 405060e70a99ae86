"""Refuse the character NUL in paths and queries: PostgreSQL has no text that holds it.

In bodies the types of the fields refuse it (`service.sessions.requests.without_nul`).
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.problems import find_casing, problem_response
from service.errors import BadRequestError

_MESSAGE = "paths and parameters can't hold the character NUL (%00)"


class NoNul:
    """Pure ASGI; goes inside `RequestFrame`, which writes the log line and the headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        app = self._app
        if scope["type"] == "http" and ("\0" in scope["path"] or b"%00" in scope["query_string"]):
            casing = await find_casing(Request(scope))
            app = problem_response(BadRequestError(_MESSAGE), casing)
        await app(scope, receive, send)

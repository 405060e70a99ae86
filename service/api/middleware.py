"""Around every request: an id, security headers, a log line without the path, the last resort."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.problems import problem_response
from service.casing import Casing
from service.errors import ApiError, PayloadTooLargeError
from service.logs import accepted_request_id, log_context, note_for_log
from service.metrics.record import count_request
from service.tracing import span

_LOG = logging.getLogger("service.http")

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
# Routes may say otherwise; the capture page does.
_DEFAULTS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_HSTS = "max-age=63072000; includeSubDomains"


class _BodyTooLargeError(Exception):
    """Ends the reading of a body that is over the limit."""


class RequestFrame:
    """Pure ASGI, so that it neither buffers bodies nor cancels handlers.

    Parameters
    ----------
    max_body_bytes
        Limit of every body but those under `streaming_prefix`, which count for themselves, and
        those under a prefix of `larger_bodies`, which have their own.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_body_bytes: int,
        streaming_prefix: str,
        is_https: bool,
        is_test: bool = False,
        larger_bodies: Mapping[str, int] | None = None,
    ) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes
        self._larger_bodies = larger_bodies or {}
        self._streaming_prefix = streaming_prefix
        self._is_https = is_https
        self._is_test = is_test

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(self, scope, receive, send)
        with log_context(request_id=exchange.request_id):
            await exchange.run(self._app)

    def limit_of(self, path: str) -> int | None:
        """Return how many bytes the body of a request to `path` may have."""
        if path.startswith(self._streaming_prefix):
            return None
        larger = (of for prefix, of in self._larger_bodies.items() if path.startswith(prefix))
        return next(larger, self._max_body_bytes)

    def add_headers(self, headers: MutableHeaders) -> None:
        """Add what every response carries."""
        for name, value in _HEADERS.items():
            headers[name] = value
        for name, value in _DEFAULTS.items():
            headers.setdefault(name, value)
        if "frame-ancestors 'none'" in headers["Content-Security-Policy"]:
            headers["X-Frame-Options"] = "DENY"  # the same for older browsers
        if self._is_test:
            headers["X-Bonafide-Environment"] = "test"
        if self._is_https:
            headers["Strict-Transport-Security"] = _HSTS


class _Exchange:
    def __init__(self, frame: RequestFrame, scope: Scope, receive: Receive, send: Send) -> None:
        sent = Headers(scope=scope).get("x-request-id")
        self.request_id = accepted_request_id(sent) or uuid.uuid4().hex
        self._frame, self._scope = frame, scope
        self._receive, self._send = receive, send
        self._limit = frame.limit_of(scope["path"])
        self._taken = 0
        self._too_large = False
        self._status: int | None = None

    async def run(self, app: ASGIApp) -> None:
        with span("request", request_id=self.request_id) as traced:
            await self._run(app)
            if traced is not None:
                traced.update_name(f"{self._scope['method']} {self._route or '(none)'}")
                traced.set_attribute("http.response.status_code", self._status or 0)

    async def _run(self, app: ASGIApp) -> None:
        start = time.perf_counter()
        try:
            await app(self._scope, self._take, self._answer)
        except Exception as error:
            if not self._too_large:
                _LOG.exception("request failed", extra={"error": type(error).__name__})
            if self._status is not None:
                raise
            refusal = ApiError("a fault of the service; report the request id")
            if self._too_large:
                refusal = self._over_the_limit()
            await problem_response(refusal, Casing.SNAKE)(
                self._scope, self._receive, self._start_and_send
            )
        finally:
            self._log(1000 * (time.perf_counter() - start))

    async def _take(self) -> Message:
        message = await self._receive()
        if self._limit is not None and message["type"] == "http.request":
            self._taken += len(message.get("body", b""))
            if self._taken > self._limit:
                self._too_large = True
                raise _BodyTooLargeError
        return message

    async def _answer(self, message: Message) -> None:
        if self._too_large:
            # Whatever the route makes of its broken body, the answer is this one.
            if self._status is None:
                await problem_response(self._over_the_limit(), Casing.SNAKE)(
                    self._scope, self._receive, self._start_and_send
                )
            return
        await self._start_and_send(message)

    def _over_the_limit(self) -> ApiError:
        return PayloadTooLargeError(f"the body may have at most {self._limit} bytes")

    async def _start_and_send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = MutableHeaders(scope=message)
            self._frame.add_headers(headers)
            headers["X-Request-Id"] = self.request_id
        await self._send(message)

    @property
    def _route(self) -> str | None:
        return getattr(self._scope.get("route"), "path", None)

    def _log(self, took_ms: float) -> None:
        count_request(self._scope["method"], self._route, self._status, took_ms / 1000)
        session_id = self._scope.get("path_params", {}).get("session_id")
        if session_id is not None and self._status is not None and self._status < 400:
            note_for_log(session_id=session_id)  # a refused one could be anything
        _LOG.info(
            "request",
            extra={
                "method": self._scope["method"],
                # The template, never the path: paths hold tokens and ids of people's media.
                "route": self._route or "(none)",
                "status": self._status,
                "ms": round(took_ms, 1),
            },
        )

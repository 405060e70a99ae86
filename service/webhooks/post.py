"""Post one message and say how it ended; the answer's body is thrown away."""

from __future__ import annotations

import asyncio
import math
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpcore
import httpx

from service.webhooks.addresses import Network
from service.webhooks.guard import (
    AddressRefusedError,
    GuardedBackend,
    ResolutionError,
    Resolver,
    system_resolver,
)
from service.webhooks.urls import UrlError, read_url

# Reading a little of the answer lets an ordinary receiver finish it; more is its own loss.
_MOST_ANSWER_BYTES = 64 * 1024
_ANSWER_S = 2.0
_MAY_ASK_FOR_PAUSE = frozenset({429, 502, 503, 504})
_LONGEST_PAUSE_S = 24 * 3600.0
_GONE = 410


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one try ended.

    Parameters
    ----------
    status
        None where there was no answer.
    error
        A stable word; None when it was delivered.
    retry_after_s
        The pause that the receiver asked for.
    """

    status: int | None
    error: str | None
    duration_ms: int
    retry_after_s: float | None = None

    @property
    def is_delivered(self) -> bool:
        """Whether the receiver has taken it."""
        return self.error is None

    @property
    def is_gone(self) -> bool:
        """Whether the receiver asks for nothing more, ever."""
        return self.status == _GONE


class Sender:
    """Posts to endpoints: guarded, without redirects, proxies or kept connections."""

    def __init__(
        self,
        *,
        timeout_s: float,
        allow_http: bool,
        allowed: tuple[Network, ...],
        resolve: Resolver = system_resolver,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._timeout_s = timeout_s
        self._allow_http = allow_http
        self._allowed = allowed
        self._resolve = resolve
        self._tls = tls or httpx.create_ssl_context()

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> Outcome:
        """Post `body`; whatever the receiver does becomes an outcome."""
        begin = time.monotonic()
        status, error, pause_s = None, None, None
        try:
            async with asyncio.timeout(self._timeout_s) as limit:
                status, pause_s = await self._exchange(url, headers, body, limit)
        except Exception as failure:
            error = _word_of(failure)
        else:
            error = _word_of_status(status)
        took_ms = round(1000 * (time.monotonic() - begin))
        return Outcome(status, error, took_ms, pause_s)

    async def _exchange(
        self, url: str, headers: dict[str, str], body: bytes, limit: asyncio.Timeout
    ) -> tuple[int, float | None]:
        # Read again, not trusted: settings may have changed since the endpoint was made.
        target = read_url(url, allow_http=self._allow_http, allowed=self._allowed)
        network = GuardedBackend(self._allowed, self._resolve)
        own = [(b"Host", target.authority), (b"Content-Length", str(len(body)).encode())]
        sent = [(name.encode(), value.encode()) for name, value in headers.items()]
        async with (
            httpcore.AsyncConnectionPool(
                ssl_context=self._tls, network_backend=network, max_keepalive_connections=0
            ) as pool,
            pool.stream(
                "POST",
                httpcore.URL(
                    scheme=target.scheme, host=target.host, port=target.port, target=target.path
                ),
                headers=[*own, *sent],
                content=body,
            ) as response,
        ):
            # The status decides. What is left of the answer gets a moment of its own.
            limit.reschedule(asyncio.get_running_loop().time() + 2 * _ANSWER_S)
            with suppress(TimeoutError, httpcore.NetworkError, httpcore.ProtocolError):
                async with asyncio.timeout(_ANSWER_S):
                    await _drain(response)
            return response.status, _pause_asked(response)


async def _drain(response: httpcore.Response) -> None:
    n_bytes = 0
    async for part in response.aiter_stream():
        n_bytes += len(part)
        if n_bytes >= _MOST_ANSWER_BYTES:
            return


def _word_of_status(status: int | None) -> str | None:
    if status is not None and 200 <= status < 300:
        return None
    if status is not None and 300 <= status < 400:
        return "redirected"
    return "gone" if status == _GONE else "refused"


def _word_of(failure: Exception) -> str:
    if isinstance(failure, TimeoutError | httpcore.TimeoutException):
        return "timed_out"
    if isinstance(failure, AddressRefusedError | UrlError):
        return "address_refused"
    if isinstance(failure, ResolutionError):
        return "not_resolved"
    if isinstance(failure, httpcore.ConnectError):
        cause = failure.__cause__ or failure.__context__
        return "tls_failed" if isinstance(cause, ssl.SSLError) else "not_connected"
    if isinstance(failure, httpcore.NetworkError | httpcore.ProtocolError):
        return "connection_broken"
    return "not_sent"


def _pause_asked(response: httpcore.Response) -> float | None:
    """Return ``Retry-After`` in seconds, at most a day; None where it does not count."""
    if response.status not in _MAY_ASK_FOR_PAUSE:
        return None
    values = [value for name, value in response.headers if name.lower() == b"retry-after"]
    if not values:
        return None
    text = values[0].decode("ascii", "replace").strip()
    try:
        seconds = float(text) if text.isdigit() else _until(text)
    except (ValueError, TypeError, OverflowError):
        return None
    if not math.isfinite(seconds):
        return None
    return min(max(seconds, 0.0), _LONGEST_PAUSE_S)


def _until(date: str) -> float:
    moment = parsedate_to_datetime(date)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - datetime.now(UTC)).total_seconds()

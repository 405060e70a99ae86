"""Connect to public addresses only: resolve once, check every answer, connect to what was checked.

Host header, SNI and the certificate keep the name of the URL; only the connection is pinned. A
name that answers differently the second time is asked only once.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress

import httpcore

from service.webhooks.addresses import Network, may_be_called, read_address

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
# One receiver with many dead addresses shall not use up the time of the whole try.
_MOST_ADDRESSES = 3


class AddressRefusedError(Exception):
    """The name leads (also) to an address that may not be called."""


class ResolutionError(Exception):
    """The name could not be resolved: nothing is called."""


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a name, in the order of preference.

    In a thread of its own: a name server that is slow on purpose would hold the threads that
    the event loop shares with everything else.
    """
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[list[str] | None] = loop.create_future()

    def answer(found: list[str] | None) -> None:
        if not answered.done():
            answered.set_result(found)

    def ask() -> None:
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found: list[str] | None = [str(entry[4][0]) for entry in entries]
        except (OSError, UnicodeError):
            found = None
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(answer, found)

    threading.Thread(target=ask, name="webhook-resolver", daemon=True).start()
    found = await answered
    if found is None:
        raise ResolutionError
    return found


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """The network of webhook requests."""

    def __init__(self, allowed: Sequence[Network], resolve: Resolver = system_resolver) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first of the host's addresses that answers.

        Raises
        ------
        ResolutionError
            When it has none.
        AddressRefusedError
            When one of them may not be called; the others are not tried then.
        """
        addresses = self._checked(await self._resolve(host, port))
        for address in addresses[:-1]:
            try:
                return await self._network.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._network.connect_tcp(
            addresses[-1], port, timeout, local_address, socket_options
        )

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: no endpoint is a file."""
        raise AddressRefusedError

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._network.sleep(seconds)

    def _checked(self, answers: Sequence[str]) -> list[str]:
        if not answers:
            raise ResolutionError
        for text in answers:
            address = read_address(text)
            if address is None or not may_be_called(address, self._allowed):
                raise AddressRefusedError
        return list(dict.fromkeys(answers))[:_MOST_ADDRESSES]

"""Whether this process can take captures: what it asks, how long it waits, and when it says no."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from types import FrameType

from sqlalchemy.exc import OperationalError

from service.context import Context

_LOG = logging.getLogger(__name__)
_LIMIT_S = 2.0
# An empty corner of the store: listing it costs one request and finds nothing.
_NOWHERE = "readiness"


class Readiness:
    """Asks what a capture needs, each within a limit of its own.

    Whoever asks while a question is still open waits for the same answer: a dependency that hangs
    holds one thread, however often the load balancer comes.

    Parameters
    ----------
    checks
        By name; each returns, or raises where the answer is no.
    """

    def __init__(
        self, context: Context, checks: Mapping[str, Callable[[], object]] | None = None
    ) -> None:
        self._context = context
        self._checks = _checks_of(context) if checks is None else dict(checks)
        self._open: dict[str, asyncio.Future[bool]] = {}
        self._threads = ThreadPoolExecutor(max(1, len(self._checks)), thread_name_prefix="ready")
        self.is_draining = False

    async def ask(self) -> dict[str, bool]:
        """Return the answer of each check."""
        names = list(self._checks)
        answers = await asyncio.gather(*(self._answer(name) for name in names))
        found = dict(zip(names, answers, strict=True))
        found["models"] = self._context.analyser.is_ready
        found["accepting"] = not self.is_draining
        return found

    def close(self) -> None:
        """Let go of the threads; one that hangs is left behind."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _answer(self, name: str) -> bool:
        asked = self._open.get(name)
        if asked is None or asked.done():
            loop = asyncio.get_running_loop()
            asked = self._open[name] = loop.run_in_executor(self._threads, self._try, name)
        await asyncio.wait({asked}, timeout=_LIMIT_S)
        if not asked.done():
            _LOG.error("not ready: no answer in time", extra={"reason": name})
            return False
        return asked.result()

    def _try(self, name: str) -> bool:
        try:
            self._checks[name]()
        except Exception as error:
            extra = {"reason": name, "error": type(error).__name__}
            _LOG.error("not ready", extra=extra)
            return False
        return True


def _checks_of(context: Context) -> dict[str, Callable[[], object]]:
    return {
        "database": context.database.ping,
        "queue": context.jobs.check,
        "store": lambda: context.media.store.names(_NOWHERE),
        "master_key": lambda: _check_key(context),
    }


def _check_key(context: Context) -> None:
    # A database that is away has a check of its own, and says nothing about the key.
    with suppress(OperationalError):
        context.media.check_key(context.database)


@contextmanager
def draining_first(readiness: Readiness, delay_s: float) -> Iterator[None]:
    """On SIGTERM say "not ready" for a while before the server begins to stop.

    Load balancers need that long to notice; until then requests are still taken. A second signal
    is passed on at once. Only in the main thread: elsewhere there are no signals to wait for.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop, before = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM)

    def begin(number: int, frame: FrameType | None) -> None:
        pause_s = 0.0 if readiness.is_draining else delay_s
        readiness.is_draining = True
        if not callable(before):
            return
        if pause_s == 0:
            before(number, frame)
            return
        _LOG.info("draining")
        loop.call_soon_threadsafe(loop.call_later, pause_s, before, number, None)

    signal.signal(signal.SIGTERM, begin)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

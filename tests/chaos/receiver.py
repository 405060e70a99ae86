"""A webhook receiver that misbehaves: it fails twice for some events, and hangs now and then."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_HANG_S = 5.0  # longer than the deployment's time-out for a try


@dataclass(frozen=True, slots=True)
class Received:
    """One request that the receiver took."""

    webhook_id: str
    session_id: str
    sequence: int
    type: str
    at_s: float


@dataclass
class Receiver:
    """What arrived, in the order of arrival; refused requests are counted apart.

    Parameters
    ----------
    failing_every, hanging_every
        Of the events, by their order of first arrival: which fail twice, and which hang once.
        0 for none.
    """

    failing_every: int = 3
    hanging_every: int = 50
    taken: list[Received] = field(default_factory=list)
    refused: int = 0
    hung: int = 0
    _seen: Counter[str] = field(default_factory=Counter)
    _order: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, webhook_id: str, body: bytes) -> int:
        """Return the status to answer with, after as long as it takes."""
        with self._lock:
            self._seen[webhook_id] += 1
            place = self._order.setdefault(webhook_id, len(self._order) + 1)
            time_seen = self._seen[webhook_id]
        if self.hanging_every and place % self.hanging_every == 0 and time_seen == 1:
            with self._lock:
                self.hung += 1
            time.sleep(_HANG_S)
            return 200  # nobody waits for it any more
        if self.failing_every and place % self.failing_every == 0 and time_seen <= 2:
            with self._lock:
                self.refused += 1
            return 500
        message = json.loads(body)
        one = Received(
            webhook_id, message["session_id"], message["sequence"], message["type"], time.time()
        )
        with self._lock:
            self.taken.append(one)
        return 200


@contextmanager
def listening(receiver: Receiver) -> Iterator[str]:
    """Serve `receiver` on a free port and yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = receiver.answer(self.headers["webhook-id"], body)
            try:
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()
            except OSError:
                pass  # killed, or tired of waiting

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: object) -> None:
            """Connections end at any moment here."""

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/hook"
        server.shutdown()

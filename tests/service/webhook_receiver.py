"""A receiver of webhooks that keeps what it got and answers what a test tells it to."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HANG = "hang"
ENDLESS = "endless"


@dataclass(frozen=True)
class Got:
    """One request as it came."""

    headers: dict[str, str]
    body: bytes
    path: str = "/"
    at_s: float = field(default_factory=time.monotonic)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def message(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.body)
        return message


Answer = int | str | tuple[int, dict[str, str]]


@dataclass
class Receiver:
    """Answers `script` in its order, then `otherwise`. A hang lasts until the test ends."""

    port: int = 0
    script: list[Answer] = field(default_factory=list)
    otherwise: Answer = 204
    got: list[Got] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks?tenant=a"

    def wait_for(self, n: int, *, within_s: float = 10.0) -> list[Got]:
        """Wait until `n` requests have come and return all of them."""
        end = time.monotonic() + within_s
        while len(self.got) < n:
            assert time.monotonic() < end, f"{len(self.got)} of {n} requests came"
            time.sleep(0.01)
        return list(self.got)


@contextmanager
def running_receiver() -> Iterator[Receiver]:
    """A receiver on a free port of this machine."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(length)
            answer = receiver.script.pop(0) if receiver.script else receiver.otherwise
            receiver.got.append(Got(headers, body, self.path))
            with suppress(OSError):
                self._answer(answer)

        def _answer(self, answer: Answer) -> None:
            if answer == HANG:
                receiver.done.wait(30)
                return
            status, headers = answer if isinstance(answer, tuple) else (answer, {})
            self.send_response(200 if status == ENDLESS else int(status))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            while status == ENDLESS and not receiver.done.is_set():
                self.wfile.write(bytes(65536))

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.done.set()
        server.shutdown()
        server.server_close()
        thread.join()


def closed_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

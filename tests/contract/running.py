"""The whole service behind a real HTTP server, with builders in place of the layers."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from service.analyser import Analyser
from service.app import create_app
from service.casing import Casing
from service.context import Context
from service.jobs.in_process import InProcessRunner
from service.keys import Scope, create_key
from service.settings import Settings
from tests.service.service_builders import BuilderAnalyser, settings_in
from tests.service.voice_builders import BuilderEar

_START_S = 20.0
# A test is one address that asks often and with wrong keys: a 429 would hide what it asks for.
NO_LIMITS = {
    f"rate_{name}": "off" for name in ("key", "create", "voice", "view", "upload", "link", "guess")
}


@dataclass(frozen=True)
class Running:
    """A service that listens."""

    url: str
    context: Context
    document: dict[str, Any]

    def new_key(self, casing: Casing = Casing.SNAKE) -> str:
        """Make an API key with every scope."""
        return create_key(
            self.context.database, name="contract", casing=casing, scopes=tuple(Scope)
        ).text


@contextmanager
def running(
    folder: Path, analyser_of: Callable[[Settings], Analyser] | None = None, **settings: Any
) -> Iterator[Running]:
    """Run the service on a free port; `settings` go on top of the tests' own.

    Parameters
    ----------
    analyser_of
        Makes what stands for the layers; builders when not given.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    chosen = settings_in(folder, **({"public_url": url} | NO_LIMITS | settings))
    analyser = BuilderAnalyser() if analyser_of is None else analyser_of(chosen)
    app = create_app(chosen, analyser, BuilderEar(), jobs=InProcessRunner())
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        end = time.monotonic() + _START_S
        while not server.started:
            assert thread.is_alive(), "the service ended while it started"
            assert time.monotonic() < end, "the service did not start in time"
            time.sleep(0.01)
        yield Running(url, app.state.context, app.openapi())
    finally:
        server.should_exit = True
        thread.join()
        listener.close()

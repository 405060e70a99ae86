"""Run the service with uvicorn: one process, because the runner and its queue live in it."""

from __future__ import annotations

import uvicorn

from service.app import create_app
from service.logs import configure_logs
from service.settings import Settings

# Uvicorn waits for open requests first; the runner's own drain limit comes on top of it.
_OPEN_REQUESTS_S = 10


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then drain."""
    app = create_app(settings)
    configure_logs(settings.log_level)
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,  # it writes paths, and paths hold capture tokens
        server_header=False,
        timeout_graceful_shutdown=_OPEN_REQUESTS_S,
    )

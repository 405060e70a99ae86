"""`/metrics` on a port of its own, one per process: never on the port that the public reaches."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import GC_COLLECTOR, start_http_server
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import CollectorRegistry

from service.database import Database
from service.metrics.backlog import BacklogCollector
from service.metrics.series import BUILD, REGISTRY
from service.settings import Settings

_LOG = logging.getLogger(__name__)
_MOST_PORTS = 32


class NoMetricsPortError(RuntimeError):
    """Every port that metrics may be exposed on is taken."""


@contextmanager
def exposed(settings: Settings, database: Database, role: str) -> Iterator[int | None]:
    """Expose the metrics of this process; yield the port, None where none is asked for.

    Several processes on one machine take the next free ports, in the order in which they start.

    Raises
    ------
    NoMetricsPortError
        When none is free.
    """
    if settings.metrics_port is None:
        yield None
        return
    BUILD.labels(_version(), role, settings.environment).set(1)
    registry = registry_of(database)
    server, thread, port = _listening(settings, registry)
    _LOG.info("metrics exposed", extra={"port": port})
    try:
        yield port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def registry_of(database: Database) -> CollectorRegistry:
    """Return everything that a process exposes."""
    registry = CollectorRegistry()
    for collector in (REGISTRY, BacklogCollector(database), GC_COLLECTOR):
        registry.register(collector)
    ProcessCollector(registry=registry)
    return registry


def _listening(settings: Settings, registry: CollectorRegistry) -> tuple[WSGIServer, Thread, int]:
    first = settings.metrics_port or 0
    for port in [0] if first == 0 else range(first, first + _MOST_PORTS):
        try:
            server, thread = start_http_server(port, settings.metrics_host, registry)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            continue
        return server, thread, server.server_port
    msg = f"no port is free for metrics from {first} to {first + _MOST_PORTS - 1}"
    raise NoMetricsPortError(msg)


def _version() -> str:
    try:
        return version("bonafide")
    except PackageNotFoundError:
        return "unknown"

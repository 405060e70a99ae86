"""Run one process of a role: with uvicorn, or as a worker with an event loop of its own.

`serve` is one process, because the engine and its executor id live in it. `api` only queues, so it
may be several.
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack

import uvicorn
from fastapi import FastAPI

from layers.runner.confinement import refuse_inspection, start_tracker_without_secrets
from layers.runner.tasks import die_with_parent
from service.analyser import Analyser
from service.app import create_app
from service.database import Database
from service.jobs.durable import migrate_engine
from service.logs import configure_logs
from service.media.adopt import seal_plain_captures
from service.media.vault import MediaVault
from service.roles import Role, open_parts
from service.settings import Settings
from service.signing import load_signer
from service.voice.cipher import load_cipher
from verdict.policy import load_policy

# Uvicorn waits for open requests first; the runner's own drain limit comes on top of it.
_OPEN_REQUESTS_S = 10
# A process that does not answer its parent for so long is killed; on a busy machine the imports
# alone take longer than the five seconds that uvicorn would give it.
_UNTIL_ALIVE_S = 60


def run(settings: Settings) -> None:
    """Serve with everything in one process until SIGTERM or SIGINT, then drain."""
    serve_app(create_app(settings), settings)


def serve_app(app: FastAPI, settings: Settings) -> None:
    """Serve one application in this process."""
    _begin(settings)
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        forwarded_allow_ips=settings.trusted_proxies,
        access_log=False,  # it writes paths, and paths hold capture tokens
        server_header=False,
        timeout_graceful_shutdown=_OPEN_REQUESTS_S,
    )


def run_api(settings: Settings, factory: str = "service.server:api_app") -> None:
    """Serve requests with several processes; others do the work.

    Parameters
    ----------
    factory
        Where each process finds its application. It reads the settings from the environment.
    """
    _begin(settings)
    if settings.api_processes > 1:
        start_tracker_without_secrets()  # its children need the environment, so it stays here
    uvicorn.run(
        factory,
        factory=True,
        workers=settings.api_processes,
        timeout_worker_healthcheck=_UNTIL_ALIVE_S,
        host=settings.host,
        port=settings.port,
        log_config=None,
        forwarded_allow_ips=settings.trusted_proxies,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_OPEN_REQUESTS_S,
    )


def api_app(analyser: Analyser | None = None) -> FastAPI:
    """Return the application of one API process, with the settings of the environment."""
    settings = Settings()
    if settings.api_processes > 1:
        die_with_parent()
    _begin(settings)
    return create_app(settings, analyser, role=Role.API)


def run_worker(settings: Settings, analyser: Analyser | None = None) -> None:
    """Analyse and deliver until SIGTERM or SIGINT, then drain."""
    _begin(settings)
    asyncio.run(_work(settings, analyser))


def migrate(settings: Settings) -> None:
    """Make the tables of the service and of the engine, or bring them up to date.

    And the keys in the data folder, before several processes want to make them at once. Captures
    that an earlier release kept in plain are sealed.
    """
    load_signer(settings)
    load_cipher(settings)
    database = Database(settings)
    database.create()
    seal_plain_captures(settings, database, MediaVault(settings))
    database.close()
    migrate_engine(settings)


def _begin(settings: Settings) -> None:
    refuse_inspection()
    configure_logs(settings.log_level, settings.log_format)


async def _work(settings: Settings, analyser: Analyser | None) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        policy = load_policy(settings.policy_file)
        await open_parts(settings, policy, Role.WORKER, stack, analyser=analyser)
        await stopping.wait()

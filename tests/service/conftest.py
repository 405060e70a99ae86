"""A running service per test, with a builder for an analyser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.app import create_app
from service.casing import Casing
from service.context import Context
from service.jobs.in_process import InProcessRunner
from service.keys import create_key
from service.roles import BoundRunner
from tests.service.postgres import PostgresServer, newest_binaries, running_postgres
from tests.service.running_service import Service, StartService
from tests.service.service_builders import BuilderAnalyser, settings_in
from tests.service.voice_builders import BuilderEar, StartVoices, Voices
from tests.service.webhook_builders import AT_ONCE, INSIDE, Hooks
from tests.service.webhook_receiver import Receiver, running_receiver


@pytest.fixture
def start_service(tmp_path: Path) -> Iterator[StartService]:
    """Start a service, with a runner for tests; keyword arguments are settings."""
    with ExitStack() as stack:

        def start(
            analyser: BuilderAnalyser | None = None,
            jobs: BoundRunner | None = None,
            **settings: Any,
        ) -> Service:
            chosen, runner = analyser or BuilderAnalyser(), jobs or InProcessRunner()
            app = create_app(settings_in(tmp_path, **settings), chosen, jobs=runner)
            client = stack.enter_context(
                TestClient(app, base_url="https://kyc.example.com", raise_server_exceptions=False)
            )
            context: Context = app.state.context
            key = create_key(context.database, name="test", casing=Casing.SNAKE)
            return Service(client, context, chosen, key.text)

        yield start


@pytest.fixture
def service(start_service: StartService) -> Service:
    """A running service with the defaults."""
    return start_service()


@pytest.fixture
def start_voices(tmp_path: Path) -> Iterator[StartVoices]:
    """Start a service with ears; keyword arguments are settings."""
    with ExitStack() as stack:

        def start(**settings: Any) -> Voices:
            ear = BuilderEar()
            app = create_app(
                settings_in(tmp_path, **settings), BuilderAnalyser(), ear, jobs=InProcessRunner()
            )
            client = stack.enter_context(
                TestClient(app, base_url="https://kyc.example.com", raise_server_exceptions=False)
            )
            key = create_key(app.state.context.database, name="test").text
            return Voices(client, ear, {"x-api-key": key})

        yield start


@pytest.fixture
def voices(start_voices: StartVoices) -> Voices:
    """A running service with ears and the defaults."""
    return start_voices()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server for the whole run; skips loudly where it is not installed."""
    try:
        newest_binaries()
    except FileNotFoundError as error:
        pytest.skip(str(error))
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database of each kind; SQLite's lies in the data folder."""
    if request.param == "sqlite":
        return ""
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of webhooks on this machine."""
    with running_receiver() as running:
        yield running


@pytest.fixture
def hooks(start_service: StartService, receiver: Receiver) -> Hooks:
    """A running service that may post to the receiver, with a schedule without pauses."""
    return Hooks(start_service(**INSIDE, webhook_schedule_s=AT_ONCE), receiver)

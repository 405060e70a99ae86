"""A deployment of the release before there were revisions, upgraded with what is in it."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from fastapi.testclient import TestClient

from service.app import create_app
from service.jobs.durable import DurableRunner
from service.migrations.models import METADATA
from service.settings import Settings
from tests.service.postgres import PostgresServer, newest_binaries
from tests.service.running_service import Service
from tests.service.service_builders import JPEG, BuilderAnalyser
from tests.service.upgrade_recipe import KEY, old_settings

_ARCHIVE = Path(__file__).parents[2] / "fixtures" / "before_revisions.tar.gz"


@pytest.fixture(params=["sqlite", "postgresql"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """The settings of the old deployment, unpacked and loaded."""
    with tarfile.open(_ARCHIVE) as packed:
        packed.extractall(tmp_path / "all", filter="data")
    unpacked = tmp_path / "all" / request.param
    shutil.copytree(unpacked, tmp_path / "one")
    dump = unpacked / "dump.sql"
    if request.param == "sqlite":
        settings = old_settings(tmp_path / "one", "")
        with closing(sqlite3.connect(settings.data_dir / "bonafide.sqlite3")) as database:
            database.executescript(dump.read_text(encoding="utf-8"))
        return settings
    server: PostgresServer = request.getfixturevalue("postgres")
    settings = old_settings(tmp_path / "one", server.new_database())
    command = [
        str(newest_binaries() / "psql"),
        "--quiet",
        "--set=ON_ERROR_STOP=1",
        f"--file={dump}",
    ]
    subprocess.run([*command, settings.database_url], check=True, capture_output=True)
    return settings


@pytest.fixture
def upgraded(old: Settings) -> Iterator[Service]:
    """The service of today on what the old one left."""
    analyser = BuilderAnalyser()
    app = create_app(old, analyser, jobs=DurableRunner(old, "embedded"))
    with TestClient(app, base_url="https://kyc.example.com") as client:
        yield Service(client, app.state.context, analyser, KEY)


def _session_id(service: Service, external_id: str) -> str:
    found = service.client.get(f"/v1/sessions?external_id={external_id}", headers=service.auth)
    assert found.status_code == 200, found.text
    return str(found.json()["data"][0]["id"])


def test_what_was_there_is_read_and_what_waited_goes_on(upgraded: Service) -> None:
    judged = upgraded.retrieve(_session_id(upgraded, "judged"))
    assert judged["user"]["email"] == "ada@example.com"
    data = judged["session_record"]["analysis_data"]["deepfake_detection_data"]
    assert data["verdict"] == "LIVE"
    link = urlsplit(judged["resource_links"]["frame_0000"])
    media = upgraded.client.get(f"{link.path}?{link.query}")
    assert (media.status_code, media.content) == (200, JPEG)
    assert not (upgraded.context.settings.data_dir / "captures").exists()  # nothing in plain
    endpoints = upgraded.client.get("/v1/webhook-endpoints", headers=upgraded.auth).json()
    assert endpoints["data"][0]["url"] == "https://hooks.invalid/kyc"

    pending = upgraded.judged(_session_id(upgraded, "pending"))
    assert pending["analysis_data"]["deepfake_detection_data"]["verdict"] == "LIVE"
    assert upgraded.judged(upgraded.captured())["status"] == "SUBMITTED"
    with upgraded.context.database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"include_name": lambda name, kind, _: kind != "table" or name in METADATA.tables},
        )
        assert compare_metadata(context, METADATA) == []

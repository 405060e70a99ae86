"""How fixtures/before_revisions.tar.gz was made, by the code of the release before revisions.

In an unpacked tree of that release (``git archive 1231621 | tar -x -C OLD``), with this file::

    cd OLD && python upgrade_recipe.py before_revisions.tar.gz

It leaves a session with its verdict, one whose capture waits in the engine's queue, a webhook
endpoint, and an API key whose text tests/service/test_upgrade.py knows, on SQLite and PostgreSQL.
"""

from __future__ import annotations

import base64
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from pydantic import SecretStr

from service.app import create_app
from service.jobs.durable import DurableRunner
from service.settings import Settings
from service.signing import token_digest
from service.tables import DEFAULT_ORGANIZATION_ID, ApiKey
from tests.service.postgres import newest_binaries, running_postgres
from tests.service.running_service import Service
from tests.service.service_builders import BuilderAnalyser, settings_in

KEY = "bf_00112233445566aa_" + "k" * 43
SECRET_KEY = "a secret of the fixture, not of any deployment"
VOICEPRINT_KEY = base64.b64encode(bytes(32)).decode()


def old_settings(folder: Path, database_url: str, **changes: Any) -> Settings:
    """The settings that the fixture was made with, and is upgraded with."""
    return settings_in(
        folder,
        database_url=database_url,
        secret_key=SecretStr(SECRET_KEY),
        voiceprint_key=SecretStr(VOICEPRINT_KEY),
        queue_poll_s=0.02,
        drain_timeout_s=0.2,
        **changes,
    )


def _fill(settings: Settings) -> None:
    analyser = BuilderAnalyser()
    app = create_app(settings, analyser, jobs=DurableRunner(settings, "embedded"))
    with TestClient(app, base_url="https://kyc.example.com") as client:
        context = app.state.context
        with context.database.write() as db:
            db.add(
                ApiKey(
                    id=KEY.split("_")[1],
                    organization_id=DEFAULT_ORGANIZATION_ID,
                    name="fixture",
                    secret_sha256=token_digest(KEY),
                    casing="snake",
                    scopes=["sessions:read", "sessions:write", "webhooks:read", "webhooks:write"],
                )
            )
        service = Service(client, context, analyser, KEY)
        hook = {"url": "https://hooks.invalid/kyc"}
        client.post("/v1/webhook-endpoints", json=hook, headers=service.auth).raise_for_status()
        service.judged(service.captured(external_id="judged"))
        analyser.analyse_pause_s = 60
        service.captured(external_id="pending")


def main(archive: Path) -> None:
    """Write the dumps and the media."""
    with tempfile.TemporaryDirectory() as folder:
        _make(Path(folder))
        with tarfile.open(archive, "w:gz") as packed:
            packed.add(folder, arcname=".")


def _make(out: Path) -> None:
    for kind in ("sqlite", "postgresql"):
        (out / kind).mkdir(parents=True)
    _fill(sqlite := old_settings(out / "sqlite", ""))
    file = sqlite.data_dir / "bonafide.sqlite3"
    with closing(sqlite3.connect(file)) as database:
        dump = "\n".join(database.iterdump()) + "\n"
    (out / "sqlite" / "dump.sql").write_text(dump, encoding="utf-8")
    for left in sqlite.data_dir.glob("bonafide.sqlite3*"):
        left.unlink()
    with running_postgres() as server:
        _fill(settings := old_settings(out / "postgresql", server.new_database()))
        command = [str(newest_binaries() / "pg_dump"), "--no-owner", settings.database_url]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    (out / "postgresql" / "dump.sql").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Backup and restore into an empty place: what was judged is read, what was pending goes on."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from service.app import create_app
from service.captures.storage import new_scratch
from service.cli.app import app as command_line
from service.jobs.durable import DurableRunner
from service.keys import create_key
from service.settings import Settings
from service.voice.listening import folder_of
from tests.service.postgres import PostgresServer, newest_binaries
from tests.service.running_service import Service
from tests.service.service_builders import JPEG, BuilderAnalyser, settings_in

_PLAIN = b"a recording in plain"


@contextmanager
def _running(settings: Settings, analyser: BuilderAnalyser, key: str = "") -> Iterator[Service]:
    app = create_app(settings, analyser, jobs=DurableRunner(settings, "embedded"))
    with TestClient(app, base_url="https://kyc.example.com") as client:
        context = app.state.context
        yield Service(client, context, analyser, key or create_key(context.database, name="t").text)


def _settings(folder: Path, database_url: str) -> Settings:
    return settings_in(folder, database_url=database_url, queue_poll_s=0.02, drain_timeout_s=0.2)


def _check_restored(restored: Settings, key: str, judged: str, pending: str) -> None:
    with _running(restored, BuilderAnalyser(), key) as service:
        session = service.retrieve(judged)
        assert session["user"]["email"] == "ada@example.com"
        assert session["session_record"]["analysis_data"]
        link = next(url for name, url in session["resource_links"].items() if "frame" in name)
        parts = urlsplit(link)
        media = service.client.get(f"{parts.path}?{parts.query}")
        assert (media.status_code, media.content[:4]) == (200, JPEG[:4])
        verdict = service.judged(pending)["analysis_data"]["deepfake_detection_data"]
        assert verdict["verdict"] == "LIVE"


def _command(*arguments: object, exit_code: int = 0) -> str:
    result = CliRunner().invoke(command_line, [str(one) for one in arguments])
    assert result.exit_code == exit_code, result.output
    return result.output


def test_sqlite_is_copied_while_it_runs(tmp_path: Path) -> None:
    settings = _settings(tmp_path / "old", "")
    copy, keys = tmp_path / "copy", tmp_path / "keys"
    analyser = BuilderAnalyser()
    with _running(settings, analyser) as service:
        judged = service.captured()
        service.judged(judged)
        analyser.analyse_pause_s = 60
        pending = service.captured()
        plain = [folder_of(settings, "heard"), new_scratch(settings, "shown")]
        for folder in plain:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "voice_data.wav").write_bytes(_PLAIN)
        _command("backup", copy, "--keys", keys, "--data-dir", settings.data_dir)
    assert not list(copy.glob("*.key"))
    assert {one.name for one in copy.iterdir()} == {"bonafide.sqlite3", "media"}
    assert not any(_PLAIN in one.read_bytes() for one in copy.rglob("*") if one.is_file())
    assert copy.stat().st_mode & 0o077 == 0
    shutil.rmtree(settings.data_dir)

    restored = _settings(tmp_path / "new", "")
    shutil.copytree(copy, restored.data_dir)
    shutil.copytree(keys, restored.data_dir, dirs_exist_ok=True)
    _check_restored(restored, service.key, judged, pending)


def test_postgresql_is_dumped_while_it_runs(tmp_path: Path, postgres: PostgresServer) -> None:
    settings = _settings(tmp_path / "old", postgres.new_database())
    analyser = BuilderAnalyser()
    dump, tools = tmp_path / "bonafide.dump", newest_binaries()
    with _running(settings, analyser) as service:
        judged = service.captured()
        service.judged(judged)
        analyser.analyse_pause_s = 60
        pending = service.captured()
        tool = str(tools / "pg_dump")
        command = [tool, "--format=custom", f"--file={dump}", settings.database_url]
        subprocess.run(command, check=True)
        shutil.copytree(settings.data_dir, tmp_path / "new" / "data")
    shutil.rmtree(settings.data_dir)

    restored = _settings(tmp_path / "new", postgres.new_database())
    command = [str(tools / "pg_restore"), "--no-owner", "--exit-on-error"]
    subprocess.run([*command, f"--dbname={restored.database_url}", str(dump)], check=True)
    _check_restored(restored, service.key, judged, pending)


def test_refusals_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = _command("backup", tmp_path / "to", "--data-dir", tmp_path, exit_code=1)
    assert "there is no database" in nothing
    settings = settings_in(tmp_path)
    with _running(settings, BuilderAnalyser()):
        pass
    inside = settings.data_dir / "copy"
    assert "another disk" in _command(
        "backup", inside, "--data-dir", settings.data_dir, exit_code=1
    )
    assert "not empty" in _command("backup", tmp_path, "--data-dir", settings.data_dir, exit_code=1)
    (settings.data_dir / "captures").mkdir()
    told = _command("backup", tmp_path / "no", "--data-dir", settings.data_dir, exit_code=1)
    assert "bonafide migrate" in told
    (settings.data_dir / "captures").rmdir()
    told = _command("backup", tmp_path / "to", "--data-dir", settings.data_dir)
    assert "not copied: master.key" in told
    monkeypatch.setenv("BONAFIDE_DATABASE_URL", "postgresql://nowhere/none")
    assert "pg_dump" in _command("backup", tmp_path / "other", exit_code=1)

"""Rotation of the master key under a running service: objects stay, data keys are wrapped anew."""

from __future__ import annotations

import base64
import subprocess
import sys

import pytest
from pydantic import SecretStr
from sqlmodel import select
from typer.testing import CliRunner

from service.cli.app import app
from service.media.key_file import new_key
from service.media.keys import MasterKeyError, key_file_of, load_key_ring
from service.media.rotation import drop_previous, rewrap, rotate
from service.media.tables import MediaKeyRow
from tests.service.running_service import Service
from tests.service.service_builders import wav_bytes


def _sound(service: Service, session_id: str) -> bytes:
    content: bytes = service.client.get(
        service.retrieve(session_id)["resource_links"]["audio"]
    ).content
    return content


def _wrapped_with(service: Service) -> list[str]:
    with service.context.database.read() as db:
        return [row.master_key_id for row in db.exec(select(MediaKeyRow)).all()]


def test_rotation_under_a_running_service(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = service.context.settings
    monkeypatch.setenv("BONAFIDE_DATA_DIR", str(settings.data_dir))
    first = service.captured()
    before = {file: file.read_bytes() for file in (settings.data_dir / "media").rglob("*.*")}
    old = load_key_ring(settings).current.id
    assert _wrapped_with(service) == [old]
    done = CliRunner().invoke(app, ["keys", "rotate-master"])
    assert done.exit_code == 0, done.output
    new = load_key_ring(settings).current.id
    assert new != old
    assert _wrapped_with(service) == [new]
    assert _sound(service, first) == wav_bytes()
    second = service.captured()
    assert _wrapped_with(service) == [new, new]
    dropped = CliRunner().invoke(app, ["keys", "rotate-master", "--drop-previous"])
    assert dropped.exit_code == 0, dropped.output
    assert len(load_key_ring(settings).keys) == 1
    assert _sound(service, first) == _sound(service, second) == wav_bytes()
    assert {file: file.read_bytes() for file in before} == before


def test_keys_that_are_needed_are_not_dropped(service: Service) -> None:
    service.captured()
    settings = service.context.settings
    path = key_file_of(settings)
    path.write_bytes(base64.b64encode(new_key()) + b"\n" + path.read_bytes())
    with pytest.raises(MasterKeyError, match="1 data keys"):
        drop_previous(settings, service.context.database)
    assert rewrap(settings, service.context.database) == 1
    assert drop_previous(settings, service.context.database) == 1


_ROTATE = """
import sys, time
from pathlib import Path
from service.database import Database
from service.media import rotation
from service.media.keys import load_key_ring
from service.settings import Settings

def slowly(settings):
    ring = load_key_ring(settings)
    print("read", flush=True)
    sys.stdin.readline()
    return ring

rotation.load_key_ring = slowly
settings = Settings()
rotation.rotate(settings, Database(settings, 1))
"""


def test_two_rotations_at_once_lose_no_key(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, database = service.context.settings, service.context.database
    monkeypatch.setenv("BONAFIDE_DATA_DIR", str(settings.data_dir))
    session_id = service.captured()
    command = [sys.executable, "-c", _ROTATE]
    with subprocess.Popen(
        command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "read\n"
        for second in (rotate, drop_previous, rewrap):
            with pytest.raises(MasterKeyError, match="another command"):
                second(settings, database)
        other.communicate("\n\n\n", timeout=60)
    assert other.returncode == 0
    assert len(load_key_ring(settings).keys) == 2
    assert rotate(settings, database) == 1
    assert _sound(service, session_id) == wav_bytes()


def test_rotation_in_the_environment(service: Service) -> None:
    session_id = service.captured()
    settings, database = service.context.settings, service.context.database
    text = key_file_of(settings).read_text()
    fresh = SecretStr(base64.b64encode(new_key()).decode())
    with pytest.raises(MasterKeyError, match="BONAFIDE_MASTER_KEY_PREVIOUS"):
        rewrap(settings.model_copy(update={"master_key": fresh}), database)
    both = {"master_key": fresh, "master_key_previous": SecretStr(text)}
    moved = settings.model_copy(update=both)
    assert rewrap(moved, database) == 1
    ring = load_key_ring(settings.model_copy(update={"master_key": fresh}))
    with database.read() as db:
        row = db.get_one(MediaKeyRow, session_id)
    assert len(ring.unwrap(row.wrapped, session_id)) == 32

"""Captures of an earlier release are sealed at the start, wherever that is cut short."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from service.database import Database
from service.media.adopt import seal_plain_captures
from service.media.vault import MediaVault
from service.settings import Settings
from service.tables import (
    DEFAULT_ORGANIZATION_ID,
    DEFAULT_SENDER_ID,
    DEFAULT_WORKFLOW_ID,
    Attempt,
    CaptureRow,
    SessionRow,
)
from tests.service.service_builders import settings_in

_PREFIX = "captures/sess/1/cap"
_FILES = {"a.jpg": b"first", "b.jpg": b"second", "capture.json": b"{}"}


class _PowerCut(BaseException):
    pass


@pytest.fixture
def earlier(tmp_path: Path) -> tuple[Settings, Database]:
    """A deployment with one capture in plain."""
    settings = settings_in(tmp_path)
    database = Database(settings)
    database.create()
    with database.write() as db:
        db.add(
            SessionRow(
                id="sess",
                organization_id=DEFAULT_ORGANIZATION_ID,
                user_id=DEFAULT_SENDER_ID,
                sender_user_id=DEFAULT_SENDER_ID,
                workflow_id=DEFAULT_WORKFLOW_ID,
            )
        )
        db.flush()
        db.add(Attempt(id="att", session_id="sess", number=1, token_sha256="x", phrase="p"))
        db.flush()
        db.add(
            CaptureRow(
                id="cap",
                attempt_id="att",
                session_id="sess",
                folder=_PREFIX,
                files=["a.jpg", "b.jpg"],
                n_bytes=11,
            )
        )
    folder = settings.data_dir / _PREFIX
    folder.mkdir(parents=True)
    for name, content in _FILES.items():
        (folder / name).write_bytes(content)
    return settings, database


def _check_sealed(settings: Settings, database: Database) -> None:
    vault = MediaVault(settings)
    for name, content in _FILES.items():
        opened = vault.open(database, "sess", f"{_PREFIX}/{name}")
        assert b"".join(opened.read(0, opened.size)) == content
    assert not (settings.data_dir / "captures").exists()


def _removed_half(path: Path) -> None:
    for file in sorted(path.rglob("*"))[:1]:
        file.unlink()
    raise _PowerCut


def _cut(*_: object) -> None:
    raise _PowerCut


@pytest.mark.parametrize(
    ("owner", "name", "cut"),
    [
        (shutil, "rmtree", _removed_half),
        (Path, "rename", _cut),
        (MediaVault, "keep", _cut),
        (MediaVault, "settle", _cut),
    ],
)
def test_cut_short_anywhere_nothing_is_lost(
    earlier: tuple[Settings, Database], owner: object, name: str, cut: Callable[..., None]
) -> None:
    settings, database = earlier
    vault = MediaVault(settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, cut)
        with pytest.raises(_PowerCut):
            seal_plain_captures(settings, database, vault)
    seal_plain_captures(settings, database, vault)
    vault.sweep(database)
    _check_sealed(settings, database)


def test_two_at_once(earlier: tuple[Settings, Database], monkeypatch: pytest.MonkeyPatch) -> None:
    settings, database = earlier
    monkeypatch.setenv("BONAFIDE_DATA_DIR", str(settings.data_dir))
    code = "; ".join(
        [
            "from service.media.adopt import seal_plain_captures as seal",
            "from service.database import Database",
            "from service.media.vault import MediaVault",
            "from service.settings import Settings",
            "s = Settings()",
            "d, v = Database(s, 1), MediaVault(s)",
            "print('ready', flush=True)",
            "input()",
            "seal(s, d, v)",
        ]
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(2)
    ]
    for one in both:
        assert one.stdout is not None
        assert one.stdout.readline() == b"ready\n"
    for one in both:
        assert one.stdin is not None
        one.stdin.write(b"\n")
        one.stdin.flush()
    for one in both:
        one.communicate(timeout=60)
    assert [one.returncode for one in both] == [0, 0]
    _check_sealed(settings, database)

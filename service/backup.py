"""Copy a running SQLite deployment: the database first, then the sealed media that it speaks of.

In that order a restored row finds its media, unless it was erased meanwhile, and then it is right
that it doesn't; media that came later belongs to no row and is swept at the next start.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url

from service.database import is_sqlite
from service.media.adopt import holds_plain_captures
from service.media.store import local_folder
from service.settings import Settings

_BUSY_S = 30.0
_KEYS = "*.key"


class BackupError(RuntimeError):
    """The backup can't be made, or what was made can't be trusted."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What was copied.

    Parameters
    ----------
    keys
        Names of the key files that lie in the data folder, copied or not.
    """

    files: int
    n_bytes: int
    keys: tuple[str, ...]


def back_up(settings: Settings, to: Path, keys_to: Path | None) -> Backup:
    """Copy database and media into `to`, the keys into `keys_to`; the service may be running.

    Raises
    ------
    BackupError
        When there is no SQLite database, a folder is not empty, the copy is damaged, or captures
        are not sealed yet.
    """
    if not is_sqlite(settings):
        msg = "only SQLite is copied here; for PostgreSQL see docs/operation.md (pg_dump)"
        raise BackupError(msg)
    database = Path(make_url(settings.effective_database_url).database or "")
    if not database.is_file():
        msg = f"there is no database {database}; give the folder with --data-dir"
        raise BackupError(msg)
    if holds_plain_captures(settings):
        msg = (
            "captures of an earlier release lie there in plain: run `bonafide migrate` first, or "
            "copy the whole folder with the service stopped"
        )
        raise BackupError(msg)
    for folder in (to, keys_to):
        if folder is not None:
            _make_empty(folder, settings.data_dir)
    copy = to / database.name
    _copy_database(database, copy)
    media = _copy_files(settings, to)
    keys = sorted(settings.data_dir.glob(_KEYS))
    if keys_to is not None:
        for key in keys:
            shutil.copy2(key, keys_to / key.name)
    files = [copy, *media]
    return Backup(
        len(files), sum(file.stat().st_size for file in files), tuple(key.name for key in keys)
    )


def _make_empty(folder: Path, data_dir: Path) -> None:
    if folder.absolute().is_relative_to(data_dir.absolute()):
        msg = f"{folder} lies in the data folder; a backup belongs on another disk"
        raise BackupError(msg)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        msg = f"{folder} is not empty; name a new folder for each backup"
        raise BackupError(msg)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _copy_database(database: Path, copy: Path) -> None:
    """Copy what is committed now, without pages of what was erased, and check the copy."""
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=rw", uri=True)) as live:
        live.execute(f"PRAGMA busy_timeout = {round(1000 * _BUSY_S)}")
        live.execute("VACUUM INTO ?", (str(copy),))
    copy.chmod(0o600)
    with closing(sqlite3.connect(copy)) as made:
        (verdict,) = made.execute("PRAGMA integrity_check").fetchone()
    if verdict != "ok":
        msg = "the copy of the database is damaged; check the disk and the database"
        raise BackupError(msg)


def _copy_files(settings: Settings, to: Path) -> list[Path]:
    """Copy the sealed media; all else that lies in the data folder is in plain or made anew."""
    source = local_folder(settings)
    copied: list[Path] = []
    if source is None or not source.is_dir():
        return []

    def copy(file: str, target: str) -> str:
        try:
            shutil.copy2(file, target)
        except FileNotFoundError:
            return target  # erased while we were at it
        copied.append(Path(target))
        return target

    shutil.copytree(source, to / source.name, copy_function=copy)
    return copied

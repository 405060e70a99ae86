"""Where captures lie: staged while they are checked, then moved into place in one step.

data_dir/staging/<capture>/                       being received; swept at start-up
data_dir/captures/<session>/<attempt>/<capture>/  kept; capture.json and the files it names
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Set
from pathlib import Path

from service.settings import Settings

_STAGING = "staging"
_CAPTURES = "captures"


def new_staging_folder(settings: Settings, capture_id: str) -> Path:
    """Return a fresh folder on the same file system as the final place."""
    folder = settings.data_dir / _STAGING / capture_id
    folder.mkdir(parents=True, mode=0o700)
    return folder


def place_of(session_id: str, attempt: int, capture_id: str) -> str:
    """Return the final place, relative to the data folder."""
    return f"{_CAPTURES}/{session_id}/{attempt}/{capture_id}"


def keep(settings: Settings, staged: Path, place: str) -> Path:
    """Move a staged capture into place so that it survives a power cut; return where it is."""
    for file in staged.iterdir():
        _sync(file)
    _sync(staged)
    target = settings.data_dir / place
    target.parent.mkdir(parents=True, exist_ok=True)
    staged.rename(target)
    for parent in target.parents:
        _sync(parent)
        if parent == settings.data_dir:
            break
    return target


def discard(folder: Path) -> None:
    """Remove a capture that is not wanted (any more)."""
    shutil.rmtree(folder, ignore_errors=True)


def sweep_staging(settings: Settings, older_than_s: float = 0.0) -> None:
    """Remove what uploads left behind that were never finished.

    Parameters
    ----------
    older_than_s
        Leave younger ones alone: other processes may be at work.
    """
    for folder in (settings.data_dir / _STAGING).glob("*"):
        if _age_s(folder) >= older_than_s:
            discard(folder)


def sweep_orphans(settings: Settings, known: Set[str], older_than_s: float = 0.0) -> int:
    """Remove captures in place that no row speaks of; return how many.

    Parameters
    ----------
    known
        Ids of the captures that have a row.
    older_than_s
        Leave younger ones alone: their row may be about to come.
    """
    orphans = [
        folder
        for folder in (settings.data_dir / _CAPTURES).glob("*/*/*")
        if folder.name not in known and _age_s(folder) >= older_than_s
    ]
    for folder in orphans:
        discard(folder)
    return len(orphans)


def _age_s(folder: Path) -> float:
    try:
        return max(0.0, time.time() - folder.stat().st_mtime)
    except FileNotFoundError:
        return 0.0  # moved into place meanwhile


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Where captures lie: in plain in a scratch folder while they are looked at, sealed in the store.

scratch/<session>_<random>/                being received or analysed; swept at start-up
captures/<session>/<attempt>/<capture>/    in the media store; capture.json and what it names
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from service.settings import Settings
from service.tables import new_id

_SCRATCH = "staging"
_CAPTURES = "captures"


def new_scratch(settings: Settings, session_id: str) -> Path:
    """Return a fresh folder for the media of a session, for this process only."""
    folder = scratch_of(settings) / f"{session_id}_{new_id()}"
    folder.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    folder.mkdir(mode=0o700)
    return folder


def place_of(session_id: str, attempt: int, capture_id: str) -> str:
    """Return where a capture lies in the store."""
    return f"{place_of_session(session_id)}/{attempt}/{capture_id}"


def place_of_session(session_id: str) -> str:
    """Return where all captures of a session lie in the store."""
    return f"{_CAPTURES}/{session_id}"


def discard(folder: Path) -> None:
    """Remove a scratch folder."""
    shutil.rmtree(folder, ignore_errors=True)


def discard_scratch(settings: Settings, session_id: str) -> None:
    """Remove every scratch folder of a session on this machine."""
    for folder in scratch_of(settings).glob(f"{session_id}_*"):
        discard(folder)


def sweep_scratch(settings: Settings, older_than_s: float = 0.0) -> None:
    """Remove what was left behind by processes that ended.

    Parameters
    ----------
    older_than_s
        Leave younger ones alone: other processes may be at work.
    """
    sweep_old(scratch_of(settings), older_than_s)


def sweep_old(parent: Path, older_than_s: float) -> None:
    """Remove folders that have not been written to for so long."""
    for folder in parent.glob("*"):
        if _age_s(folder) >= older_than_s:
            discard(folder)


def scratch_of(settings: Settings) -> Path:
    """Return the scratch folder, which need not be there."""
    return (settings.scratch_dir or settings.data_dir) / _SCRATCH


def _age_s(folder: Path) -> float:
    try:
        return max(0.0, time.time() - folder.stat().st_mtime)
    except FileNotFoundError:
        return 0.0

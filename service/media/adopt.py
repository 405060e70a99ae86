"""Captures that an earlier release kept in plain: sealed at the first start after it."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from sqlmodel import select

from service.data_lock import exclusive
from service.database import Database
from service.media.tables import PendingMediaRow
from service.media.vault import MediaVault
from service.settings import Settings
from service.tables import CaptureRow, new_id

_LOG = logging.getLogger(__name__)
_PLAIN = "captures"


def holds_plain_captures(settings: Settings) -> bool:
    """Whether an earlier release's captures are still to be sealed."""
    return (settings.data_dir / _PLAIN).is_dir()


def seal_plain_captures(settings: Settings, database: Database, vault: MediaVault) -> None:
    """Seal every capture that lies in plain in the data folder, then remove it from there.

    It may be cut short at any point: what is still in plain is done again at the next start. What
    no row speaks of was never acknowledged and goes, too. Of several processes one does it.
    """
    if not holds_plain_captures(settings):
        return
    with exclusive(settings.data_dir / f"{_PLAIN}.lock", wait=True):
        if not holds_plain_captures(settings):
            return
        count = _seal_all(settings, database, vault)
        shutil.rmtree(settings.data_dir / _PLAIN)
    _LOG.warning("sealed captures that lay in plain", extra={"count": count})


def _seal_all(settings: Settings, database: Database, vault: MediaVault) -> int:
    with database.read() as db:
        rows = db.exec(select(CaptureRow.session_id, CaptureRow.folder)).all()
    count = 0
    for session_id, prefix in rows:
        folder = settings.data_dir / prefix
        if not folder.is_dir():
            continue
        if not _is_sealed(database, vault, prefix):
            _seal(database, vault, session_id, prefix, folder)
        # A folder that is half removed must not be taken for the capture at the next start.
        gone = settings.data_dir / _PLAIN / f"sealed_{new_id()}"
        folder.rename(gone)
        shutil.rmtree(gone)
        count += 1
    return count


def _is_sealed(database: Database, vault: MediaVault, prefix: str) -> bool:
    """Whether all of a capture is in the store; what a start that was cut short left goes."""
    with database.read() as db:
        is_pending = db.get(PendingMediaRow, prefix) is not None
    if is_pending:
        vault.abandon(database, prefix)
        return False
    return bool(vault.store.names(prefix))


def _seal(
    database: Database, vault: MediaVault, session_id: str, prefix: str, folder: Path
) -> None:
    data_key = vault.begin(database, session_id, prefix)
    vault.keep(data_key, session_id, prefix, sorted(folder.iterdir()))
    with database.write() as db:
        vault.settle(db, session_id, prefix, data_key)

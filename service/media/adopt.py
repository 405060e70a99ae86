"""Captures that an earlier release kept in plain: sealed at the first start after it."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from sqlmodel import select

from service.database import Database
from service.media.vault import MediaVault
from service.settings import Settings
from service.tables import CaptureRow

_LOG = logging.getLogger(__name__)
_PLAIN = "captures"


def seal_plain_captures(settings: Settings, database: Database, vault: MediaVault) -> None:
    """Seal every capture that lies in plain in the data folder, then remove it from there.

    It may be cut short at any point: what is still in plain is done again at the next start. What
    no row speaks of was never acknowledged and goes, too.
    """
    plain = settings.data_dir / _PLAIN
    if not plain.is_dir():
        return
    with database.read() as db:
        rows = db.exec(select(CaptureRow.session_id, CaptureRow.folder)).all()
    count = 0
    for session_id, prefix in rows:
        folder = settings.data_dir / prefix
        if folder.is_dir():
            _seal(database, vault, session_id, prefix, folder)
            count += 1
    shutil.rmtree(plain)
    _LOG.warning("sealed captures that lay in plain", extra={"count": count})


def _seal(
    database: Database, vault: MediaVault, session_id: str, prefix: str, folder: Path
) -> None:
    vault.abandon(database, prefix)  # what a start that was cut short left
    data_key = vault.begin(database, session_id, prefix)
    vault.keep(data_key, session_id, prefix, sorted(folder.iterdir()))
    with database.write() as db:
        vault.settle(db, session_id, prefix)
    shutil.rmtree(folder)

"""The database of a deployment, for the commands that look into it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from service.cli.options import read_settings

if TYPE_CHECKING:
    from service.database import Database


@contextmanager
def opened_database(data_dir: Path | None) -> Iterator[Database]:
    """Open the database, making its tables where there are none yet."""
    from service.database import Database

    database = Database(read_settings(data_dir=data_dir))
    database.create()
    try:
        yield database
    finally:
        database.close()

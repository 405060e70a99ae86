"""The database of a deployment, for the commands that look into it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from service.cli.options import read_settings
from service.cli.output import BROKEN, failed

if TYPE_CHECKING:
    from service.database import Database


def require_database(database: Database, *, make: bool = True) -> None:
    """Bring the tables up to date, or leave with a clear line.

    Parameters
    ----------
    make
        False to only look whether somebody else did.
    """
    from sqlalchemy.exc import OperationalError

    from service.database import DatabaseNotReadyError, WrongEnvironmentError

    try:
        database.create() if make else database.check()
    except WrongEnvironmentError as error:
        raise failed("WRONG_ENVIRONMENT", error, BROKEN) from None
    except DatabaseNotReadyError as error:
        raise failed("NOT_PREPARED", error, BROKEN) from None
    except OperationalError as error:
        raise failed("DATABASE_NOT_REACHED", type(error).__name__, BROKEN) from None


@contextmanager
def opened_database(data_dir: Path | None) -> Iterator[Database]:
    """Open the database, making its tables where there are none yet."""
    from service.database import Database

    database = Database(read_settings(data_dir=data_dir))
    try:
        require_database(database)
        yield database
    finally:
        database.close()

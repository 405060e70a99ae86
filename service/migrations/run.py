"""Bring the tables up to date, or say where they stand."""

from __future__ import annotations

from enum import StrEnum
from importlib.resources import files
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

_FOLDER = Path(str(files("service.migrations")))


class Standing(StrEnum):
    """Where the tables stand, seen from this program."""

    EMPTY = "empty"
    BEHIND = "behind"
    CURRENT = "current"
    AHEAD = "ahead"


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Run the revisions that are missing, in the transaction of `connection`.

    Tables that were made before there were revisions are taken over by the first one, which
    makes only what is not there.
    """
    command.upgrade(configuration(connection), revision)


def downgrade(connection: Connection, revision: str) -> None:
    """Undo the revisions after `revision`."""
    command.downgrade(configuration(connection), revision)


def standing(connection: Connection) -> Standing:
    """Return where the tables stand."""
    applied = current_revision(connection)
    script = ScriptDirectory.from_config(configuration())
    if applied is None:
        has_tables = inspect(connection).has_table("sessions")
        return Standing.BEHIND if has_tables else Standing.EMPTY
    if applied == script.get_current_head():
        return Standing.CURRENT
    known = {one.revision for one in script.walk_revisions()}
    return Standing.BEHIND if applied in known else Standing.AHEAD


def current_revision(connection: Connection) -> str | None:
    """Return the last revision that was run; None before there were any."""
    return MigrationContext.configure(connection).get_current_revision()


def configuration(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration for the revisions in this package."""
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["connection"] = connection
    return config

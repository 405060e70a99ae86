"""Draft a revision: ``python -m service.migrations "what it does"``."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory

from service.database import Database
from service.migrations.run import configuration, upgrade
from service.settings import Settings


def draft(message: str) -> Path:
    """Write what the models have and the revisions lack into a new revision; return its file."""
    script = ScriptDirectory.from_config(configuration())
    number = f"{1 + len(list(script.walk_revisions())):04d}"
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Settings(data_dir=Path(folder), database_url=""))
        with database.migrating() as connection:
            upgrade(connection)
            made = command.revision(
                configuration(connection), message, autogenerate=True, rev_id=number
            )
        database.close()
    if made is None or isinstance(made, list):
        msg = "Alembic wrote no single revision"
        raise RuntimeError(msg)
    return Path(made.path)


if __name__ == "__main__":
    if len(sys.argv) != 2 or not re.search(r"\w", sys.argv[1]):
        sys.exit('usage: python -m service.migrations "what it does"')
    print(draft(sys.argv[1]))  # noqa: T201

"""What Alembic runs: the revisions, on the connection that it is given (service/migrations/run.py).

Called by Alembic's own command there is none, and it opens the database of the settings.
"""

from __future__ import annotations

from typing import Literal

from alembic import context
from sqlalchemy import Connection
from sqlmodel.sql.sqltypes import AutoString

from service.database import Database
from service.migrations.models import METADATA
from service.settings import Settings


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        render_as_batch=True,  # SQLite can't alter most things: the table is copied
        transactional_ddl=True,  # on SQLite, too: its transactions are begun by us
        include_name=_is_ours,
        render_item=_plain_text,
    )
    with context.begin_transaction():
        context.run_migrations()


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """Leave the engine's tables alone: on SQLite they lie beside ours."""
    return kind != "table" or name in METADATA.tables


def _plain_text(kind: str, value: object, _context: object) -> str | Literal[False]:
    """Draft text columns as what they are in the database; False leaves the rest to Alembic."""
    return "sa.String()" if kind == "type" and isinstance(value, AutoString) else False


_given: Connection | None = context.config.attributes.get("connection")
if _given is not None:
    _run(_given)
else:
    _database = Database(Settings())
    with _database.migrating() as _connection:
        _run(_connection)
    _database.close()

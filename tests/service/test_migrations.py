"""Revisions of the tables, on SQLite and PostgreSQL: from nothing, from before, and by several."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlmodel import select

from service.database import Database, DatabaseNotReadyError
from service.migrations.models import METADATA
from service.migrations.run import configuration, current_revision, downgrade, upgrade
from service.settings import Settings
from service.tables import (
    DEFAULT_ORGANIZATION_ID,
    DEFAULT_SENDER_ID,
    DEFAULT_WORKFLOW_ID,
    Attempt,
    SessionRow,
)
from service.webhooks.tables import EndpointRow, SecretRow
from tests.service.service_builders import settings_in


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return settings_in(tmp_path, database_url=database_url)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    made = Database(settings)
    yield made
    made.close()


def _head() -> str | None:
    return ScriptDirectory.from_config(configuration()).get_current_head()


def _revision(database: Database) -> str | None:
    with database.engine.connect() as connection:
        return current_revision(connection)


def _differences(database: Database) -> list[object]:
    def is_ours(name: str | None, kind: str, _parents: object) -> bool:
        return kind != "table" or name in METADATA.tables

    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": is_ours})
        found: list[object] = compare_metadata(context, METADATA)
        return found


def _add_session(database: Database) -> str:
    with database.write() as db:
        row = SessionRow(
            organization_id=DEFAULT_ORGANIZATION_ID,
            user_id=DEFAULT_SENDER_ID,
            sender_user_id=DEFAULT_SENDER_ID,
            workflow_id=DEFAULT_WORKFLOW_ID,
        )
        db.add(row)
        db.flush()
        attempt = Attempt(session_id=row.id, number=1, token_sha256=row.id, phrase="one")
        db.add(attempt)
        return row.id


def _forget_revisions(database: Database) -> None:
    with database.write() as db:
        db.connection().execute(sa.text("DROP TABLE alembic_version"))


def test_the_revisions_make_what_the_models_say(database: Database) -> None:
    database.create()
    assert _differences(database) == []
    assert _revision(database) == _head()


def test_the_comparison_sees_a_missing_column(database: Database) -> None:
    database.create()
    with database.write() as db:
        db.connection().execute(sa.text("ALTER TABLE sessions DROP COLUMN failure_reason"))
    assert len(_differences(database)) == 1


def test_every_revision_can_be_undone_and_done_again(database: Database) -> None:
    database.create()
    with database.migrating() as connection:
        downgrade(connection, "base")
    with database.engine.connect() as connection:
        left = set(sa.inspect(connection).get_table_names())
    assert left == {"alembic_version"}
    database.create()
    assert _differences(database) == []


def test_tables_from_before_the_revisions_are_taken_over(database: Database) -> None:
    with database.migrating() as connection:
        upgrade(connection, "0001")
    with database.write() as db:
        db.connection().execute(sa.text("ALTER TABLE attempts DROP COLUMN dispatch"))
        db.connection().execute(
            sa.text("INSERT INTO organizations (id, name, created_at) VALUES ('o', 'kept', 1)")
        )
    _forget_revisions(database)
    with pytest.raises(DatabaseNotReadyError, match="earlier version; run: bonafide migrate"):
        database.check()
    database.create()
    database.check()
    assert _differences(database) == []
    with database.read() as db:
        kept = db.connection().execute(sa.text("SELECT name FROM organizations WHERE id = 'o'"))
        assert kept.scalar_one() == "kept"


def test_tables_of_a_later_version_are_left_alone(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    database.create()
    with database.write() as db:
        db.connection().execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with caplog.at_level(logging.WARNING):
        database.check()
        database.create()
    assert "later version" in caplog.text
    assert _revision(database) == "9999"


def test_a_copied_table_keeps_the_rows_that_belong_to_it(database: Database) -> None:
    database.create()
    session_id = _add_session(database)
    with database.migrating() as connection:
        operations = Operations(MigrationContext.configure(connection))
        with operations.batch_alter_table("sessions", recreate="auto") as batch:
            batch.alter_column("failure_reason", type_=sa.Text())
    with database.read() as db:
        assert db.exec(select(Attempt.session_id)).all() == [session_id]
    with pytest.raises(sa.exc.IntegrityError), database.write() as db:  # keys are checked again
        db.connection().execute(sa.text("DELETE FROM sessions"))


def test_a_change_that_leaves_orphans_is_undone(tmp_path: Path) -> None:
    database = Database(settings_in(tmp_path))
    database.create()
    with database.write() as db:
        endpoint = EndpointRow(organization_id=DEFAULT_ORGANIZATION_ID, url="https://example.com")
        db.add(endpoint)
        db.flush()
        db.add(SecretRow(endpoint_id=endpoint.id, sealed=b""))
    with (
        pytest.raises(RuntimeError, match="webhook_secrets"),
        database.migrating() as connection,
    ):
        connection.execute(sa.text("DELETE FROM webhook_endpoints"))
    with database.read() as db:
        assert len(db.exec(select(EndpointRow)).all()) == 1
    database.close()


def test_several_processes_migrate_once(settings: Settings, database: Database) -> None:
    environment = os.environ | {
        "BONAFIDE_DATA_DIR": str(settings.data_dir),
        "BONAFIDE_DATABASE_URL": settings.database_url,
    }
    command = [sys.executable, "-m", "service.cli", "migrate"]
    processes = [
        subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    ended = [(process.communicate(timeout=60)[1], process.returncode) for process in processes]
    assert [code for _, code in ended] == [0, 0, 0], ended
    assert _differences(database) == []
    with database.engine.connect() as connection:
        count = connection.execute(sa.text("SELECT count(*) FROM alembic_version"))
        assert count.scalar_one() == 1

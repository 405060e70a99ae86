"""The database: one engine, read and write transactions, and SQLite set up to be shared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event, text
from sqlmodel import Session, SQLModel, create_engine

from service.settings import Settings
from service.tables import (
    DEFAULT_ORGANIZATION_ID,
    DEFAULT_SENDER_ID,
    DEFAULT_WORKFLOW_ID,
    Organization,
    User,
    Workflow,
)

_BUSY_TIMEOUT_MS = 10_000
_WRITES = "bonafide_writes"
CAPTURE_STEP = "deepfake_detection"


class Database:
    """Opens transactions. Close it when done."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        url = settings.effective_database_url
        self._is_sqlite = url.startswith("sqlite")
        if self._is_sqlite:
            settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        arguments: dict[str, Any] = {"check_same_thread": False} if self._is_sqlite else {}
        self.engine = create_engine(url, connect_args=arguments, pool_size=8, max_overflow=8)
        if self._is_sqlite:
            _prepare_sqlite(self.engine)
        self._writing_engine = self.engine.execution_options(**{_WRITES: True})

    def create(self) -> None:
        """Make the tables and the default rows where they are missing."""
        SQLModel.metadata.create_all(self.engine)
        with self.write() as db:
            _add_defaults(db, self._settings)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a transaction that only reads; rows stay usable after it."""
        with Session(self.engine, expire_on_commit=False) as db:
            yield db

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a transaction that commits at the end, or rolls back on an exception.

        On SQLite it takes the write lock at once (BEGIN IMMEDIATE): a transaction that reads
        first and writes later can't be upgraded and would fail under load.
        """
        with Session(self._writing_engine, expire_on_commit=False) as db, db.begin():
            yield db

    def flush_log(self) -> bool:
        """Move SQLite's write-ahead log into the database and empty it: it keeps old pages.

        False when others were reading for too long, and it is still there.
        """
        if not self._is_sqlite:
            return True
        with self.engine.connect() as connection:
            raw: Any = connection.connection.driver_connection
            busy, _, _ = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    def ping(self) -> None:
        """Raise when the database does not answer."""
        with self.engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: object) -> None:
        # Transactions are begun by the listener below, not by the driver.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout = {_BUSY_TIMEOUT_MS}",
            "journal_mode = WAL",
            "synchronous = FULL",  # what was acknowledged survives a power cut
            "foreign_keys = ON",
            "secure_delete = ON",  # what was erased is overwritten, not only unlinked
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _add_defaults(db: Session, settings: Settings) -> None:
    if db.get(Organization, DEFAULT_ORGANIZATION_ID) is None:
        db.add(Organization(id=DEFAULT_ORGANIZATION_ID, name="Default"))
        db.flush()
    if db.get(User, DEFAULT_SENDER_ID) is None:
        db.add(
            User(
                id=DEFAULT_SENDER_ID,
                organization_id=DEFAULT_ORGANIZATION_ID,
                first_name="Bonafide",
                last_name="API",
            )
        )
    if db.get(Workflow, DEFAULT_WORKFLOW_ID) is None:
        db.add(
            Workflow(
                id=DEFAULT_WORKFLOW_ID,
                organization_id=DEFAULT_ORGANIZATION_ID,
                name="Default",
                attempt_limit=settings.attempt_limit,
                auto_verify=settings.auto_verify,
                phrase_mode=settings.phrase_mode,
                custom_phrase=settings.custom_phrase,
                language=settings.challenge_language,
                steps=[CAPTURE_STEP],
            )
        )

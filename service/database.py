"""The database: transactions that read or write, on SQLite or PostgreSQL, one pool per role.

API, jobs and the durable engine each open a `Database` or an engine of their own: sharing one pool
on SQLite ends in "database is locked" under load.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event, make_url, text
from sqlmodel import Session, create_engine

from service.migrations.run import Standing, standing, upgrade
from service.outbox import OUTBOX, NoOutbox, Outbox
from service.settings import Settings
from service.tables import (
    DEFAULT_ORGANIZATION_ID,
    DEFAULT_SENDER_ID,
    DEFAULT_WORKFLOW_ID,
    DeploymentRow,
    Organization,
    User,
    Workflow,
)

_LOG = logging.getLogger(__name__)
_BUSY_TIMEOUT_MS = 10_000
# Others wait for the one that migrates; a large table takes its time to copy.
_MIGRATION_TIMEOUT_MS = 600_000
_CONNECT_TIMEOUT_S = 5
_LOCK_TIMEOUT_MS = 10_000
_IDLE_IN_TRANSACTION_MS = 60_000
_WRITES = "bonafide_writes"
_TABLES = "tables"
_POOL_SIZE = 8
# Under this name an open transaction says what its deployment is for.
ENVIRONMENT = "bonafide_environment"
CAPTURE_STEP = "deepfake_detection"


class DatabaseNotReadyError(RuntimeError):
    """The tables are not there; `bonafide migrate` makes them."""


class WrongEnvironmentError(DatabaseNotReadyError):
    """The database belongs to the other environment: it can't be used here, ever."""


class Database:
    """Opens transactions. Close it when done.

    Parameters
    ----------
    pool_size
        Connections that are kept open; as many again may be opened under load.
    """

    def __init__(self, settings: Settings, pool_size: int = _POOL_SIZE) -> None:
        self._settings = settings
        self.engine = new_engine(settings, pool_size)
        self.outbox: Outbox = NoOutbox()
        self._is_sqlite = is_sqlite(settings)
        self._reading_engine = self.engine
        if self._is_sqlite:
            _begin_as_marked(self.engine)
        else:
            # Each statement would see another moment: a status without its verdict.
            self._reading_engine = self.engine.execution_options(isolation_level="REPEATABLE READ")
        self._writing_engine = self.engine.execution_options(**{_WRITES: True})

    @property
    def environment(self) -> str:
        """What this deployment is for."""
        return self._settings.environment

    def create(self) -> None:
        """Bring the tables up to date and make the default rows; several may try at once.

        Raises
        ------
        WrongEnvironmentError
            When they were made in the other environment.
        """
        if self._standing() in (Standing.EMPTY, Standing.BEHIND):
            with self.migrating() as connection:
                upgrade(connection)  # nothing is left to do where another process came first
        with self.write() as db:
            hold_name(db, _TABLES)
            _bind_environment(db, self.environment)
            _add_defaults(db, self._settings)

    def check(self) -> None:
        """Raise where the tables are not up to date.

        Tables of a later version are taken: revisions leave the release before running, so that
        a deploy can be rolled back.

        Raises
        ------
        DatabaseNotReadyError
            When `create` was never called, or not since the last update; or when the tables
            were made in the other environment.
        """
        found = self._standing()
        with self.read() as db:
            row = None if found in (Standing.EMPTY, Standing.BEHIND) else db.get(DeploymentRow, 1)
        if row is None:
            state = "has no tables yet" if found is Standing.EMPTY else "is of an earlier version"
            msg = f"the database {state}; run: bonafide migrate"
            raise DatabaseNotReadyError(msg)
        _check_environment(row, self.environment)

    def _standing(self) -> Standing:
        with self.engine.connect() as connection:
            found = standing(connection)
        if found is Standing.AHEAD:
            _LOG.warning("the tables are of a later version than this program")
        return found

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """Open a transaction that may change tables; one process at a time."""
        with self._writing_engine.connect() as connection:
            if self._is_sqlite:
                with _altering_sqlite(connection), connection.begin():
                    yield connection
                    _check_foreign_keys(connection)
                return
            with connection.begin():
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_MIGRATION_TIMEOUT_MS}")
                _hold_name(connection, _TABLES)
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_LOCK_TIMEOUT_MS}")
                yield connection

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a transaction that only reads, all of it as of one moment; rows outlive it."""
        with Session(self._reading_engine, expire_on_commit=False, info=self._info()) as db:
            yield db

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a transaction that commits at the end, or rolls back on an exception.

        On SQLite it takes the write lock at once (BEGIN IMMEDIATE): a transaction that reads
        first and writes later can't be upgraded and would fail under load. On PostgreSQL lock
        the row that decides before reading what depends on it.
        """
        engine = self._writing_engine
        with Session(engine, expire_on_commit=False, info=self._info()) as db, db.begin():
            yield db

    def _info(self) -> dict[str, object]:
        return {OUTBOX: self.outbox, ENVIRONMENT: self.environment}

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


def is_sqlite(settings: Settings) -> bool:
    """Whether this deployment keeps its data in SQLite."""
    return settings.effective_database_url.startswith("sqlite")


def new_engine(settings: Settings, pool_size: int) -> Engine:
    """Return an engine with a pool of its own; transactions begin as the driver begins them."""
    url = make_url(settings.effective_database_url)
    if is_sqlite(settings):
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        engine = create_engine(
            url,
            connect_args={"check_same_thread": False},
            pool_size=pool_size,
            max_overflow=pool_size,
            hide_parameters=True,
        )
        _prepare_sqlite(engine)
        return engine
    options = (
        f"-c lock_timeout={_LOCK_TIMEOUT_MS} "
        f"-c idle_in_transaction_session_timeout={_IDLE_IN_TRANSACTION_MS}"
    )
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={"connect_timeout": _CONNECT_TIMEOUT_S, "options": options},
        pool_size=pool_size,
        max_overflow=pool_size,
        hide_parameters=True,  # errors are logged
        pool_pre_ping=True,  # after an outage the pool holds dead connections
    )


def is_writing(db: Session) -> bool:
    """Whether `db` is a transaction of `Database.write`, which commits."""
    return bool(db.connection().get_execution_options().get(_WRITES, False))


def hold_name(db: Session, name: str) -> None:
    """Let no other transaction that asks for `name` go on until this one has ended.

    For what no single row stands for: SQLite has one writer at a time in any case, PostgreSQL
    has advisory locks.
    """
    if db.get_bind().dialect.name == "postgresql":
        _hold_name(db.connection(), name)


def _hold_name(connection: Connection, name: str) -> None:
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
    connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})


def _check_foreign_keys(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        msg = f"the change would leave rows of {broken[0]} without what they belong to; undone"
        raise RuntimeError(msg)


@contextmanager
def _altering_sqlite(connection: Connection) -> Iterator[None]:
    """Let tables be copied and replaced: their foreign keys are checked at the end instead.

    The pragmas act only outside a transaction; the caller begins one inside.
    """
    raw: Any = connection.connection.driver_connection
    raw.execute(f"PRAGMA busy_timeout = {_MIGRATION_TIMEOUT_MS}")
    raw.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        raw.execute("PRAGMA foreign_keys = ON")
        raw.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: object) -> None:
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
        connection.isolation_level = "IMMEDIATE"


def _begin_as_marked(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: object) -> None:
        # Transactions are begun by the listener below, not by the driver.
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def is_test(db: Session) -> bool:
    """Whether `db` is open on the database of a deployment in test mode."""
    return db.info.get(ENVIRONMENT) == "test"


def _bind_environment(db: Session, environment: str) -> None:
    row = db.get(DeploymentRow, 1)
    if row is None:
        is_new = db.get(Organization, DEFAULT_ORGANIZATION_ID) is None
        row = DeploymentRow(environment=environment if is_new else "production")
        db.add(row)
    _check_environment(row, environment)


def _check_environment(row: DeploymentRow, environment: str) -> None:
    if row.environment != environment:
        msg = (
            f"this database was made with BONAFIDE_ENVIRONMENT={row.environment} and can't be used "
            f"with {environment}: give each environment a database of its own"
        )
        raise WrongEnvironmentError(msg)


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

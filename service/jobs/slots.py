"""Numbered slots of workers: the number is the executor id, held by a PostgreSQL advisory lock.

The engine recovers what an executor left behind when an executor of the same id starts. Whoever
takes a dead worker's slot therefore recovers its work. The lock lives as long as its connection:
it needs a direct one, not a pooler's.
"""

from __future__ import annotations

import logging

import psycopg
from sqlalchemy import Engine, make_url, text

from service.jobs.engine import EMBEDDED
from service.settings import Settings

_LOG = logging.getLogger(__name__)
_SPACE = 0x424F4E41  # our first key of PostgreSQL's two-number advisory locks
_MOST_SLOTS = 256
_EMBEDDED_SLOT = 0
_TIMEOUT_S = 5


class SlotLostError(RuntimeError):
    """Another process has this slot: this one must end."""


class NoSlotError(RuntimeError):
    """Every slot is taken, or the database is served by an embedded engine already."""


class Slot:
    """One slot of this process; keep it for as long as the engine runs."""

    def __init__(self, settings: Settings) -> None:
        url = make_url(settings.effective_database_url).set(drivername="postgresql")
        self._url = url.render_as_string(hide_password=False)
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None
        self.number: int | None = None

    @property
    def executor_id(self) -> str:
        """The id under which the engine of this process works."""
        if self.number is None:
            msg = "take a slot first"
            raise RuntimeError(msg)
        return executor_of(self.number)

    def take(self, *, embedded: bool = False) -> None:
        """Take the first free slot, or that of the embedded engine.

        Raises
        ------
        NoSlotError
            When none is free.
        """
        self._connection = self._connect()
        wanted = [_EMBEDDED_SLOT] if embedded else range(1, _MOST_SLOTS + 1)
        for number in wanted:
            if self._lock(number):
                self.number = number
                _LOG.info("slot taken", extra={"slot": number})
                return
        self.release()
        msg = "another service is embedded on this database" if embedded else "no slot is free"
        raise NoSlotError(msg)

    def hold(self) -> None:
        """See that the slot is still ours; take it again after the connection was lost.

        Raises
        ------
        SlotLostError
            When another process was faster.
        psycopg.OperationalError
            When the database is away: nobody can take the slot either.
        """
        if self.number is None:
            return
        try:
            if self._connection is not None:
                self._connection.execute("SELECT 1")
                return
        except psycopg.OperationalError:
            self._connection = None
        connection = self._connect()
        self._connection = connection
        if not self._lock(self.number):
            msg = f"slot {self.number} was taken while the database was away"
            raise SlotLostError(msg)

    def release(self) -> None:
        """Let go of the slot."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            self._url, autocommit=True, connect_timeout=_TIMEOUT_S, keepalives_idle=10
        )

    def _lock(self, number: int) -> bool:
        if self._connection is None:
            return False
        query = "SELECT pg_try_advisory_lock(%s, %s)"
        row = self._connection.execute(query, (_SPACE, number)).fetchone()
        return row is not None and bool(row[0])


def executor_of(number: int) -> str:
    """Return the executor id of a slot."""
    return EMBEDDED if number == _EMBEDDED_SLOT else f"slot-{number}"


def live_executors(engine: Engine) -> frozenset[str]:
    """Return the executors whose slot is held now; empty on SQLite, which has one process."""
    if engine.dialect.name != "postgresql":
        return frozenset()
    query = text(
        "SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = :space "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    with engine.connect() as connection:
        numbers = connection.execute(query, {"space": _SPACE}).scalars()
        return frozenset(executor_of(int(number)) for number in numbers)

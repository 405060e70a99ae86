"""Transactions on SQLite and on PostgreSQL: the same tables, the same numbers under contention."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlmodel import select

from service.database import Database, DatabaseNotReadyError
from service.events import add_event, add_voice_event
from service.tables import (
    DEFAULT_ORGANIZATION_ID,
    DEFAULT_SENDER_ID,
    DEFAULT_WORKFLOW_ID,
    EventRow,
    SessionRow,
)
from service.voice.tables import VoiceEventRow
from tests.service.service_builders import settings_in

_WRITERS = 8
_EVENTS = 5


@pytest.fixture
def database(tmp_path: Path, database_url: str) -> Iterator[Database]:
    made = Database(settings_in(tmp_path, database_url=database_url))
    made.create()
    yield made
    made.close()


def _session(database: Database) -> str:
    with database.write() as db:
        row = SessionRow(
            organization_id=DEFAULT_ORGANIZATION_ID,
            user_id=DEFAULT_SENDER_ID,
            sender_user_id=DEFAULT_SENDER_ID,
            workflow_id=DEFAULT_WORKFLOW_ID,
        )
        db.add(row)
        return row.id


def test_event_numbers_have_no_gap_under_contention(database: Database) -> None:
    session_id = _session(database)

    def write(_: int) -> None:
        for _ in range(_EVENTS):
            with database.write() as db:
                session = db.get_one(SessionRow, session_id, with_for_update=True)
                add_event(db, session, "session.test", "engine")
                add_voice_event(db, DEFAULT_ORGANIZATION_ID, "a-voice", "voice.test", "engine")

    with ThreadPoolExecutor(_WRITERS) as pool:
        list(pool.map(write, range(_WRITERS)))
    expected = list(range(1, _WRITERS * _EVENTS + 1))
    with database.read() as db:
        assert sorted(db.exec(select(EventRow.sequence)).all()) == expected
        assert sorted(db.exec(select(VoiceEventRow.sequence)).all()) == expected


def test_a_reader_sees_one_moment(database: Database) -> None:
    session_id = _session(database)
    with database.read() as db:
        before = db.get_one(SessionRow, session_id)
        with database.write() as other:
            add_event(other, other.get_one(SessionRow, session_id), "session.test", "engine")
        assert before.event_sequence == 0
        assert not db.exec(select(EventRow).where(EventRow.session_id == session_id)).all()
    with database.read() as db:
        assert db.exec(select(EventRow).where(EventRow.session_id == session_id)).all()


def test_tables_can_be_made_by_several_at_once(tmp_path: Path, database_url: str) -> None:
    settings = settings_in(tmp_path, database_url=database_url)
    databases = [Database(settings) for _ in range(4)]
    with pytest.raises(DatabaseNotReadyError, match="bonafide migrate"):
        databases[0].check()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(Database.create, databases))
    databases[0].check()
    for one in databases:
        one.close()

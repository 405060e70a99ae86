"""The audit log: written with what it records, chained, append-only, and tampering shows."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError
from typer.testing import CliRunner

from service.audit.chain import BEGINNING
from service.audit.log import note, note_once
from service.audit.verify import Head, heads, verify_all, verify_chain
from service.cli.app import app
from service.clock import now_ms
from service.database import Database
from service.keys import Scope
from service.tables import DEFAULT_ORGANIZATION_ID, Organization
from tests.service.running_service import Service
from tests.service.service_builders import settings_in

_TENANT = DEFAULT_ORGANIZATION_ID


@pytest.fixture
def database(tmp_path: Path, database_url: str) -> Iterator[Database]:
    made = Database(settings_in(tmp_path, database_url=database_url))
    made.create()
    yield made
    made.close()


def _fill(database: Database, n: int, organization_id: str = _TENANT) -> None:
    for index in range(n):
        with database.write() as db:
            note(db, organization_id, "test.done", "cli", f"subject-{index}", count=index)


def _allow_tampering(database: Database) -> None:
    """Do what the owner of a database can do, who may drop its triggers."""
    with database.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            for verb in ("update", "delete"):
                connection.execute(text(f"DROP TRIGGER audit_log_no_{verb}"))
        else:
            connection.execute(text("ALTER TABLE audit_log DISABLE TRIGGER USER"))


def _tamper(database: Database, statement: str) -> None:
    with database.engine.begin() as connection:
        changed = connection.execute(text(statement))
        assert changed.rowcount > 0


def test_a_log_that_nobody_touched_holds(database: Database) -> None:
    _fill(database, 5)
    (report,) = verify_all(database)
    assert (report.problem, report.entries) == (None, 5)
    assert heads(database) == [report.head]


def test_the_database_refuses_to_change_or_delete(database: Database) -> None:
    _fill(database, 5)
    statements = [
        "UPDATE audit_log SET details = '{}' WHERE number = 2",
        "DELETE FROM audit_log WHERE number = 5",
        "DELETE FROM audit_log",
    ]
    if database.engine.dialect.name == "postgresql":  # SQLite has no TRUNCATE
        statements.append("TRUNCATE audit_log")
    for statement in statements:
        with (
            pytest.raises(DatabaseError, match="append-only"),
            database.engine.begin() as connection,
        ):
            connection.execute(text(statement))
    assert verify_chain(database, _TENANT).entries == 5


def test_tampering_is_found_and_where(database: Database) -> None:
    cases = [
        ("SET at = at + 1", 3, "altered", 3),
        ("SET action = 'test.undone'", 3, "altered", 3),
        ("SET actor = 'key:0'", 3, "altered", 3),
        ("SET subject_id = NULL", 3, "altered", 3),
        ("""SET details = '{"count"\\:7}'""", 3, "altered", 3),
        ("""SET details = '{ "count"\\:2}'""", 3, "altered", 3),
        ("SET details = 'no json'", 3, "altered", 3),
        ("SET previous_sha256 = sha256", 3, "altered", 3),
        ("SET sha256 = previous_sha256", 3, "altered", 3),
        ("SET number = 0", 1, "missing", 1),
        ("SET organization_id = 'another'", 5, "truncated", 5),
        ("DELETE", 3, "missing", 3),
        ("DELETE", 1, "missing", 1),
        ("DELETE", 5, "truncated", 5),
    ]
    for index in range(len(cases)):
        _fill(database, 5, f"tenant-{index}")
    anchors = heads(database)
    _allow_tampering(database)
    for index, (change, of, problem, number) in enumerate(cases):
        verb = "DELETE FROM audit_log" if change == "DELETE" else f"UPDATE audit_log {change}"
        where = f"WHERE number = {of} AND organization_id = 'tenant-{index}'"
        _tamper(database, f"{verb} {where}")
        report = verify_chain(database, f"tenant-{index}", anchors)
        assert (report.problem, report.number) == (problem, number), change
    _tamper(database, "DELETE FROM audit_log")
    assert {one.problem for one in verify_all(database, anchors)} == {"truncated"}


def test_a_chain_that_was_made_anew_is_found_against_an_anchor(database: Database) -> None:
    _fill(database, 3)
    anchors = heads(database)
    _allow_tampering(database)
    _tamper(database, "DELETE FROM audit_log")
    _fill(database, 4)
    assert verify_chain(database, _TENANT).problem is None
    report = verify_chain(database, _TENANT, anchors)
    assert (report.problem, report.number) == ("rewritten", 3)


def test_nothing_is_written_of_what_was_rolled_back(database: Database) -> None:
    with suppress(RuntimeError), database.write() as db:
        note(db, _TENANT, "test.done", "cli")
        raise RuntimeError
    assert heads(database) == []
    _fill(database, 1)
    assert verify_chain(database, _TENANT).entries == 1


def test_an_entry_that_would_be_lost_is_an_error(database: Database) -> None:
    with (
        database.read() as db,
        pytest.raises(RuntimeError, match=r"Database\.write"),
    ):
        note(db, _TENANT, "test.done", "cli")


def test_writers_at_the_same_time_make_one_chain_per_tenant(database: Database) -> None:
    with database.write() as db:
        other = Organization(name="other")
        db.add(other)
    gate = threading.Barrier(6)
    failures: list[BaseException] = []

    def write(organization_ids: list[str]) -> None:
        gate.wait()
        try:
            for index in range(15):
                with database.write() as db:
                    for organization_id in organization_ids:
                        note(db, organization_id, "test.done", "engine", count=index)
        except BaseException as error:
            failures.append(error)

    both = [_TENANT, other.id]
    threads = [
        threading.Thread(target=write, args=(both if index % 2 else both[::-1],))
        for index in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [(one.problem, one.entries) for one in verify_all(database)] == [(None, 90)] * 2


def test_the_digest_is_the_documented_one(database: Database) -> None:
    _fill(database, 1)
    canonical = (
        '{"action":"test.done","actor":"cli","at":%d,"details":{"count":0},"number":1,'
        f'"organization_id":"{_TENANT}","subject_id":"subject-0"}}'
    )
    with database.read() as db:
        at = db.connection().execute(text("SELECT at FROM audit_log")).scalar_one()
    expected = hashlib.sha256(f"{BEGINNING}\n{canonical % at}".encode()).hexdigest()
    assert heads(database) == [Head(_TENANT, 1, expected)]


def test_a_session_leaves_its_trace_and_nothing_of_its_person(service: Service) -> None:
    session_id = service.captured(first_name="Zebedee", external_id="zebedee@example.com")
    service.judged(session_id)
    client, auth = service.client, service.auth
    client.patch(f"/v1/sessions/{session_id}", json={"status": "VERIFIED"}, headers=auth)
    reader = service.new_key(scopes=[Scope.AUDIT_READ])
    page = client.get(f"/v1/audit?subject_id={session_id}", headers=reader).json()
    trace = [(one["action"], one["actor"].partition(":")[0]) for one in reversed(page["data"])]
    assert trace[:2] == [("session.created", "key"), ("session.status.submitted", "applicant")]
    assert trace[-1] == ("session.status.verified", "key")
    assert ("verdict.recorded", "engine") in trace
    verdict = next(one for one in page["data"] if one["action"] == "verdict.recorded")
    record = service.retrieve(session_id)["session_record"]
    result = record["analysis_data"]["deepfake_detection_data"]
    text_of_result = json.dumps(result, sort_keys=True, separators=(",", ":"))
    assert verdict["details"]["sha256"] == hashlib.sha256(text_of_result.encode()).hexdigest()
    for one in page["data"]:
        text_of_entry = f"{one['previous_sha256']}\n{one['canonical']}"
        assert hashlib.sha256(text_of_entry.encode()).hexdigest() == one["sha256"]
    whole = client.get("/v1/audit?limit=500", headers=reader).text
    for marker in ("Zebedee", "zebedee", "@", "+1555", "kyc.example.com"):
        assert marker not in whole


def test_the_log_is_listed_in_pages_of_one_tenant(service: Service) -> None:
    for _ in range(3):
        service.create()
    reader = service.new_key(scopes=[Scope.AUDIT_READ])
    first = service.client.get("/v1/audit?limit=2", headers=reader).json()
    numbers = [one["number"] for one in first["data"]]
    assert first["has_more"]
    assert first["head"]["number"] == numbers[0]
    rest = service.client.get(f"/v1/audit?next_token={first['next_token']}", headers=reader).json()
    numbers += [one["number"] for one in rest["data"]]
    assert numbers == list(range(numbers[0], 0, -1))


def test_the_command_checks_against_a_head_kept_elsewhere(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    database = Database(settings)
    database.create()
    _fill(database, 3)
    runner, folder = CliRunner(), str(settings.data_dir)
    exported = runner.invoke(app, ["audit", "head", "--data-dir", folder])
    kept = tmp_path / "heads.json"
    kept.write_text(exported.stdout)
    arguments = ["audit", "verify", "--data-dir", folder, "--against", str(kept)]
    holds = runner.invoke(app, arguments)
    assert (holds.exit_code, "holds" in holds.stdout) == (0, True)
    _allow_tampering(database)
    _tamper(database, "DELETE FROM audit_log WHERE number = 3")
    database.close()
    cut = runner.invoke(app, [*arguments, "--json"])
    assert (cut.exit_code, "AUDIT_LOG_ALTERED" in cut.stderr) == (1, True)
    assert json.loads(cut.stdout)["chains"][0]["problem"] == "truncated"
    alone = runner.invoke(app, arguments[:-2])
    assert (alone.exit_code, "not noticed" in alone.stderr) == (0, True)


def test_what_is_done_to_endpoints_and_media_leaves_its_trace(service: Service) -> None:
    admin = service.new_key(scopes=list(Scope))
    hook = {"url": "https://shop.example.com/hooks/secret-path", "description": "mine"}
    made = service.client.post("/v1/webhook-endpoints", json=hook, headers=admin).json()
    path = f"/v1/webhook-endpoints/{made['id']}"
    service.client.patch(path, json={"enabled": False}, headers=admin)
    service.client.post(f"{path}/rotate-secret", json={}, headers=admin)
    service.client.delete(path, headers=admin)
    page = service.client.get(f"/v1/audit?subject_id={made['id']}", headers=admin)
    entries = list(reversed(page.json()["data"]))
    actions = ["created", "changed", "secret_rotated", "removed"]
    assert [one["action"] for one in entries] == [f"webhook_endpoint.{one}" for one in actions]
    assert [one["details"]["enabled"] for one in entries] == [True, False, False, False]
    assert "shop.example.com" not in page.text
    session_id = service.captured()
    service.judged(session_id)
    link = next(iter(service.retrieve(session_id)["resource_links"].values()))
    query = f"/v1/audit?subject_id={session_id}&action=media.read"
    for expected in (0, 1, 1):  # a link that is used again says nothing new
        assert len(service.client.get(query, headers=admin).json()["data"]) == expected
        assert service.client.get(link).status_code == 200
    assert service.client.get(link + "x").status_code == 403
    assert len(service.client.get(query, headers=admin).json()["data"]) == 1
    (entry,) = service.client.get(query, headers=admin).json()["data"]
    assert f"/v1/media/{entry['details']['capture']}/{entry['details']['file']}?" in link
    assert f"expires={entry['details']['expires_s']}&" in link
    assert entry["details"]["given_to"] == f"key:{service.key.split('_')[1]}"


def test_what_is_noted_once_is_one_entry_also_at_the_same_time(database: Database) -> None:
    gate = threading.Barrier(6)

    def write() -> None:
        gate.wait()
        note_once(database, _TENANT, "test.read", "link", "subject", file="a.jpg")

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verify_chain(database, _TENANT).entries == 1
    others = [("test.heard", "link", "a.jpg"), ("test.read", "key:1", "a.jpg")]
    for index, (action, actor, file) in enumerate([*others, ("test.read", "link", "b.jpg")]):
        note_once(database, _TENANT, action, actor, "subject", file=file)
        assert verify_chain(database, _TENANT).entries == 2 + index
    later = now_ms() + 1  # what was noted before does not count
    note_once(database, _TENANT, "test.read", "link", "subject", since_ms=later, file="a.jpg")
    assert verify_chain(database, _TENANT).entries == 5


def test_who_reads_a_session_is_noted_once_an_hour(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = service.new_key(scopes=[Scope.AUDIT_READ])
    session_id, other = service.captured(), service.new_key()
    path = f"/v1/sessions/{session_id}"

    def readers() -> list[str]:
        query = f"/v1/audit?subject_id={session_id}&action=session.read"
        entries = service.client.get(query, headers=admin).json()["data"]
        return [one["actor"].removeprefix("key:") for one in reversed(entries)]

    first, second = service.key.split("_")[1], other["x-api-key"].split("_")[1]
    service.judged(session_id)  # polls
    assert readers() == [first]
    # What answers with the session reads it, also where it changes nothing.
    for _ in range(2):
        service.client.patch(path, json={"status": "VERIFIED"}, headers=other)
    assert readers() == [first, second]
    assert service.client.get(path, headers=service.new_key(scopes=[])).status_code == 403
    monkeypatch.setattr("service.sessions.read._READ_STEP_MS", -1)  # as if the hour were over
    service.retrieve(session_id)
    assert readers() == [first, second, first]

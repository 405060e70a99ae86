"""API keys over HTTP and by command: scopes, expiry, rotation, revocation, last use."""

from __future__ import annotations

import json
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text
from typer.testing import CliRunner

from service.cli.app import app
from service.clock import as_wire, now_ms
from service.database import Database
from service.keys import DEFAULT_SCOPES, Scope, create_key, identify, revoke_key
from tests.service.running_service import Service, StartService
from tests.service.service_builders import settings_in
from tests.service.tenants import new_tenant

_ALL = tuple(Scope)


def _make(service: Service, auth: dict[str, str], expect: int = 201, **body: Any) -> dict[str, Any]:
    answer = service.client.post("/v1/api-keys", json={"name": "shop"} | body, headers=auth)
    assert answer.status_code == expect, answer.text
    made: dict[str, Any] = answer.json()
    return made


def _works(service: Service, text_of_key: str) -> bool:
    answer = service.client.get("/v1/sessions", headers={"x-api-key": text_of_key})
    return answer.status_code == 200


def test_a_key_is_made_listed_and_revoked(service: Service) -> None:
    admin = service.new_key(scopes=_ALL)
    made = _make(service, admin)
    assert made["scopes"] == [str(one) for one in DEFAULT_SCOPES]
    assert _works(service, made["key"])
    listed = service.client.get("/v1/api-keys", headers=admin)
    assert made["key"] not in listed.text
    row = next(one for one in listed.json()["data"] if one["id"] == made["id"])
    assert (row["live"], row["revoked_at"]) == (True, None)
    assert row["last_used_at"]
    path = f"/v1/api-keys/{made['id']}"
    assert service.client.delete(path, headers=admin).status_code == 204
    assert not _works(service, made["key"])
    again = service.client.delete(path, headers=admin)
    assert (again.status_code, again.json()["error"]["code"]) == (404, "KEY_NOT_FOUND")


def test_a_key_grants_no_scope_that_it_lacks(service: Service) -> None:
    small = service.new_key(scopes=[Scope.KEYS_READ, Scope.KEYS_WRITE, Scope.READ])
    _make(service, small, scopes=["sessions:read"])
    refused = _make(service, small, 403, scopes=["sessions:read", "audit:read"])
    assert "audit:read" in refused["error"]["message"]
    _make(service, small, 403)  # the default scopes are more than it has
    _make(service, small, 422, scopes=["everything"])
    # Nor by rotating a key that has more.
    strong = create_key(service.context.database, name="strong", scopes=_ALL)
    path = f"/v1/api-keys/{strong.id}/rotate"
    answer = service.client.post(path, json={}, headers=small)
    assert answer.status_code == 403
    assert identify(service.context.database, strong.text) is not None
    live = service.client.get("/v1/api-keys", headers=small).json()["data"]
    assert all(one["replaces"] is None for one in live)


def test_a_key_ends_at_its_time(service: Service) -> None:
    admin = service.new_key(scopes=_ALL)
    soon = datetime.now(UTC) + timedelta(seconds=0.6)
    made = _make(service, admin, expires_at=soon.isoformat())
    assert _works(service, made["key"])
    time.sleep(0.7)
    assert not _works(service, made["key"])
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    _make(service, admin, 422, expires_at=past)
    _make(service, admin, 422, expires_at="2999-01-01T00:00:00")  # of which zone?


def test_a_key_makes_none_that_outlives_it(service: Service) -> None:
    end = now_ms() + 60_000
    guest = service.new_key(scopes=_ALL, expires_at=end)
    assert _make(service, guest)["expires_at"] == as_wire(end)
    assert _make(service, guest, expires_at=as_wire(end + 1))["expires_at"] == as_wire(end)
    assert _make(service, guest, expires_at=as_wire(end - 9))["expires_at"] == as_wire(end - 9)
    database = service.context.database
    for later in (None, end + 1):
        longer = create_key(database, name="longer", scopes=_ALL, expires_at=later)
        path = f"/v1/api-keys/{longer.id}/rotate"
        assert service.client.post(path, json={}, headers=guest).status_code == 403
        caller = identify(database, longer.text)
        assert caller is not None
        assert caller.expires_at == later  # nor was its end moved
    for key_id in (_make(service, guest)["id"], guest["x-api-key"].split("_")[1]):
        path = f"/v1/api-keys/{key_id}/rotate"
        rotated = service.client.post(path, json={"overlap_s": 5}, headers=guest).json()
        assert rotated["expires_at"] == as_wire(end)


def test_two_keys_live_while_one_is_rotated(service: Service) -> None:
    admin = service.new_key(scopes=_ALL)
    old = _make(service, admin, scopes=["sessions:read"], casing="camel")

    def rotate(key_id: str, expect: int = 201, **body: Any) -> dict[str, Any]:
        path = f"/v1/api-keys/{key_id}/rotate"
        answer = service.client.post(path, json=body, headers=admin)
        assert answer.status_code == expect, answer.text
        made: dict[str, Any] = answer.json()
        return made

    new = rotate(old["id"], overlap_s=3600)
    assert (new["replaces"], new["scopes"], new["casing"]) == (
        old["id"],
        ["sessions:read"],
        "camel",
    )
    assert _works(service, old["key"])
    assert _works(service, new["key"])
    for key_id in (old["id"], new["id"]):  # never a third
        assert rotate(key_id, 409)["error"]["code"] == "KEY_BEING_ROTATED"
    service.client.delete(f"/v1/api-keys/{old['id']}", headers=admin)
    newest = rotate(new["id"], overlap_s=0)
    assert [_works(service, one["key"]) for one in (old, new, newest)] == [False, False, True]


def test_keys_of_another_tenant_are_not_there(service: Service) -> None:
    other = new_tenant(service.context.database)
    foreign = create_key(
        service.context.database, name="f", scopes=_ALL, organization_id=other.organization_id
    )
    admin = service.new_key(scopes=_ALL)
    assert foreign.id not in service.client.get("/v1/api-keys", headers=admin).text
    for method, path in (("DELETE", ""), ("POST", "/rotate")):
        url = f"/v1/api-keys/{foreign.id}{path}"
        answer = service.client.request(method, url, json={}, headers=admin)
        assert answer.status_code == 404
    assert identify(service.context.database, foreign.text) is not None


def test_a_tenant_has_so_many_live_keys(start_service: StartService) -> None:
    service = start_service(max_api_keys=3)
    admin = service.new_key(scopes=_ALL)  # beside the key of the fixture
    third = _make(service, admin)
    assert _make(service, admin, 409)["error"]["code"] == "TOO_MANY_KEYS"
    service.client.delete(f"/v1/api-keys/{third['id']}", headers=admin)
    _make(service, admin)


def test_a_revocation_counts_in_other_processes_at_once(tmp_path: Path, database_url: str) -> None:
    settings = settings_in(tmp_path, database_url=database_url)
    one, other = Database(settings), Database(settings)  # as of two processes: nothing shared
    one.create()
    made = create_key(one, name="shop")
    assert identify(other, made.text) is not None
    assert revoke_key(one, made.id)
    assert identify(other, made.text) is None
    one.close()
    other.close()


def test_the_last_use_is_written_once_a_minute(service: Service) -> None:
    database = service.context.database
    written = []

    @event.listens_for(database.engine, "before_cursor_execute")
    def _count(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("UPDATE api_keys"):
            written.append(statement)

    for _ in range(5):
        assert identify(database, service.key) is not None
    assert len(written) == 1
    with database.write() as db:
        ago = {"ago": now_ms() - 61_000}
        db.connection().execute(text("UPDATE api_keys SET last_used_at = :ago"), ago)
    written.clear()
    for _ in range(5):
        identify(database, service.key)
    assert len(written) == 1


def test_a_database_that_can_not_be_written_still_identifies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.database._BUSY_TIMEOUT_MS", 50)
    settings = settings_in(tmp_path)
    database = Database(settings)
    database.create()
    made = create_key(database, name="shop")
    holder = sqlite3.connect(settings.data_dir / "bonafide.sqlite3", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert identify(database, made.text) is not None
    holder.rollback()
    holder.close()
    database.close()


def test_changes_of_keys_are_in_the_audit_log(service: Service) -> None:
    admin = service.new_key(scopes=_ALL)
    made = _make(service, admin)
    service.client.delete(f"/v1/api-keys/{made['id']}", headers=admin)
    page = service.client.get(f"/v1/audit?subject_id={made['id']}", headers=admin)
    trace = [(one["action"], one["actor"][:4]) for one in page.json()["data"]]
    assert trace == [("key.revoked", "key:"), ("key.created", "key:")]
    assert made["key"] not in page.text


def test_the_command_makes_keys_with_scopes_and_an_end(tmp_path: Path) -> None:
    runner, folder = CliRunner(), str(tmp_path)
    options = ["--data-dir", folder, "--json"]

    def run(*arguments: str) -> Any:
        result = runner.invoke(app, ["keys", *arguments, *options])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    made = run("create", "--scope", "audit:read", "--scope", "keys:read", "--days", "1")
    assert made["scopes"] == ["audit:read", "keys:read"]
    assert run("create", "--scope", "all")["scopes"] == [str(one) for one in Scope]
    rotated = run("rotate", made["id"], "--overlap-h", "1")
    listed = {one["id"]: one for one in run("list")["keys"]}
    assert listed[rotated["id"]]["replaces"] == made["id"]
    assert listed[made["id"]]["expires_at"] < listed[rotated["id"]]["expires_at"]
    for arguments, code in (
        (["rotate", made["id"]], "KEY_BEING_ROTATED"),
        (["create", "--scope", "root"], "BAD_SCOPE"),
        (["create", "--tenant", "nobody"], "TENANT_NOT_FOUND"),
    ):
        result = runner.invoke(app, ["keys", *arguments, *options])
        assert (result.exit_code, f"[{code}]" in result.stderr) == (2, True)

"""Endpoints that are gone or fail for days: disabled with notice, and made good afterwards."""

from __future__ import annotations

import time

from sqlmodel import select

from service.clock import now_ms
from service.webhooks.tables import EndpointRow, SecretRow
from tests.service.running_service import StartService
from tests.service.webhook_builders import (
    Hooks,
    failed_tries,
    published,
    verified,
)
from tests.service.webhook_receiver import Receiver

_DAY_MS = 24 * 3600 * 1000


def test_gone_disables_at_once_and_tells_the_others(hooks: Hooks) -> None:
    hooks.receiver.script = [204, 410]
    other = hooks.endpoint(events=["webhook.*"])
    endpoint = hooks.endpoint()
    session_id = hooks.service.create()["id"]
    hooks.settled(endpoint["id"])
    hooks.service.client.patch(
        f"/v1/sessions/{session_id}", json={"status": "VOIDED"}, headers=hooks.service.auth
    )
    rows = hooks.settled(endpoint["id"], 2)
    assert [row["state"] for row in rows] == ["delivered", "cancelled"]
    assert rows[1]["last_error"] == "gone"
    now = hooks.call("GET", endpoint["id"])
    assert (now["enabled"], now["disabled_reason"]) == (False, "gone")
    (told,) = hooks.settled(other["id"])
    assert told["type"] == "webhook.endpoint.disabled"
    message = verified(hooks.receiver.got[-1], other["secret"])
    assert message["data"]["endpoint_id"] == endpoint["id"]
    assert message["data"]["disabled_reason"] == "gone"


def test_what_a_disabled_endpoint_missed_can_be_made_good(hooks: Hooks) -> None:
    endpoint = hooks.endpoint(enabled=False)
    sessions = [hooks.service.create()["id"] for _ in range(3)]
    rows = hooks.deliveries(endpoint["id"])
    assert [row["state"] for row in rows] == 3 * ["cancelled"]
    body = {"since": "2020-01-01"}
    refused = hooks.call("POST", f"{endpoint['id']}/replay", expect=409, json=body)
    assert refused["error"]["code"] == "ENDPOINT_DISABLED"
    hooks.call("POST", f"{endpoint['id']}/test", expect=409)
    hooks.call("POST", f"{endpoint['id']}/deliveries/{rows[0]['id']}/replay", expect=409)
    hooks.call("PATCH", endpoint["id"], json={"enabled": True})
    time.sleep(0.2)
    assert hooks.receiver.got == []
    replayed = hooks.call("POST", f"{endpoint['id']}/replay", expect=202, json=body)
    assert replayed == {"replayed": 3, "has_more": False}
    hooks.settled(endpoint["id"], 3)
    assert {one.message["session_id"] for one in hooks.receiver.got} == set(sessions)
    again = hooks.call("POST", f"{endpoint['id']}/replay", expect=202, json=body)
    assert again["replayed"] == 0


def test_five_days_of_failures_disable(hooks: Hooks) -> None:
    hooks.receiver.otherwise = 500
    endpoint = hooks.endpoint()
    hooks.service.create()
    hooks.settled(endpoint["id"])
    failing = hooks.call("GET", endpoint["id"])
    assert failing["enabled"]
    assert failing["failing_since"]
    with hooks.service.context.database.write() as db:
        row = db.get_one(EndpointRow, endpoint["id"])
        row.failing_since = now_ms() - 5 * _DAY_MS
        db.add(row)
    hooks.service.create()
    rows = hooks.settled(endpoint["id"], 2)
    assert (rows[1]["state"], rows[1]["tries"]) == ("cancelled", 1)
    now = hooks.call("GET", endpoint["id"])
    assert (now["enabled"], now["disabled_reason"]) == (False, "failing")
    again = hooks.call("PATCH", endpoint["id"], json={"enabled": True})
    assert again["failing_since"] is None


def test_one_success_ends_the_count_of_failures(hooks: Hooks) -> None:
    endpoint = hooks.endpoint()
    with hooks.service.context.database.write() as db:
        row = db.get_one(EndpointRow, endpoint["id"])
        row.failing_since, row.failures = now_ms() - 10 * _DAY_MS, 100
        db.add(row)
    hooks.service.create()
    hooks.settled(endpoint["id"])
    assert hooks.call("GET", endpoint["id"])["failing_since"] is None


def test_two_failures_a_week_apart_do_not_disable(
    start_service: StartService, receiver: Receiver
) -> None:
    hooks = published(start_service, receiver)
    receiver.otherwise = 500
    endpoint = hooks.endpoint()
    with hooks.service.context.database.write() as db:
        row = db.get_one(EndpointRow, endpoint["id"])
        row.failing_since, row.failures = now_ms() - 7 * _DAY_MS, 1
        db.add(row)
    hooks.service.create()
    failed_tries(hooks, endpoint["id"], 1)
    assert hooks.call("GET", endpoint["id"])["enabled"]


def test_a_secret_that_we_can_not_read_is_not_the_receivers_fault(hooks: Hooks) -> None:
    endpoint = hooks.endpoint()
    with hooks.service.context.database.write() as db:  # as after a change of the key
        row = db.exec(select(SecretRow)).one()
        row.sealed = bytes(len(row.sealed))
        db.add(row)
    hooks.service.create()
    (delivery,) = hooks.settled(endpoint["id"])
    assert (delivery["state"], delivery["last_error"]) == ("failed", "secret_unreadable")
    assert hooks.receiver.got == []
    assert hooks.call("GET", endpoint["id"])["failing_since"] is None
    # A new secret puts it right.
    hooks.call("POST", f"{endpoint['id']}/rotate-secret", json={"overlap_s": 0})
    hooks.call("POST", f"{endpoint['id']}/deliveries/{delivery['id']}/replay", expect=202)
    hooks.receiver.wait_for(1)

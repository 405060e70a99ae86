"""Tries, their pauses and their order, on a receiver that fails in the ways they do."""

from __future__ import annotations

import time

from sqlmodel import select

from service.clock import now_ms
from service.webhooks.tables import DeliveryRow
from tests.service.running_service import Service, StartService
from tests.service.webhook_builders import (
    AT_ONCE,
    INSIDE,
    Hooks,
    age,
    failed_tries,
    published,
    verified,
)
from tests.service.webhook_receiver import HANG, Receiver, running_receiver

_DAY_MS = 24 * 3600 * 1000


def test_every_try_has_the_same_id_and_bytes_and_its_own_time(hooks: Hooks) -> None:
    hooks.receiver.script = [500, 503, (301, {"Location": "http://127.0.0.1:1/"})]
    endpoint = hooks.endpoint()
    session_id = hooks.service.create()["id"]
    # What the session becomes meanwhile changes nothing of what was written.
    hooks.service.client.patch(
        f"/v1/sessions/{session_id}", json={"status": "VOIDED"}, headers=hooks.service.auth
    )
    row = hooks.settled(endpoint["id"], 2)[0]
    got = [one for one in hooks.receiver.got if one.id == row["event_id"]]
    assert len(got) == 4
    assert len({one.body for one in got}) == 1
    assert got[0].message["data"]["session_record"]["status"] == "PENDING"
    for one in got:
        assert verified(one, endpoint["secret"])
    log = hooks.log(endpoint["id"], row)
    assert [one["status"] for one in log] == [500, 503, 301, 204]
    assert [one["error"] for one in log] == ["refused", "refused", "redirected", None]
    assert [one["number"] for one in log] == [1, 2, 3, 4]
    assert (row["state"], row["tries"], row["next_try_at"]) == ("delivered", 4, None)


def test_a_delivery_fails_after_the_schedule_and_can_be_replayed(hooks: Hooks) -> None:
    hooks.receiver.otherwise = 500
    endpoint = hooks.endpoint()
    hooks.service.create()
    (row,) = hooks.settled(endpoint["id"])
    assert (row["state"], row["tries"], row["last_status"]) == ("failed", 10, 500)
    hooks.receiver.otherwise = 200
    before = hooks.receiver.got[0]
    hooks.call("POST", f"{endpoint['id']}/deliveries/{row['id']}/replay", expect=202)
    (again,) = hooks.settled(endpoint["id"])
    assert (again["id"], again["state"], again["tries"]) == (row["id"], "delivered", 11)
    last = hooks.receiver.got[-1]
    assert (last.id, last.body) == (before.id, before.body)
    # A delivered one too: the receiver may have lost it.
    hooks.call("POST", f"{endpoint['id']}/deliveries/{row['id']}/replay", expect=202)
    hooks.receiver.wait_for(12)


def test_the_receivers_wish_is_honoured(start_service: StartService, receiver: Receiver) -> None:
    hooks = published(start_service, receiver)
    receiver.script = [(429, {"Retry-After": "3600"})]
    endpoint = hooks.endpoint()
    hooks.service.create()
    row = failed_tries(hooks, endpoint["id"], 1)
    assert row["next_try_at"] > row["created_at"]
    with hooks.service.context.database.read() as db:
        stored = db.exec(select(DeliveryRow)).one()
    assert 3600_000 <= stored.next_try_at - stored.scheduled_at <= 1.2 * 3600_000


def test_the_first_pauses_are_those_of_the_schedule(
    start_service: StartService, receiver: Receiver
) -> None:
    hooks = published(start_service, receiver)
    receiver.otherwise = 500
    endpoint = hooks.endpoint()
    hooks.service.create()
    for tries, pause_ms in ((1, 5_000), (2, 300_000), (3, 1_800_000)):
        failed_tries(hooks, endpoint["id"], tries)
        with hooks.service.context.database.read() as db:
            stored = db.exec(select(DeliveryRow)).one()
        assert pause_ms <= stored.next_try_at - stored.scheduled_at <= 1.2 * pause_ms
        age(hooks, endpoint["id"], 2 * pause_ms)


def test_order_within_a_session_and_not_between_sessions(
    start_service: StartService, receiver: Receiver
) -> None:
    hooks = published(start_service, receiver)
    receiver.script = [500]
    endpoint = hooks.endpoint()
    first = hooks.service.create()["id"]
    failed_tries(hooks, endpoint["id"], 1)
    hooks.service.client.patch(
        f"/v1/sessions/{first}", json={"status": "VOIDED"}, headers=hooks.service.auth
    )
    second = hooks.service.create()["id"]
    # The other session goes ahead; the first one's next event waits for its earlier one.
    assert receiver.wait_for(2)[1].message["session_id"] == second
    time.sleep(0.3)
    assert len(receiver.got) == 2
    age(hooks, endpoint["id"], 10_000)
    got = [one.message for one in receiver.wait_for(4)[2:]]
    assert [(one["session_id"], one["sequence"]) for one in got] == [(first, 1), (first, 2)]


def test_an_event_that_keeps_failing_holds_later_ones_back_for_four_tries(
    start_service: StartService, receiver: Receiver
) -> None:
    hooks = published(start_service, receiver)
    receiver.script.extend(4 * [500])
    endpoint = hooks.endpoint()
    session_id = hooks.service.create()["id"]
    hooks.service.client.patch(
        f"/v1/sessions/{session_id}", json={"status": "VOIDED"}, headers=hooks.service.auth
    )
    for tries in range(1, 4):
        failed_tries(hooks, endpoint["id"], tries)
        assert [one.message["sequence"] for one in receiver.got] == tries * [1]
        age(hooks, endpoint["id"], 3_600_000)
    sequences = [one.message["sequence"] for one in receiver.wait_for(5)]
    assert sequences == [1, 1, 1, 1, 2]
    assert hooks.deliveries(endpoint["id"])[0]["state"] == "waiting"


def test_a_hanging_receiver_holds_up_no_other(
    start_service: StartService, receiver: Receiver
) -> None:
    receiver.otherwise = HANG
    hooks = published(start_service, receiver, webhook_timeout_s=30, drain_timeout_s=0.1)
    with running_receiver() as other:
        hooks.endpoint()
        good = Hooks(hooks.service, other).endpoint()
        for _ in range(12):  # more than there are places for tries
            hooks.service.create()
        assert len(hooks.settled(good["id"], 12)) == 12
        assert len(receiver.got) <= 2


def test_a_receiver_that_hangs_is_tried_again(
    start_service: StartService, receiver: Receiver
) -> None:
    receiver.script = [HANG]
    hooks = Hooks(
        start_service(**INSIDE, webhook_schedule_s=AT_ONCE, webhook_timeout_s=0.3), receiver
    )
    endpoint = hooks.endpoint()
    hooks.service.create()
    (row,) = hooks.settled(endpoint["id"])
    log = hooks.log(endpoint["id"], row)
    assert [one["error"] for one in log] == ["timed_out", None]
    assert log[0]["duration_ms"] >= 300


def test_what_waits_is_delivered_after_a_restart(
    start_service: StartService, receiver: Receiver
) -> None:
    receiver.otherwise = 500
    first = published(start_service, receiver)
    endpoint = first.endpoint()
    first.service.create()
    failed_tries(first, endpoint["id"], 1)
    with first.service.context.database.write() as db:  # as a process leaves it that was killed
        row = db.exec(select(DeliveryRow)).one()
        row.claim, row.claimed_until, row.next_try_at = "dead", now_ms() + 15_000, now_ms()
        db.add(row)
    _stop(first.service)
    receiver.otherwise = 204
    second = published(start_service, receiver)
    (row_now,) = Hooks(second.service, receiver).settled(endpoint["id"])
    assert row_now["state"] == "delivered"
    assert len({one.id for one in receiver.got}) == 1


def test_a_clock_that_was_set_back_delays_nothing(
    start_service: StartService, receiver: Receiver
) -> None:
    receiver.script = [500]
    hooks = published(start_service, receiver)
    endpoint = hooks.endpoint()
    hooks.service.create()
    failed_tries(hooks, endpoint["id"], 1)
    with hooks.service.context.database.write() as db:
        row = db.exec(select(DeliveryRow)).one()
        row.scheduled_at += _DAY_MS
        row.next_try_at += _DAY_MS
        db.add(row)
    (row_now,) = hooks.settled(endpoint["id"])
    assert row_now["state"] == "delivered"


def _stop(service: Service) -> None:
    service.client.__exit__()

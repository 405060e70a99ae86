"""Deliveries on the durable engine, on both databases: calls may come twice, early and late."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, select

from service.casing import Casing
from service.clock import now_ms
from service.events import add_event, status_event
from service.jobs.durable import DurableRunner, QueueingRunner
from service.keys import Caller
from service.tables import DEFAULT_ORGANIZATION_ID, EventRow, SessionRow, SessionStatus
from service.webhooks.desk import WebhookDesk, new_deliverer
from service.webhooks.endpoints import remove_endpoint
from service.webhooks.outbox import endpoints_for
from service.webhooks.tables import DeliveryRow, EndpointRow, TryRow
from tests.service.running_service import StartService
from tests.service.service_builders import settings_in
from tests.service.webhook_builders import AT_ONCE, INSIDE, Hooks
from tests.service.webhook_receiver import HANG, Receiver

StartHooks = Callable[..., Hooks]
_FAST: dict[str, Any] = {"queue_poll_s": 0.02, "webhook_schedule_s": AT_ONCE, **INSIDE}


@pytest.fixture
def start_hooks(
    tmp_path: Path, database_url: str, start_service: StartService, receiver: Receiver
) -> StartHooks:
    """Start a service on the durable engine that may post to the receiver."""

    def start(**changes: Any) -> Hooks:
        values = _FAST | {"database_url": database_url} | changes
        runner = DurableRunner(settings_in(tmp_path, **values), "embedded")
        return Hooks(start_service(jobs=runner, **values), receiver)

    return start


def _void(hooks: Hooks, session_id: str) -> None:
    response = hooks.service.client.patch(
        f"/v1/sessions/{session_id}", json={"status": "VOIDED"}, headers=hooks.service.auth
    )
    assert response.status_code == 200


def test_every_event_in_order_though_the_receiver_fails_and_hangs(start_hooks: StartHooks) -> None:
    hooks = start_hooks(webhook_timeout_s=0.3)
    hooks.receiver.script = [500, 503, HANG]
    endpoint = hooks.endpoint(events=["*"])
    sessions = [hooks.service.captured() for _ in range(2)]
    for session_id in sessions:
        hooks.service.judged(session_id)
        _void(hooks, session_id)
    rows = hooks.settled(endpoint["id"], 4 * len(sessions))
    assert {row["state"] for row in rows} == {"delivered"}
    assert len({row["event_id"] for row in rows}) == len(rows)
    for session_id in sessions:
        taken = [one for one in hooks.receiver.got if one.message["session_id"] == session_id]
        sequences = [one.message["sequence"] for one in taken]
        assert sequences == sorted(sequences)
        assert set(sequences) == {1, 2, 3, 4}
        bodies = {(one.id, one.body) for one in taken}
        assert len(bodies) == 4


def test_an_event_that_fails_four_times_lets_the_next_go_ahead(start_hooks: StartHooks) -> None:
    hooks = start_hooks(webhook_schedule_s=(0, 0, 0, 0, 3600))
    hooks.receiver.script.extend(4 * [500])
    endpoint = hooks.endpoint()
    session_id = hooks.service.create()["id"]
    _void(hooks, session_id)
    got = hooks.receiver.wait_for(5)  # rung for: the safety net would take a minute
    assert [one.message["sequence"] for one in got] == [1, 1, 1, 1, 2]
    # A replay by hand begins another round of calls while the old one still waits.
    first = hooks.deliveries(endpoint["id"])[0]
    assert first["state"] == "waiting"
    hooks.call("POST", f"{endpoint['id']}/deliveries/{first['id']}/replay", expect=202)
    assert hooks.receiver.wait_for(6)[5].id == got[0].id
    assert [row["state"] for row in hooks.settled(endpoint["id"], 2)] == 2 * ["delivered"]


def test_gone_cancels_what_waits_and_a_replay_makes_good(start_hooks: StartHooks) -> None:
    hooks = start_hooks()
    hooks.receiver.script.append(410)
    endpoint = hooks.endpoint()
    session_id = hooks.service.create()["id"]
    _void(hooks, session_id)
    rows = hooks.settled(endpoint["id"], 2)
    assert {row["state"] for row in rows} == {"cancelled"}
    hooks.call("PATCH", endpoint["id"], json={"enabled": True})
    hooks.call("POST", f"{endpoint['id']}/replay", expect=202, json={"since": "2020-01-01"})
    got = hooks.receiver.wait_for(3)[1:]
    assert [one.message["sequence"] for one in got] == [1, 2]


class _QuietRunner(QueueingRunner):
    """Queues nothing: nobody makes calls but the test."""

    def enqueue_in_transaction(
        self,
        db: Session,
        delivery_id: str,
        delay_s: float = 0.0,
        *,
        number: int = 1,
        tenant: str = "-",
    ) -> None:
        """Do nothing."""


@pytest.fixture
def waiting(
    tmp_path: Path, database_url: str, start_service: StartService, receiver: Receiver
) -> tuple[WebhookDesk, str]:
    """The desk of a service without a worker, and a delivery that is due."""
    values = _FAST | {"database_url": database_url, "webhook_schedule_s": (0, 0.2, 3600)}
    runner = _QuietRunner(settings_in(tmp_path, **values))
    hooks = Hooks(start_service(jobs=runner, **values), receiver)
    endpoint = hooks.endpoint()
    hooks.service.create()
    app: Any = hooks.service.client.app
    (row,) = hooks.deliveries(endpoint["id"])
    return app.state.webhooks, row["id"]


def _claim(desk: WebhookDesk, delivery_id: str, name: str, for_ms: int) -> None:
    """Let another process hold the delivery."""
    with desk.database.write() as db:
        row = db.get_one(DeliveryRow, delivery_id)
        row.claim, row.claimed_until = name, now_ms() + for_ms
        db.add(row)


def test_calls_at_once_make_one_try(waiting: tuple[WebhookDesk, str], receiver: Receiver) -> None:
    desk, delivery_id = waiting

    async def call() -> list[float | None]:
        deliverer = new_deliverer(desk)
        _claim(desk, delivery_id, "dead", 200)
        early = await deliverer.deliver(delivery_id, 1)
        assert early is not None  # somebody had it; that claim runs out
        assert 0 < early <= 0.2
        await asyncio.sleep(early + 0.05)
        return list(await asyncio.gather(*(deliverer.deliver(delivery_id, 2) for _ in range(8))))

    again = asyncio.run(call())
    assert len(receiver.got) == 1
    assert None in again
    with desk.database.read() as db:
        assert len(db.exec(select(TryRow)).all()) == 1


def test_a_repeated_call_says_what_was_decided(
    waiting: tuple[WebhookDesk, str], receiver: Receiver
) -> None:
    desk, delivery_id = waiting
    receiver.otherwise = 500

    async def call() -> None:
        deliverer = new_deliverer(desk)
        decided = await deliverer.deliver(delivery_id, 1)
        assert decided is not None
        assert 0.2 <= decided <= 0.24
        repeated = await deliverer.deliver(delivery_id, 1)  # the answer was lost in a crash
        assert repeated is not None
        assert 0 < repeated <= decided
        early = await deliverer.deliver(delivery_id, 2)
        assert early is not None
        assert 0 < early <= decided
        assert len(receiver.got) == 1
        await asyncio.sleep(decided)
        assert (await deliverer.deliver(delivery_id, 3) or 0) >= 3600
        assert await deliverer.deliver(delivery_id, 1) is None  # long out of date
        assert len(receiver.got) == 2

    asyncio.run(call())


def test_a_try_that_ends_after_its_claim_changes_nothing(
    waiting: tuple[WebhookDesk, str], receiver: Receiver
) -> None:
    desk, delivery_id = waiting
    receiver.script.append(HANG)

    async def call() -> None:
        deliverer = new_deliverer(desk)
        slow = asyncio.create_task(deliverer.deliver(delivery_id, 1))
        while not receiver.got:
            await asyncio.sleep(0.01)
        _claim(desk, delivery_id, "another", 5000)
        receiver.done.set()  # the hanging answer ends
        assert await slow is None
        with desk.database.read() as db:
            row = db.get_one(DeliveryRow, delivery_id)
        assert (row.claim, row.tries, row.state) == ("another", 0, "waiting")

    asyncio.run(call())


def test_a_cancelled_try_gives_its_claim_back(
    waiting: tuple[WebhookDesk, str], receiver: Receiver
) -> None:
    desk, delivery_id = waiting
    receiver.script.append(HANG)

    async def call() -> None:
        deliverer = new_deliverer(desk)
        slow = asyncio.create_task(deliverer.deliver(delivery_id, 1))
        while not receiver.got:
            await asyncio.sleep(0.01)
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
        begin = time.monotonic()
        assert await deliverer.deliver(delivery_id, 1) is None  # at once, by the next process
        assert time.monotonic() - begin < 2
        assert Counter(one.id for one in receiver.got).most_common(1)[0][1] == 2

    asyncio.run(call())


def test_a_follower_is_rung_for_though_the_clock_went_back_a_little(
    waiting: tuple[WebhookDesk, str],
) -> None:
    desk, delivery_id = waiting
    with desk.database.write() as db:
        session_id = db.get_one(DeliveryRow, delivery_id).subject_id
        session = db.get_one(SessionRow, session_id, with_for_update=True)
        add_event(db, session, status_event(SessionStatus.FAILED), "engine")
    with desk.database.write() as db:
        follower = db.exec(select(DeliveryRow).where(DeliveryRow.sequence == 2)).one()
        follower.next_try_at += 30_000
        db.add(follower)
    assert asyncio.run(new_deliverer(desk).deliver(delivery_id, 1)) is None
    with desk.database.read() as db:
        assert db.get_one(DeliveryRow, follower.id).alarm == 2


def test_removed_while_an_event_is_written(
    waiting: tuple[WebhookDesk, str], receiver: Receiver
) -> None:
    desk, delivery_id = waiting
    with desk.database.read() as db:
        row = db.get_one(DeliveryRow, delivery_id)
    caller = Caller("k", DEFAULT_ORGANIZATION_ID, Casing.SNAKE, frozenset())
    removing = threading.Thread(target=remove_endpoint, args=(desk, caller, row.endpoint_id))
    with desk.database.write() as db:
        session = db.get_one(SessionRow, row.subject_id, with_for_update=True)
        assert len(endpoints_for(db, caller.organization_id, "session.created")) == 1
        removing.start()
        time.sleep(0.3)
        assert removing.is_alive()  # it waits for the event, and the event does not fail
        add_event(db, session, status_event(SessionStatus.FAILED), "engine")
    removing.join(10)
    assert not removing.is_alive()
    with desk.database.read() as db:
        assert db.exec(select(DeliveryRow)).all() == []
        assert len(db.exec(select(EventRow)).all()) == 2
    assert asyncio.run(new_deliverer(desk).deliver(delivery_id, 1)) is None
    assert receiver.got == []


def test_disabled_while_an_event_is_written(
    waiting: tuple[WebhookDesk, str], receiver: Receiver
) -> None:
    desk, delivery_id = waiting
    with desk.database.write() as db:
        row = db.get_one(DeliveryRow, delivery_id)
        endpoint = db.get_one(EndpointRow, row.endpoint_id)
        endpoint.enabled = False
        db.add(endpoint)
    assert asyncio.run(new_deliverer(desk).deliver(delivery_id, 1)) is None
    with desk.database.read() as db:
        assert db.get_one(DeliveryRow, delivery_id).state == "cancelled"
    assert receiver.got == []

"""Events reach their endpoints: signed, in order, again after failures, and never for nothing."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from sqlmodel import select, update
from standardwebhooks import Webhook, WebhookVerificationError

from service.api.schemas import RetrievedSession
from service.clock import now_ms
from service.events import ANALYSIS_RECORDED, add_event
from service.tables import EventRow, SessionRow
from service.webhooks.retention import forget_messages
from service.webhooks.tables import DeliveryRow, EndpointRow, MessageRow, SecretRow
from tests.service.running_service import Service, StartService
from tests.service.service_builders import BuilderAnalyser, deepfake_evidence
from tests.service.webhook_builders import AT_ONCE, INSIDE, Hooks
from tests.service.webhook_receiver import HANG, Got, Receiver, running_receiver

_DAY_MS = 24 * 3600 * 1000


def _verified(got: Got, secret: str) -> dict[str, Any]:
    message: dict[str, Any] = Webhook(secret).verify(got.body, got.headers)
    return message


def _slow(start_service: StartService, receiver: Receiver, **settings: Any) -> Hooks:
    """A service with the published schedule."""
    return Hooks(start_service(**INSIDE, **settings), receiver)


def _age(hooks: Hooks, endpoint_id: str, ms: int) -> None:
    """Let every waiting delivery of an endpoint become due `ms` earlier."""
    with hooks.service.context.database.write() as db:
        for row in db.exec(select(DeliveryRow).where(DeliveryRow.endpoint_id == endpoint_id)):
            row.next_try_at -= ms
            db.add(row)
            hooks.queue.enqueue_in_transaction(db, row.id)


def _failed_tries(hooks: Hooks, endpoint_id: str, n: int) -> dict[str, Any]:
    """Wait until the first delivery has failed `n` times and return it."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        rows = hooks.deliveries(endpoint_id)
        if rows and rows[0]["tries"] >= n:
            return rows[0]
        time.sleep(0.02)
    pytest.fail("not tried often enough")


def test_a_session_from_its_creation_to_its_verdict(
    start_service: StartService, receiver: Receiver
) -> None:
    analyser = BuilderAnalyser(evidence=deepfake_evidence())
    hooks = Hooks(start_service(analyser, **INSIDE), receiver)
    endpoint = hooks.endpoint(events=["*"])
    session_id = hooks.service.captured()
    record = hooks.service.judged(session_id)
    got = receiver.wait_for(4)
    messages = [_verified(one, endpoint["secret"]) for one in got]
    assert [one["type"] for one in messages] == [
        "session.created",
        "session.status.submitted",
        "security.deepfake_detected",
        "session.status.rejected",
    ]
    assert [one["sequence"] for one in messages] == [1, 2, 3, 4]
    assert {one["session_id"] for one in messages} == {session_id}
    assert {one["attempt"] for one in messages} == {1}
    with hooks.service.context.database.read() as db:
        events = db.exec(select(EventRow).order_by("sequence")).all()
    assert [one.id for one in got] == [event.id for event in events]
    for one in got:
        assert "." not in one.id
        assert one.headers["content-type"] == "application/json"
    for message in messages:
        RetrievedSession.model_validate(message["data"])
        assert message["data"]["session_record"]["sequence"] == message["sequence"]
    statuses = [one["data"]["session_record"]["status"] for one in messages]
    assert statuses == ["PENDING", "SUBMITTED", "SUBMITTED", "REJECTED"]
    last = messages[-1]
    assert last["reason_code"] == "visual_deepfake"
    assert last["data"]["session_record"] == record
    assert (
        last["data"]["session_record"]["analysis_data"]["deepfake_detection_data"]
        == (record["analysis_data"]["deepfake_detection_data"])
    )


def test_set_by_hand(hooks: Hooks) -> None:
    endpoint = hooks.endpoint()
    session_id = hooks.service.create()["id"]
    for status in ("VERIFIED", "VERIFIED"):
        hooks.service.client.patch(
            f"/v1/sessions/{session_id}", json={"status": status}, headers=hooks.service.auth
        )
    rows = hooks.settled(endpoint["id"], 2)
    assert [row["type"] for row in rows] == ["session.created", "session.status.verified"]


def test_only_what_the_filter_names_is_sent(hooks: Hooks) -> None:
    one = hooks.endpoint(events=["session.status.voided"])
    all_ = hooks.endpoint(events=["session.*"])
    session_id = hooks.service.create()["id"]
    hooks.service.client.patch(
        f"/v1/sessions/{session_id}", json={"status": "VOIDED"}, headers=hooks.service.auth
    )
    assert [row["type"] for row in hooks.settled(one["id"])] == ["session.status.voided"]
    both = hooks.settled(all_["id"], 2)
    assert both[1]["event_id"] == hooks.deliveries(one["id"])[0]["event_id"]


def test_camel_case_bodies(hooks: Hooks) -> None:
    endpoint = hooks.endpoint(casing="camel")
    session_id = hooks.service.create()["id"]
    message = _verified(hooks.receiver.wait_for(1)[0], endpoint["secret"])
    assert message["sessionId"] == session_id
    assert message["data"]["sessionRecord"]["sessionProgress"] == "PENDING"
    assert message["data"]["senderUser"]


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
        assert _verified(one, endpoint["secret"])
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
    hooks = _slow(start_service, receiver)
    receiver.script = [(429, {"Retry-After": "3600"})]
    endpoint = hooks.endpoint()
    hooks.service.create()
    row = _failed_tries(hooks, endpoint["id"], 1)
    assert row["next_try_at"] > row["created_at"]
    with hooks.service.context.database.read() as db:
        stored = db.exec(select(DeliveryRow)).one()
    assert 3600_000 <= stored.next_try_at - stored.scheduled_at <= 1.2 * 3600_000


def test_the_first_pauses_are_those_of_the_schedule(
    start_service: StartService, receiver: Receiver
) -> None:
    hooks = _slow(start_service, receiver)
    receiver.otherwise = 500
    endpoint = hooks.endpoint()
    hooks.service.create()
    for tries, pause_ms in ((1, 5_000), (2, 300_000), (3, 1_800_000)):
        _failed_tries(hooks, endpoint["id"], tries)
        with hooks.service.context.database.read() as db:
            stored = db.exec(select(DeliveryRow)).one()
        assert pause_ms <= stored.next_try_at - stored.scheduled_at <= 1.2 * pause_ms
        _age(hooks, endpoint["id"], 2 * pause_ms)


def test_order_within_a_session_and_not_between_sessions(
    start_service: StartService, receiver: Receiver
) -> None:
    hooks = _slow(start_service, receiver)
    receiver.script = [500]
    endpoint = hooks.endpoint()
    first = hooks.service.create()["id"]
    _failed_tries(hooks, endpoint["id"], 1)
    hooks.service.client.patch(
        f"/v1/sessions/{first}", json={"status": "VOIDED"}, headers=hooks.service.auth
    )
    second = hooks.service.create()["id"]
    # The other session goes ahead; the first one's next event waits for its earlier one.
    assert receiver.wait_for(2)[1].message["session_id"] == second
    time.sleep(0.3)
    assert len(receiver.got) == 2
    _age(hooks, endpoint["id"], 10_000)
    got = [one.message for one in receiver.wait_for(4)[2:]]
    assert [(one["session_id"], one["sequence"]) for one in got] == [(first, 1), (first, 2)]


def test_an_event_that_keeps_failing_holds_later_ones_back_for_four_tries(
    start_service: StartService, receiver: Receiver
) -> None:
    hooks = _slow(start_service, receiver)
    receiver.script.extend(4 * [500])
    endpoint = hooks.endpoint()
    session_id = hooks.service.create()["id"]
    hooks.service.client.patch(
        f"/v1/sessions/{session_id}", json={"status": "VOIDED"}, headers=hooks.service.auth
    )
    for tries in range(1, 4):
        _failed_tries(hooks, endpoint["id"], tries)
        assert [one.message["sequence"] for one in receiver.got] == tries * [1]
        _age(hooks, endpoint["id"], 3_600_000)
    sequences = [one.message["sequence"] for one in receiver.wait_for(5)]
    assert sequences == [1, 1, 1, 1, 2]
    assert hooks.deliveries(endpoint["id"])[0]["state"] == "waiting"


def test_a_hanging_receiver_holds_up_no_other(
    start_service: StartService, receiver: Receiver
) -> None:
    receiver.otherwise = HANG
    hooks = _slow(start_service, receiver, webhook_timeout_s=30, drain_timeout_s=0.1)
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
    message = _verified(hooks.receiver.got[-1], other["secret"])
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
    hooks = _slow(start_service, receiver)
    receiver.otherwise = 500
    endpoint = hooks.endpoint()
    with hooks.service.context.database.write() as db:
        row = db.get_one(EndpointRow, endpoint["id"])
        row.failing_since, row.failures = now_ms() - 7 * _DAY_MS, 1
        db.add(row)
    hooks.service.create()
    _failed_tries(hooks, endpoint["id"], 1)
    assert hooks.call("GET", endpoint["id"])["enabled"]


def test_rotation_without_a_lost_delivery(hooks: Hooks) -> None:
    endpoint = hooks.endpoint()
    old = endpoint["secret"]
    hooks.service.create()
    hooks.settled(endpoint["id"])
    new = hooks.call("POST", f"{endpoint['id']}/rotate-secret", json={"overlap_s": 3600})["secret"]
    assert new != old
    hooks.service.create()
    hooks.settled(endpoint["id"], 2)
    overlapping = hooks.receiver.got[1]
    assert _verified(overlapping, old)  # a receiver that has not changed over yet
    assert _verified(overlapping, new)  # and one that has
    with hooks.service.context.database.write() as db:
        db.exec(
            update(SecretRow)
            .where(SecretRow.expires_at.is_not(None))  # type: ignore[union-attr]
            .values(expires_at=now_ms() - 1)
        )
    hooks.service.create()
    hooks.settled(endpoint["id"], 3)
    last = hooks.receiver.got[2]
    assert _verified(last, new)
    with pytest.raises(WebhookVerificationError):
        _verified(last, old)
    # A leaked secret can be ended at once.
    third = hooks.call("POST", f"{endpoint['id']}/rotate-secret", json={"overlap_s": 0})
    assert len(third["secrets"]) == 1


def test_a_rotation_in_the_middle_of_a_stream_loses_nothing(hooks: Hooks) -> None:
    endpoint = hooks.endpoint()
    old, path = endpoint["secret"], f"{endpoint['id']}/rotate-secret"
    sessions = [hooks.service.create()["id"] for _ in range(8)]
    new = hooks.call("POST", path, json={"overlap_s": 600})["secret"]
    sessions += [hooks.service.create()["id"] for _ in range(8)]
    rows = hooks.settled(endpoint["id"], 16)
    assert {row["state"] for row in rows} == {"delivered"}
    assert {row["tries"] for row in rows} == {1}
    # The old secret takes every one of them; the new one fits from the rotation on.
    taken = [_verified(one, old)["session_id"] for one in hooks.receiver.got]
    assert sorted(taken) == sorted(sessions)
    after = [one for one in hooks.receiver.got if one.message["session_id"] in sessions[8:]]
    assert all(_verified(one, new) for one in after)


def test_a_retry_after_a_rotation_is_signed_with_what_is_valid_then(hooks: Hooks) -> None:
    hooks.receiver.otherwise = 500
    endpoint = hooks.endpoint()
    hooks.service.create()
    (row,) = hooks.settled(endpoint["id"])
    new = hooks.call("POST", f"{endpoint['id']}/rotate-secret", json={"overlap_s": 0})["secret"]
    hooks.receiver.otherwise = 204
    hooks.call("POST", f"{endpoint['id']}/deliveries/{row['id']}/replay", expect=202)
    assert _verified(hooks.receiver.wait_for(11)[-1], new)


def test_a_captured_request_can_not_be_sent_again_later(hooks: Hooks) -> None:
    endpoint = hooks.endpoint()
    hooks.service.create()
    (got,) = hooks.receiver.wait_for(1)
    assert _verified(got, endpoint["secret"])
    late = dict(got.headers)
    late["webhook-timestamp"] = str(int(late["webhook-timestamp"]) - 301)
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint["secret"]).verify(got.body, late)


def test_the_test_event(hooks: Hooks) -> None:
    hooks.receiver.otherwise = 500
    endpoint = hooks.endpoint(events=["session.created"])
    sent = hooks.call("POST", f"{endpoint['id']}/test", expect=202)
    assert (sent["type"], sent["state"]) == ("webhook.test", "waiting")
    (row,) = hooks.settled(endpoint["id"])
    assert (row["state"], row["tries"], row["last_status"]) == ("failed", 1, 500)
    assert hooks.call("GET", endpoint["id"])["failing_since"] is None
    hooks.receiver.otherwise = 204
    hooks.call("POST", f"{endpoint['id']}/test", expect=202)
    message = _verified(hooks.receiver.wait_for(2)[1], endpoint["secret"])
    assert message["data"]["endpoint_id"] == endpoint["id"]


def test_messages_that_are_not_kept_can_not_be_replayed(hooks: Hooks) -> None:
    endpoint = hooks.endpoint()
    hooks.service.create()
    (row,) = hooks.settled(endpoint["id"])
    with hooks.service.context.database.write() as db:
        db.delete(db.exec(select(MessageRow)).one())
    path = f"{endpoint['id']}/deliveries/{row['id']}/replay"
    assert hooks.call("POST", path, expect=409)["error"]["code"] == "MESSAGE_EXPIRED"


def test_old_messages_are_forgotten_and_what_is_on_its_way_is_not(
    start_service: StartService, receiver: Receiver
) -> None:
    hooks = _slow(start_service, receiver, webhook_retention_s=3600)
    endpoint = hooks.endpoint()
    delivered = hooks.service.create()["id"]
    hooks.settled(endpoint["id"])
    receiver.otherwise = 500
    waiting, fresh = hooks.service.create()["id"], hooks.service.create()["id"]
    with hooks.service.context.database.write() as db:
        for row in db.exec(select(DeliveryRow)):
            if row.subject_id != fresh:
                for message in db.exec(
                    select(MessageRow).where(MessageRow.event_id == row.event_id)
                ):
                    message.created_at -= 3_700_000
                    db.add(message)
    assert forget_messages(hooks.service.context) == 1
    left = {row["subject_id"] for row in hooks.deliveries(endpoint["id"])}
    assert left == {waiting, fresh}
    assert delivered not in left
    assert forget_messages(hooks.service.context) == 0


def test_nothing_is_sent_of_what_is_rolled_back(hooks: Hooks) -> None:
    endpoint = hooks.endpoint(events=["*"])
    session_id = hooks.service.create()["id"]
    hooks.settled(endpoint["id"])
    database = hooks.service.context.database

    def fail_after_the_event() -> None:
        with database.write() as db:
            add_event(db, db.get_one(SessionRow, session_id), ANALYSIS_RECORDED, "engine")
            raise RuntimeError("rolled back")

    with pytest.raises(RuntimeError, match="rolled back"):
        fail_after_the_event()
    time.sleep(0.2)
    assert len(hooks.deliveries(endpoint["id"])) == 1
    assert len(hooks.receiver.got) == 1


def test_what_waits_is_delivered_after_a_restart(
    start_service: StartService, receiver: Receiver
) -> None:
    receiver.otherwise = 500
    first = _slow(start_service, receiver)
    endpoint = first.endpoint()
    first.service.create()
    _failed_tries(first, endpoint["id"], 1)
    with first.service.context.database.write() as db:  # as a process leaves it that was killed
        row = db.exec(select(DeliveryRow)).one()
        row.claim, row.claimed_until, row.next_try_at = "dead", now_ms() + 15_000, now_ms()
        db.add(row)
    _stop(first.service)
    receiver.otherwise = 204
    second = _slow(start_service, receiver)
    (row_now,) = Hooks(second.service, receiver).settled(endpoint["id"])
    assert row_now["state"] == "delivered"
    assert len({one.id for one in receiver.got}) == 1


def _stop(service: Service) -> None:
    service.client.__exit__()


def test_a_clock_that_was_set_back_delays_nothing(
    start_service: StartService, receiver: Receiver
) -> None:
    receiver.script = [500]
    hooks = _slow(start_service, receiver)
    endpoint = hooks.endpoint()
    hooks.service.create()
    _failed_tries(hooks, endpoint["id"], 1)
    with hooks.service.context.database.write() as db:
        row = db.exec(select(DeliveryRow)).one()
        row.scheduled_at += _DAY_MS
        row.next_try_at += _DAY_MS
        db.add(row)
    (row_now,) = hooks.settled(endpoint["id"])
    assert row_now["state"] == "delivered"


def test_logs_hold_no_secret_no_url_no_body(hooks: Hooks, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="service")
    hooks.receiver.otherwise = 500
    endpoint = hooks.endpoint()
    hooks.service.create()
    hooks.settled(endpoint["id"])
    written = json.dumps([str(vars(record)) for record in caplog.records])
    for word in (endpoint["secret"], "hooks?tenant", "Ada", "ada@example.com"):
        assert word not in written

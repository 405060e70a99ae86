"""What is posted of an event, to whom, and what is not."""

from __future__ import annotations

import json
import time

import pytest
from sqlmodel import select

from service.api.schemas import RetrievedSession
from service.api.webhook_schemas import WebhookMessage
from service.events import ANALYSIS_RECORDED, add_event
from service.tables import EventRow, SessionRow
from service.webhooks.retention import forget_messages
from service.webhooks.tables import DeliveryRow, MessageRow
from tests.service.running_service import StartService
from tests.service.service_builders import BuilderAnalyser, deepfake_evidence
from tests.service.webhook_builders import (
    INSIDE,
    Hooks,
    published,
    verified,
)
from tests.service.webhook_receiver import Receiver


def test_a_session_from_its_creation_to_its_verdict(
    start_service: StartService, receiver: Receiver
) -> None:
    analyser = BuilderAnalyser(evidence=deepfake_evidence())
    hooks = Hooks(start_service(analyser, **INSIDE), receiver)
    endpoint = hooks.endpoint(events=["*"])
    session_id = hooks.service.captured()
    record = hooks.service.judged(session_id)
    got = receiver.wait_for(4)
    messages = [verified(one, endpoint["secret"]) for one in got]
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
    assert [one["id"] for one in messages] == [one.id for one in got]
    for message in messages:
        WebhookMessage.model_validate(message)
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
    message = verified(hooks.receiver.wait_for(1)[0], endpoint["secret"])
    assert message["sessionId"] == session_id
    assert message["data"]["sessionRecord"]["sessionProgress"] == "PENDING"
    assert message["data"]["senderUser"]


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
    message = verified(hooks.receiver.wait_for(2)[1], endpoint["secret"])
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
    hooks = published(start_service, receiver, webhook_retention_s=3600)
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


def test_logs_hold_no_secret_no_url_no_body(hooks: Hooks, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="service")
    hooks.receiver.otherwise = 500
    endpoint = hooks.endpoint()
    hooks.service.create()
    hooks.settled(endpoint["id"])
    written = json.dumps([str(vars(record)) for record in caplog.records])
    for word in (endpoint["secret"], "hooks?tenant", "Ada", "ada@example.com"):
        assert word not in written

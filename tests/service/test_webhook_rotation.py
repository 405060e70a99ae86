"""Secrets change without a lost delivery; what was captured can not be sent again later."""

from __future__ import annotations

import pytest
from sqlmodel import update
from standardwebhooks import Webhook, WebhookVerificationError

from service.clock import now_ms
from service.webhooks.tables import SecretRow
from tests.service.webhook_builders import (
    Hooks,
    verified,
)


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
    assert verified(overlapping, old)  # a receiver that has not changed over yet
    assert verified(overlapping, new)  # and one that has
    with hooks.service.context.database.write() as db:
        db.exec(
            update(SecretRow)
            .where(SecretRow.expires_at.is_not(None))  # type: ignore[union-attr]
            .values(expires_at=now_ms() - 1)
        )
    hooks.service.create()
    hooks.settled(endpoint["id"], 3)
    last = hooks.receiver.got[2]
    assert verified(last, new)
    with pytest.raises(WebhookVerificationError):
        verified(last, old)
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
    taken = [verified(one, old)["session_id"] for one in hooks.receiver.got]
    assert sorted(taken) == sorted(sessions)
    after = [one for one in hooks.receiver.got if one.message["session_id"] in sessions[8:]]
    assert all(verified(one, new) for one in after)


def test_a_retry_after_a_rotation_is_signed_with_what_is_valid_then(hooks: Hooks) -> None:
    hooks.receiver.otherwise = 500
    endpoint = hooks.endpoint()
    hooks.service.create()
    (row,) = hooks.settled(endpoint["id"])
    new = hooks.call("POST", f"{endpoint['id']}/rotate-secret", json={"overlap_s": 0})["secret"]
    hooks.receiver.otherwise = 204
    hooks.call("POST", f"{endpoint['id']}/deliveries/{row['id']}/replay", expect=202)
    assert verified(hooks.receiver.wait_for(11)[-1], new)


def test_a_captured_request_can_not_be_sent_again_later(hooks: Hooks) -> None:
    endpoint = hooks.endpoint()
    hooks.service.create()
    (got,) = hooks.receiver.wait_for(1)
    assert verified(got, endpoint["secret"])
    late = dict(got.headers)
    late["webhook-timestamp"] = str(int(late["webhook-timestamp"]) - 301)
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint["secret"]).verify(got.body, late)

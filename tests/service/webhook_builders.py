"""A running service whose events go to a receiver on this machine."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pytest
from sqlmodel import select
from standardwebhooks import Webhook

from service.outbox import DeliveryQueue
from service.webhooks.tables import DeliveryRow
from tests.service.running_service import Service, StartService
from tests.service.webhook_receiver import Got, Receiver

INSIDE: dict[str, Any] = {
    "webhook_allow_http": True,
    "webhook_allowed_networks": ("127.0.0.0/8",),
}
AT_ONCE = (0.0,) * 10


@dataclass
class Hooks:
    """A service, a receiver, and what a test does with both."""

    service: Service
    receiver: Receiver

    @property
    def queue(self) -> DeliveryQueue:
        """The queue of the running service."""
        app: Any = self.service.client.app
        queue: DeliveryQueue = app.state.webhooks.queue
        return queue

    def endpoint(self, **changes: Any) -> dict[str, Any]:
        """Make an endpoint for the receiver and return it with its secret."""
        body = {"url": self.receiver.url} | changes
        response = self.service.client.post(
            "/v1/webhook-endpoints", json=body, headers=self.service.auth
        )
        assert response.status_code == 201, response.text
        made: dict[str, Any] = response.json()
        return made

    def call(
        self, method: str, path: str, *, expect: int = 200, json: Any = None
    ) -> dict[str, Any]:
        """Call a route under /v1/webhook-endpoints/ and return its answer."""
        response = self.service.client.request(
            method, f"/v1/webhook-endpoints/{path}", headers=self.service.auth, json=json
        )
        assert response.status_code == expect, response.text
        answer: dict[str, Any] = response.json() if response.content else {}
        return answer

    def deliveries(self, endpoint_id: str, query: str = "") -> list[dict[str, Any]]:
        """Return an endpoint's deliveries, oldest first."""
        page = self.call("GET", f"{endpoint_id}/deliveries?limit=500&{query}")
        return list(reversed(page["data"]))

    def settled(self, endpoint_id: str, n: int = 1) -> list[dict[str, Any]]:
        """Wait until there are `n` deliveries and none waits, and return them."""
        end = time.monotonic() + 15
        while time.monotonic() < end:
            rows = self.deliveries(endpoint_id)
            if len(rows) >= n and all(row["state"] != "waiting" for row in rows):
                return rows
            time.sleep(0.02)
        pytest.fail(f"not settled: {rows}")

    def log(self, endpoint_id: str, delivery: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the tries of a delivery."""
        answer = self.call("GET", f"{endpoint_id}/deliveries/{delivery['id']}")
        tries: list[dict[str, Any]] = answer["log"]
        return tries


def verified(got: Got, secret: str) -> dict[str, Any]:
    """Return the message as the published library reads it; it raises what it refuses."""
    message: dict[str, Any] = Webhook(secret).verify(got.body, got.headers)
    return message


def published(start_service: StartService, receiver: Receiver, **settings: Any) -> Hooks:
    """A service with the published schedule."""
    return Hooks(start_service(**INSIDE, **settings), receiver)


def age(hooks: Hooks, endpoint_id: str, ms: int) -> None:
    """Let every waiting delivery of an endpoint become due `ms` earlier."""
    with hooks.service.context.database.write() as db:
        for row in db.exec(select(DeliveryRow).where(DeliveryRow.endpoint_id == endpoint_id)):
            row.next_try_at -= ms
            db.add(row)
            hooks.queue.enqueue_in_transaction(db, row.id)


def failed_tries(hooks: Hooks, endpoint_id: str, n: int) -> dict[str, Any]:
    """Wait until the first delivery has failed `n` times and return it."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        rows = hooks.deliveries(endpoint_id)
        if rows and rows[0]["tries"] >= n:
            return rows[0]
        time.sleep(0.02)
    pytest.fail("not tried often enough")

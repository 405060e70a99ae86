"""A running service whose events go to a receiver on this machine."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pytest

from service.outbox import DeliveryQueue
from tests.service.running_service import Service
from tests.service.webhook_receiver import Receiver

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

"""Make one try of one delivery: claim, sign, post, record."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from service.clock import now_ms
from service.database import Database
from service.logs import log_context
from service.metrics.record import count_webhook_try
from service.outbox import DeliveryQueue
from service.settings import Settings
from service.tracing import span
from service.webhooks.claims import Claimed, NotNow, claim, record, release
from service.webhooks.post import Outcome, Sender
from service.webhooks.signature import signed_headers
from service.webhooks.signing_secrets import SecretBox

_LOG = logging.getLogger(__name__)
_HEADERS = {
    "content-type": "application/json",
    "user-agent": "Bonafide-Webhooks/1.0",
    "connection": "close",
}


@dataclass(frozen=True, slots=True)
class Deliverer:
    """Implements `service.outbox.DeliveryHandler`; may be called too early and too often."""

    database: Database
    settings: Settings
    queue: DeliveryQueue
    box: SecretBox
    sender: Sender

    async def deliver(self, delivery_id: str, number: int) -> float | None:
        """Post once if it is this delivery's turn; see `DeliveryHandler.deliver`."""
        with log_context(delivery_id=delivery_id), span("delivery", delivery_id=delivery_id):
            return await self._deliver(delivery_id, number)

    async def _deliver(self, delivery_id: str, number: int) -> float | None:
        found = await asyncio.to_thread(
            claim, self.database, self.settings, self.box, delivery_id, number
        )
        if isinstance(found, NotNow):
            return found.again_s
        try:
            outcome = await self._post(found)
        except asyncio.CancelledError:
            await asyncio.shield(asyncio.to_thread(release, self.database, found))
            raise
        count_webhook_try(outcome.error, outcome.duration_ms / 1000)
        if not outcome.is_delivered:
            extra = {"delivery_id": delivery_id, "status": outcome.status, "reason": outcome.error}
            _LOG.info("webhook try failed", extra=extra)
        return await asyncio.to_thread(
            record, self.database, self.settings, self.queue, found, number, outcome
        )

    async def _post(self, claimed: Claimed) -> Outcome:
        if not claimed.secrets:
            _LOG.error(
                "the secret of a webhook endpoint does not open; set the key back, or rotate it",
                extra={"delivery_id": claimed.delivery_id},
            )
            return Outcome(None, "secret_unreadable", 0)
        signed = signed_headers(claimed.secrets, claimed.event_id, now_ms() // 1000, claimed.body)
        return await self.sender.post(claimed.url, _HEADERS | signed, claimed.body)

"""Disable an endpoint: nothing more is sent to it, and the tenant's other endpoints are told."""

from __future__ import annotations

import logging

from sqlmodel import Session, col, select, update

from service.audit.log import note
from service.clock import as_wire, now_ms
from service.outbox import DeliveryQueue
from service.tables import new_id
from service.webhooks.event_types import ENDPOINT_DISABLED, is_wanted
from service.webhooks.outbox import add_delivery
from service.webhooks.payload import endpoint_message
from service.webhooks.tables import DeliveryRow, DeliveryState, DisabledReason, EndpointRow

_LOG = logging.getLogger(__name__)


def disable(
    db: Session, queue: DeliveryQueue, endpoint: EndpointRow, reason: DisabledReason
) -> None:
    """Disable `endpoint` and cancel what waits for it; a replay can take that up again."""
    now = now_ms()
    endpoint.enabled, endpoint.disabled_reason, endpoint.disabled_at = False, reason, now
    endpoint.updated_at = now
    db.add(endpoint)
    if reason is not DisabledReason.BY_HAND:
        note(
            db,
            endpoint.organization_id,
            "webhook_endpoint.disabled",
            "engine",
            endpoint.id,
            reason=str(reason),
        )
    db.exec(
        update(DeliveryRow)
        .where(
            col(DeliveryRow.endpoint_id) == endpoint.id,
            col(DeliveryRow.state) == DeliveryState.WAITING,
        )
        .values(state=DeliveryState.CANCELLED, finished_at=now)
    )
    if reason is DisabledReason.BY_HAND:
        return
    extra = {"endpoint_id": endpoint.id, "reason": str(reason)}
    _LOG.warning("webhook endpoint disabled", extra=extra)
    _tell_others(db, queue, endpoint, now)


def _tell_others(db: Session, queue: DeliveryQueue, endpoint: EndpointRow, now: int) -> None:
    failing_since = endpoint.failing_since
    data = {
        "endpoint_id": endpoint.id,
        "url": endpoint.url,
        "disabled_reason": endpoint.disabled_reason,
        "disabled_at": as_wire(now),
        "failing_since": None if failing_since is None else as_wire(failing_since),
    }
    event_id = new_id()
    message = endpoint_message(ENDPOINT_DISABLED, event_id, now, data)
    query = select(EndpointRow).where(
        EndpointRow.organization_id == endpoint.organization_id, EndpointRow.id != endpoint.id
    )
    for other in db.exec(query).all():
        if is_wanted(ENDPOINT_DISABLED, other.events):
            add_delivery(
                db, queue, other, message, event_id=event_id, subject_id=event_id, sequence=1
            )

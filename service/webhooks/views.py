"""Endpoints and deliveries on the wire."""

from __future__ import annotations

from collections.abc import Sequence

from service.clock import as_wire
from service.sessions.views import WireObject
from service.webhooks.tables import DeliveryRow, DeliveryState, EndpointRow, SecretRow, TryRow


def endpoint_view(endpoint: EndpointRow, secrets: Sequence[SecretRow]) -> WireObject:
    """Return an endpoint; of its secrets only when they began and end."""
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "description": endpoint.description,
        "events": list(endpoint.events),
        "casing": endpoint.casing,
        "enabled": endpoint.enabled,
        "disabled_reason": endpoint.disabled_reason,
        "disabled_at": _wire(endpoint.disabled_at),
        "failing_since": _wire(endpoint.failing_since),
        "secrets": [
            {
                "id": one.id,
                "created_at": as_wire(one.created_at),
                "expires_at": _wire(one.expires_at),
            }
            for one in secrets
        ],
        "created_at": as_wire(endpoint.created_at),
        "updated_at": as_wire(endpoint.updated_at),
    }


def delivery_view(delivery: DeliveryRow) -> WireObject:
    """Return a delivery as it stands."""
    is_waiting = delivery.state == DeliveryState.WAITING
    return {
        "id": delivery.id,
        "endpoint_id": delivery.endpoint_id,
        "event_id": delivery.event_id,
        "type": delivery.type,
        "subject_id": delivery.subject_id,
        "sequence": delivery.sequence,
        "state": delivery.state,
        "tries": delivery.tries,
        "last_status": delivery.last_status,
        "last_error": delivery.last_error,
        "next_try_at": as_wire(delivery.next_try_at) if is_waiting else None,
        "created_at": as_wire(delivery.created_at),
        "finished_at": _wire(delivery.finished_at),
    }


def try_view(one: TryRow) -> WireObject:
    """Return one line of a delivery's log."""
    return {
        "number": one.number,
        "at": as_wire(one.at),
        "status": one.status,
        "error": one.error,
        "duration_ms": one.duration_ms,
    }


def _wire(ms: int | None) -> str | None:
    return None if ms is None else as_wire(ms)

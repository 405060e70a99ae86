"""Read the log of deliveries, send again what failed, and send a test."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, and_, col, or_, select

from service.clock import as_ms, now_ms
from service.errors import (
    ConflictError,
    FieldError,
    NotFoundError,
    UnprocessableError,
)
from service.keys import Caller
from service.paging import read_token, write_token
from service.sessions.views import WireObject
from service.tables import new_id
from service.webhooks.desk import WebhookDesk
from service.webhooks.endpoints import find_endpoint
from service.webhooks.event_types import TEST_EVENT
from service.webhooks.outbox import add_delivery, ring
from service.webhooks.payload import endpoint_message
from service.webhooks.requests import ReplayMany
from service.webhooks.tables import (
    DeliveryRow,
    DeliveryState,
    EndpointRow,
    MessageRow,
    TryRow,
)
from service.webhooks.views import delivery_view, try_view

# Sends at most this many again at one request, oldest first; the answer says to repeat it.
_MOST_REPLAYED = 1000


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Which deliveries of an endpoint to list, newest first."""

    limit: int = 50
    next_token: str | None = None
    state: DeliveryState | None = None
    type: str | None = None
    subject_id: str | None = None


def list_deliveries(
    desk: WebhookDesk, caller: Caller, endpoint_id: str, wanted: DeliveryFilter
) -> WireObject:
    """Return one page of an endpoint's deliveries.

    Raises
    ------
    NotFoundError
        When this tenant has no such endpoint.
    BadRequestError
        When `next_token` is not one that a page ended with.
    """
    created, own_id = col(DeliveryRow.created_at), col(DeliveryRow.id)
    with desk.database.read() as db:
        endpoint = find_endpoint(db, caller, endpoint_id)
        query = select(DeliveryRow).where(DeliveryRow.endpoint_id == endpoint.id)
        for column, value in (
            (DeliveryRow.state, wanted.state),
            (DeliveryRow.type, wanted.type),
            (DeliveryRow.subject_id, wanted.subject_id),
        ):
            if value is not None:
                query = query.where(col(column) == value)
        if wanted.next_token is not None:
            at, last = read_token(wanted.next_token)
            query = query.where(or_(created < at, and_(created == at, own_id < last)))
        rows = db.exec(query.order_by(created.desc(), own_id.desc()).limit(wanted.limit + 1)).all()
    shown = rows[: wanted.limit]
    has_more = len(rows) > wanted.limit
    return {
        "data": [delivery_view(one) for one in shown],
        "has_more": has_more,
        "limit": wanted.limit,
        "next_token": write_token(shown[-1].created_at, shown[-1].id) if has_more else None,
    }


def get_delivery(
    desk: WebhookDesk, caller: Caller, endpoint_id: str, delivery_id: str
) -> WireObject:
    """Return a delivery with the log of its tries.

    Raises
    ------
    NotFoundError
        When this tenant has no such endpoint, or the endpoint no such delivery.
    """
    with desk.database.read() as db:
        delivery = _find(db, find_endpoint(db, caller, endpoint_id), delivery_id)
        tries = select(TryRow).where(TryRow.delivery_id == delivery.id)
        log = [try_view(one) for one in db.exec(tries.order_by(col(TryRow.number))).all()]
    return delivery_view(delivery) | {"log": log}


def replay_one(desk: WebhookDesk, caller: Caller, endpoint_id: str, delivery_id: str) -> WireObject:
    """Send a delivery again: same id, same bytes, from the start of the schedule.

    Raises
    ------
    NotFoundError
        When this tenant has no such endpoint, or the endpoint no such delivery.
    ConflictError
        When the endpoint is disabled, or the message is not kept any more.
    """
    with desk.database.write() as db:
        endpoint = _enabled(find_endpoint(db, caller, endpoint_id, lock=True))
        delivery = _find(db, endpoint, delivery_id, lock=True)
        if db.get(MessageRow, (delivery.event_id, delivery.casing)) is None:
            message = "what was posted is not kept any more; retrieve the session instead"
            raise ConflictError(message, "MESSAGE_EXPIRED")
        _restart(db, desk, delivery, endpoint)
        return delivery_view(delivery)


def replay_many(
    desk: WebhookDesk, caller: Caller, endpoint_id: str, asked: ReplayMany
) -> WireObject:
    """Send deliveries again, oldest first; return how many, and whether there are more.

    Raises
    ------
    NotFoundError
        When this tenant has no such endpoint.
    ConflictError
        When the endpoint is disabled.
    UnprocessableError
        When `since` is not a moment.
    """
    since_ms = _moment(asked.since)
    with desk.database.write() as db:
        endpoint = _enabled(find_endpoint(db, caller, endpoint_id, lock=True))
        is_kept = and_(
            col(MessageRow.event_id) == col(DeliveryRow.event_id),
            col(MessageRow.casing) == col(DeliveryRow.casing),
        )
        rows = db.exec(
            select(DeliveryRow)
            .join(MessageRow, is_kept)
            .where(
                DeliveryRow.endpoint_id == endpoint.id,
                DeliveryRow.created_at >= since_ms,
                col(DeliveryRow.state).in_(asked.states),
            )
            .order_by(col(DeliveryRow.created_at), col(DeliveryRow.sequence))
            .limit(_MOST_REPLAYED + 1)
            .with_for_update(of=DeliveryRow)
        ).all()
        for delivery in rows[:_MOST_REPLAYED]:
            _restart(db, desk, delivery, endpoint)
    return {"replayed": min(len(rows), _MOST_REPLAYED), "has_more": len(rows) > _MOST_REPLAYED}


def send_test(desk: WebhookDesk, caller: Caller, endpoint_id: str) -> WireObject:
    """Queue one test event for this endpoint, whatever its filter; it is tried once.

    Raises
    ------
    NotFoundError
        When this tenant has no such endpoint.
    ConflictError
        When the endpoint is disabled.
    """
    with desk.database.write() as db:
        endpoint = _enabled(find_endpoint(db, caller, endpoint_id, lock=True))
        event_id = new_id()
        data = {"endpoint_id": endpoint.id, "description": endpoint.description}
        message = endpoint_message(TEST_EVENT, event_id, now_ms(), data)
        delivery = add_delivery(
            db, desk.queue, endpoint, message, event_id=event_id, subject_id=event_id, sequence=1
        )
        return delivery_view(delivery)


def _restart(db: Session, desk: WebhookDesk, delivery: DeliveryRow, endpoint: EndpointRow) -> None:
    delivery.state, delivery.finished_at = DeliveryState.WAITING, None
    delivery.round_tries = 0
    delivery.alarm += 1
    delivery.next_try_at = delivery.scheduled_at = now_ms()
    db.add(delivery)
    db.flush()
    ring(db, desk.queue, delivery, endpoint.organization_id)


def _enabled(endpoint: EndpointRow) -> EndpointRow:
    if not endpoint.enabled:
        raise ConflictError("enable the endpoint first", "ENDPOINT_DISABLED")
    return endpoint


def _find(
    db: Session, endpoint: EndpointRow, delivery_id: str, *, lock: bool = False
) -> DeliveryRow:
    query = select(DeliveryRow).where(
        DeliveryRow.id == delivery_id, DeliveryRow.endpoint_id == endpoint.id
    )
    delivery = db.exec(query.with_for_update() if lock else query).first()
    if delivery is None:
        raise NotFoundError("this endpoint has no such delivery", "DELIVERY_NOT_FOUND")
    return delivery


def _moment(text: str) -> int:
    try:
        return as_ms(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        message = "Input should be a date, or a date and time, in ISO 8601"
        raise UnprocessableError(message, fields=[FieldError("since", message)]) from None

"""Write the deliveries of an event, in the transaction that writes the event."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, select

from service.casing import Casing
from service.clock import now_ms
from service.context import Context
from service.database import is_test
from service.outbox import DeliveryQueue
from service.sessions.views import WireObject
from service.tables import EventRow, SessionRow
from service.test_mode import MARK
from service.voice.tables import VoiceEventRow
from service.webhooks.event_types import is_wanted
from service.webhooks.payload import encoded, session_message, voice_message
from service.webhooks.tables import DeliveryRow, DeliveryState, EndpointRow, MessageRow


class WebhookOutbox:
    """Implements `service.outbox.Outbox`. Bind it to the context before the first event."""

    def __init__(self) -> None:
        self._bound: tuple[Context, DeliveryQueue] | None = None

    def bind(self, context: Context, queue: DeliveryQueue) -> None:
        """Give it the parts of the running service, which in turn hold the outbox."""
        self._bound = context, queue

    def enqueue_deliveries(self, db: Session, event: EventRow | VoiceEventRow) -> None:
        """Write one delivery for each endpoint that wants `event`, and queue its first try.

        A disabled endpoint gets a cancelled one, so that a replay can make good for it.
        """
        if self._bound is None:
            msg = "bind the outbox to the context before events are written"
            raise RuntimeError(msg)
        context, queue = self._bound
        organization_id, subject_id = _owner_and_subject(db, event)
        endpoints = endpoints_for(db, organization_id, event.type)
        if not endpoints:
            return
        db.flush()  # the message reads what this transaction has written
        message = _message(db, context, event)
        for endpoint in endpoints:
            add_delivery(
                db,
                queue,
                endpoint,
                message,
                event_id=event.id,
                subject_id=subject_id,
                sequence=event.sequence,
            )


def add_delivery(
    db: Session,
    queue: DeliveryQueue,
    endpoint: EndpointRow,
    message: WireObject,
    *,
    event_id: str,
    subject_id: str,
    sequence: int,
) -> DeliveryRow:
    """Freeze the message in the endpoint's casing and write its delivery."""
    message = (MARK if is_test(db) else {}) | message
    casing = Casing(endpoint.casing)
    if db.get(MessageRow, (event_id, casing)) is None:
        db.add(MessageRow(event_id=event_id, casing=casing, body=encoded(message, casing)))
    delivery = DeliveryRow(
        event_id=event_id,
        endpoint_id=endpoint.id,
        casing=casing,
        type=message["type"],
        subject_id=subject_id,
        sequence=sequence,
        state=DeliveryState.WAITING if endpoint.enabled else DeliveryState.CANCELLED,
        finished_at=None if endpoint.enabled else now_ms(),
    )
    db.add(delivery)
    db.flush()
    if endpoint.enabled:
        ring(db, queue, delivery, endpoint.organization_id)
    return delivery


def ring(db: Session, queue: DeliveryQueue, delivery: DeliveryRow, tenant: str) -> None:
    """Have a delivery looked at once the transaction has committed."""
    queue.enqueue_in_transaction(db, delivery.id, number=delivery.alarm, tenant=tenant)


def _owner_and_subject(db: Session, event: EventRow | VoiceEventRow) -> tuple[str, str]:
    if isinstance(event, VoiceEventRow):
        return event.organization_id, event.subject_id
    return db.get_one(SessionRow, event.session_id).organization_id, event.session_id


def _message(db: Session, context: Context, event: EventRow | VoiceEventRow) -> WireObject:
    if isinstance(event, VoiceEventRow):
        return voice_message(db, event)
    return session_message(db, context, db.get_one(SessionRow, event.session_id), event)


def endpoints_for(db: Session, organization_id: str, event_type: str) -> Sequence[EndpointRow]:
    """Return the tenant's endpoints that want such an event, disabled ones too.

    None of them can be removed before the transaction has ended: deliveries will refer to them.
    """
    query = select(EndpointRow).where(EndpointRow.organization_id == organization_id)
    held = query.with_for_update(read=True, key_share=True)
    return [one for one in db.exec(held).all() if is_wanted(event_type, one.events)]

"""Forget what was posted, and the log of it, once it is too old to be replayed."""

from __future__ import annotations

from sqlmodel import col, delete, exists, select

from service.clock import now_ms
from service.context import Context
from service.webhooks.tables import DeliveryRow, DeliveryState, MessageRow, TryRow

# Events at a time: a transaction that deletes for long would hold up everybody on SQLite.
_PAGE = 200


def forget_messages(context: Context) -> int:
    """Remove the oldest messages past their time with their deliveries; return how many events.

    What is still on its way stays; one page a call, so call it again and again.
    """
    oldest = now_ms() - round(1000 * context.settings.webhook_retention_s)
    is_waiting = exists().where(
        col(DeliveryRow.event_id) == col(MessageRow.event_id),
        col(DeliveryRow.state) == DeliveryState.WAITING,
    )
    with context.database.write() as db:
        events = set(
            db.exec(
                select(MessageRow.event_id)
                .where(MessageRow.created_at < oldest, ~is_waiting)
                .order_by(col(MessageRow.created_at))
                .limit(_PAGE)
            ).all()
        )
        if not events:
            return 0
        own = select(DeliveryRow.id).where(col(DeliveryRow.event_id).in_(events))
        db.exec(delete(TryRow).where(col(TryRow.delivery_id).in_(own)))
        db.exec(delete(DeliveryRow).where(col(DeliveryRow.event_id).in_(events)))
        db.exec(delete(MessageRow).where(col(MessageRow.event_id).in_(events)))
    return len(events)

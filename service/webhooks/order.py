"""Events of one session reach an endpoint in their order, unless one of them keeps failing.

A delivery waits while an earlier one of the same session and endpoint is still to be made and
has failed fewer than `webhook_ordered_tries` times in this round (half an hour with the default
schedule). Other sessions are not held up, and receivers order by `sequence` all the same.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, exists, or_, select

from service.clock import now_ms
from service.outbox import DeliveryQueue
from service.webhooks.outbox import ring
from service.webhooks.tables import DeliveryRow, DeliveryState, EndpointRow

# A held delivery is rung for when its turn comes; this is for the case that nobody did.
HELD_S = 900.0
# A row that was scheduled this far in the future was so before the clock was set back.
CLOCK_SLACK_MS = 60_000


def held_back(ordered_tries: int) -> ColumnElement[bool]:
    """Return the condition that a row of deliveries waits for an earlier one."""
    earlier = aliased(DeliveryRow)
    return exists().where(
        col(earlier.endpoint_id) == col(DeliveryRow.endpoint_id),
        col(earlier.subject_id) == col(DeliveryRow.subject_id),
        col(earlier.sequence) < col(DeliveryRow.sequence),
        col(earlier.state) == DeliveryState.WAITING,
        col(earlier.round_tries) < ordered_tries,
    )


def is_held(db: Session, row: DeliveryRow, ordered_tries: int) -> bool:
    """Whether `row` waits for an earlier delivery."""
    query = select(DeliveryRow.id).where(DeliveryRow.id == row.id, held_back(ordered_tries))
    return db.exec(query).first() is not None


def ring_next(
    db: Session,
    queue: DeliveryQueue,
    endpoint: EndpointRow,
    row: DeliveryRow,
    ordered_tries: int,
) -> None:
    """Ring for the delivery that `row` held back, if it does so no longer."""
    if row.state == DeliveryState.WAITING and row.round_tries < ordered_tries:
        return
    follower = db.exec(
        select(DeliveryRow)
        .where(
            DeliveryRow.endpoint_id == row.endpoint_id,
            DeliveryRow.subject_id == row.subject_id,
            DeliveryRow.sequence > row.sequence,
            DeliveryRow.state == DeliveryState.WAITING,
            or_(
                DeliveryRow.round_tries == 0,  # due since it was written, whatever the clock says
                col(DeliveryRow.next_try_at) <= now_ms(),
                col(DeliveryRow.scheduled_at) > now_ms() + CLOCK_SLACK_MS,
            ),
        )
        .order_by(col(DeliveryRow.sequence))
        .limit(1)
        .with_for_update()
    ).first()
    if follower is None:
        return
    follower.alarm += 1
    db.add(follower)
    db.flush()
    ring(db, queue, follower, endpoint.organization_id)

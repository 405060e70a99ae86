"""Between an event and those who are told of it: deliveries are written and queued with the event.

`add_event` hands each fresh event to the outbox of its database, inside the transaction that
writes it. The outbox writes one delivery per endpoint that wants it and queues the first attempt
of each, in the same transaction: nothing can fall between an event and its webhook.
"""

from __future__ import annotations

from typing import Protocol

from sqlmodel import Session

from service.tables import EventRow
from service.voice.tables import VoiceEventRow

# Where an open transaction keeps the outbox of its database; see service/database.py.
OUTBOX = "bonafide_outbox"


class DeliveryQueue(Protocol):
    """Queues attempts of deliveries; whoever runs the jobs implements it."""

    def enqueue_in_transaction(
        self,
        db: Session,
        delivery_id: str,
        delay_s: float = 0.0,
        *,
        number: int = 1,
        tenant: str = "-",
    ) -> None:
        """Queue attempt `number` of a delivery, to be made `delay_s` after the commit.

        A tenant with many or slow deliveries doesn't hold up another's: give its organization id.

        The pair of delivery and number is queued once, however often it is asked for. A replay
        by hand asks for the next free number, or makes a delivery of its own.
        """


class DeliveryHandler(Protocol):
    """Makes one attempt of one delivery."""

    async def deliver(self, delivery_id: str, number: int) -> float | None:
        """Post, record, and return after how many seconds attempt `number` + 1 is due.

        None when there is none: delivered, given up, or the endpoint is disabled. Called at
        least once for each number: a repeat after a crash must either post the same
        ``webhook-id`` again or, when this number is recorded already, only return what was
        decided then. Raises nothing that belongs to the receiver; an exception (the database is
        away) makes the attempt be tried again.
        """


class Outbox(Protocol):
    """Turns a fresh event into deliveries."""

    def enqueue_deliveries(self, db: Session, event: EventRow | VoiceEventRow) -> None:
        """Write and queue the deliveries of `event`, in the transaction that writes it."""


class NoOutbox:
    """Tells nobody: the outbox of a process without webhooks."""

    def enqueue_deliveries(self, db: Session, event: EventRow | VoiceEventRow) -> None:
        """Do nothing."""


def enqueue_deliveries(db: Session, event: EventRow | VoiceEventRow) -> None:
    """Hand `event` to the outbox of the database that `db` is open on."""
    outbox: Outbox = db.info[OUTBOX]
    outbox.enqueue_deliveries(db, event)

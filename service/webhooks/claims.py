"""The delivery row around one try: claim it before, record it after. Each is one transaction.

Whoever rings, and however often, the row decides: not due, held back, taken, over, or go.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlmodel import Session, select

from service.clock import now_ms
from service.database import Database
from service.outbox import DeliveryQueue
from service.settings import Settings
from service.tables import new_id
from service.webhooks.disable import disable
from service.webhooks.event_types import TEST_EVENT
from service.webhooks.order import CLOCK_SLACK_MS, HELD_S, is_held, ring_next
from service.webhooks.post import Outcome
from service.webhooks.schedule import pause_after
from service.webhooks.signing_secrets import SecretBox
from service.webhooks.tables import (
    DeliveryRow,
    DeliveryState,
    DisabledReason,
    EndpointRow,
    MessageRow,
    TryRow,
)

# How long a claim outlives the time-out of its try, before another may make that try.
_LEASE_MARGIN_S = 10.0
# Tried again like the rest, but no reason to disable anybody's endpoint.
_OUR_OWN_FAULTS = frozenset({"secret_unreadable", "not_sent"})


@dataclass(frozen=True, slots=True)
class Claimed:
    """A try that this process makes now; `secrets` is empty when none can be read."""

    delivery_id: str
    endpoint_id: str
    claim: str
    event_id: str
    url: str
    body: bytes = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class NotNow:
    """Nothing to post; `again_s` is when to ask again, None for never."""

    again_s: float | None


def claim(
    database: Database, settings: Settings, box: SecretBox, delivery_id: str, number: int
) -> Claimed | NotNow:
    """Take a delivery up for one try, if it is its turn."""
    with database.write() as db:
        row = _locked(db, delivery_id)
        if row is None or row.state != DeliveryState.WAITING:
            return NotNow(None)
        if number < row.alarm - 1:
            return NotNow(None)  # a replay has started another round of calls
        wait_s = _wait_s(db, settings, row)
        if wait_s is not None:
            row.alarm = max(row.alarm, number + 1)
            db.add(row)
            return NotNow(wait_s)
        endpoint = db.get_one(EndpointRow, row.endpoint_id)
        if not endpoint.enabled:  # disabled while the event was being written
            _close(row, DeliveryState.CANCELLED)
            db.add(row)
            return NotNow(None)
        message = db.get(MessageRow, (row.event_id, row.casing))
        if message is None:  # kept as long as a schedule lasts, and longer
            _close(row, DeliveryState.FAILED)
            row.last_error = "expired"
            db.add(row)
            return NotNow(None)
        lease_s = settings.webhook_timeout_s + _LEASE_MARGIN_S
        row.claim, row.claimed_until = new_id(), now_ms() + round(1000 * lease_s)
        db.add(row)
        return Claimed(
            row.id,
            endpoint.id,
            row.claim,
            row.event_id,
            endpoint.url,
            message.body,
            tuple(box.open_live(db, endpoint.id)),
        )


def release(database: Database, claimed: Claimed) -> None:
    """Give a claim back whose try was cut short by a shutdown."""
    with database.write() as db:
        row = _locked(db, claimed.delivery_id)
        if row is not None and row.claim == claimed.claim:
            row.claim, row.claimed_until = None, 0
            db.add(row)


def record(
    database: Database,
    settings: Settings,
    queue: DeliveryQueue,
    claimed: Claimed,
    number: int,
    outcome: Outcome,
) -> float | None:
    """Write how a try ended; return after how many seconds the next is due, None for never."""
    with database.write() as db:
        endpoint = locked_endpoint(db, claimed.endpoint_id)
        row = _locked(db, claimed.delivery_id)
        if endpoint is None or row is None or row.claim != claimed.claim:
            return None  # removed, or so late that another has made this try meanwhile
        row.claim, row.claimed_until = None, 0
        row.tries += 1
        row.round_tries += 1
        row.last_status, row.last_error = outcome.status, outcome.error
        db.add(row)
        db.add(
            TryRow(
                delivery_id=row.id,
                number=row.tries,
                status=outcome.status,
                error=outcome.error,
                duration_ms=outcome.duration_ms,
            )
        )
        pause_s = None
        if outcome.is_delivered:
            _close(row, DeliveryState.DELIVERED)
            endpoint.failing_since, endpoint.failures = None, 0
            db.add(endpoint)
        else:
            pause_s = _schedule_next(row, settings, outcome)
            row.alarm = max(row.alarm, number + 1)
            db.flush()
            _count_failure(db, queue, settings, endpoint, row, outcome)
            db.refresh(row)
        ring_next(db, queue, endpoint, row, settings.webhook_ordered_tries)
        return pause_s if row.state == DeliveryState.WAITING else None


def _wait_s(db: Session, settings: Settings, row: DeliveryRow) -> float | None:
    """Return how long it is not this delivery's turn; None when it is."""
    now = now_ms()
    lease_ms = round(1000 * (settings.webhook_timeout_s + _LEASE_MARGIN_S))
    if row.claim is not None and 0 < row.claimed_until - now <= lease_ms:
        return (row.claimed_until - now) / 1000
    clock_is_back = row.scheduled_at > now + CLOCK_SLACK_MS
    if row.next_try_at > now and not clock_is_back:
        return (row.next_try_at - now) / 1000
    return HELD_S if is_held(db, row, settings.webhook_ordered_tries) else None


def _schedule_next(row: DeliveryRow, settings: Settings, outcome: Outcome) -> float | None:
    tries = 1 if row.type == TEST_EVENT else len(settings.webhook_schedule_s)
    schedule_s = settings.webhook_schedule_s[:tries]
    pause_s = pause_after(row.round_tries, schedule_s, outcome.retry_after_s)
    if pause_s is None:
        _close(row, DeliveryState.FAILED)
        return None
    row.scheduled_at = now_ms()
    row.next_try_at = row.scheduled_at + round(1000 * pause_s)
    return pause_s


def _count_failure(
    db: Session,
    queue: DeliveryQueue,
    settings: Settings,
    endpoint: EndpointRow,
    row: DeliveryRow,
    outcome: Outcome,
) -> None:
    if outcome.error in _OUR_OWN_FAULTS or (row.type == TEST_EVENT and not outcome.is_gone):
        return
    now = now_ms()
    endpoint.failures += 1
    if endpoint.failing_since is None or endpoint.failing_since > now:
        endpoint.failing_since = now
    db.add(endpoint)
    if not endpoint.enabled:
        return
    failing_s = (now - endpoint.failing_since) / 1000
    # One failure before a quiet week and one after it are not a week of failures.
    is_steady = endpoint.failures >= len(settings.webhook_schedule_s)
    if outcome.is_gone:
        _close(row, DeliveryState.CANCELLED)
        disable(db, queue, endpoint, DisabledReason.GONE)
    elif failing_s >= settings.webhook_disable_after_s and is_steady:
        disable(db, queue, endpoint, DisabledReason.FAILING)


def _close(row: DeliveryRow, state: DeliveryState) -> None:
    row.state, row.finished_at = state, now_ms()


def locked_endpoint(
    db: Session, endpoint_id: str, *, for_removal: bool = False
) -> EndpointRow | None:
    """Return an endpoint, locked until the commit. Lock it before any of its deliveries.

    Parameters
    ----------
    for_removal
        Wait for events that are being written to it; else these may go on meanwhile.
    """
    query = select(EndpointRow).where(EndpointRow.id == endpoint_id)
    return db.exec(query.with_for_update(key_share=not for_removal)).first()


def _locked(db: Session, delivery_id: str) -> DeliveryRow | None:
    query = select(DeliveryRow).where(DeliveryRow.id == delivery_id)
    return db.exec(query.with_for_update()).first()

"""What waits, read from the database for each scrape; all processes say the same: take a max."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from service.clock import now_ms
from service.database import Database
from service.tables import Attempt, AttemptState, CaptureRow
from service.webhooks.tables import DeliveryRow, DeliveryState, EndpointRow

_LOG = logging.getLogger(__name__)
_LIMIT_MS = 5000
_UNDER_WAY = (AttemptState.QUEUED, AttemptState.RUNNING)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for a worker or a receiver."""

    attempts: dict[str, int]
    oldest_capture_s: float
    deliveries: int
    late_deliveries: int
    disabled_endpoints: int


class BacklogCollector(Collector):
    """Reads the backlog for each scrape; where the database does not answer, it says only that."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterator[Metric]:
        """Yield the series."""
        try:
            found = read_backlog(self._database)
        except SQLAlchemyError as error:
            _LOG.error("backlog not read", extra={"error": type(error).__name__})
            found = None
        for family in _families(found):
            if found is not None or family.name == "bonafide_database_up":
                yield family


def read_backlog(database: Database) -> Backlog:
    """Count what waits."""
    with database.read() as db:
        if db.get_bind().dialect.name == "postgresql":
            db.connection().execute(text(f"SET LOCAL statement_timeout = {_LIMIT_MS}"))
        return _counted(db)


def _counted(db: Session) -> Backlog:
    by_state = db.exec(
        select(Attempt.state, func.count())
        .where(col(Attempt.state).in_(_UNDER_WAY))
        .group_by(Attempt.state)
    ).all()
    oldest = db.exec(
        select(func.min(CaptureRow.received_at))
        .join(Attempt, col(Attempt.id) == col(CaptureRow.attempt_id))
        .where(col(Attempt.state).in_(_UNDER_WAY))
    ).one()
    now = now_ms()
    waiting = select(func.count()).select_from(DeliveryRow)
    waiting = waiting.where(DeliveryRow.state == DeliveryState.WAITING)
    disabled = select(func.count()).select_from(EndpointRow).where(~col(EndpointRow.enabled))
    return Backlog(
        attempts={str(state): 0 for state in _UNDER_WAY} | dict(by_state),
        oldest_capture_s=0.0 if oldest is None else max(0.0, (now - oldest) / 1000),
        deliveries=db.exec(waiting).one(),
        late_deliveries=db.exec(waiting.where(DeliveryRow.next_try_at < now - 60_000)).one(),
        disabled_endpoints=db.exec(disabled).one(),
    )


def _families(found: Backlog | None) -> list[Metric]:
    up = GaugeMetricFamily("bonafide_database_up", "Whether the database answered just now.")
    up.add_metric((), 0.0 if found is None else 1.0)
    attempts = GaugeMetricFamily(
        "bonafide_attempts_waiting",
        "Captures that are queued or under analysis.",
        labels=("state",),
    )
    for state, count in (found.attempts if found else {}).items():
        attempts.add_metric((str(state),), count)
    plain = [
        ("oldest_capture_waiting_seconds", "Age of the oldest capture without a verdict."),
        ("deliveries_waiting", "Webhook deliveries that are not made yet, on schedule or not."),
        ("deliveries_late", "Webhook deliveries that have been due for over a minute."),
        ("webhook_endpoints_disabled", "Endpoints that get nothing, by hand or for failing."),
    ]
    values = (
        (found.oldest_capture_s, found.deliveries, found.late_deliveries, found.disabled_endpoints)
        if found
        else (0, 0, 0, 0)
    )
    families: list[Metric] = [up, attempts]
    for (name, meaning), value in zip(plain, values, strict=True):
        family = GaugeMetricFamily(f"bonafide_{name}", meaning)
        family.add_metric((), value)
        families.append(family)
    return families

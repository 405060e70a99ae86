"""The tables of the webhooks; times and ids as in service/tables.py."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import JSON, BigInteger, Column, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from service.casing import Casing
from service.clock import now_ms
from service.tables import new_id


class DeliveryState(StrEnum):
    """Where a delivery stands, as on the wire."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"


class DisabledReason(StrEnum):
    """Why an endpoint gets nothing, as on the wire."""

    BY_HAND = "by_hand"
    GONE = "gone"
    FAILING = "failing"


class EndpointRow(SQLModel, table=True):
    """Where a tenant wants to be told, and of what.

    `failing_since` and `failures` count from the first failed try after the last good one.
    """

    __tablename__ = "webhook_endpoints"

    id: str = Field(default_factory=new_id, primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id", index=True)
    url: str
    description: str | None = None
    events: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    casing: str = Casing.SNAKE
    enabled: bool = True
    disabled_reason: str | None = None
    disabled_at: int | None = Field(default=None, sa_type=BigInteger)
    failing_since: int | None = Field(default=None, sa_type=BigInteger)
    failures: int = 0
    created_at: int = Field(default_factory=now_ms, sa_type=BigInteger)
    updated_at: int = Field(default_factory=now_ms, sa_type=BigInteger)


class SecretRow(SQLModel, table=True):
    """A signing secret, encrypted; one that was rotated out still signs until it expires."""

    __tablename__ = "webhook_secrets"

    id: str = Field(default_factory=new_id, primary_key=True)
    endpoint_id: str = Field(foreign_key="webhook_endpoints.id", index=True)
    sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at: int = Field(default_factory=now_ms, sa_type=BigInteger)
    expires_at: int | None = Field(default=None, sa_type=BigInteger)


class MessageRow(SQLModel, table=True):
    """What is posted of one event in one casing: these bytes, on every try."""

    __tablename__ = "webhook_messages"

    event_id: str = Field(primary_key=True)
    casing: str = Field(primary_key=True)
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at: int = Field(default_factory=now_ms, sa_type=BigInteger, index=True)


class DeliveryRow(SQLModel, table=True):
    """One event on its way to one endpoint. The row is the truth; a queue only rings for it.

    `subject_id` is what the event is about (a session, a voice request) and `sequence` its
    number there. `alarm` is the number of the call that comes next, `tries` counts all tries and
    `round_tries` those since the delivery began or was replayed. `scheduled_at` is when
    `next_try_at` was set: a clock that is before it has jumped back.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("event_id", "endpoint_id"),
        Index("ix_webhook_deliveries_due", "state", "next_try_at"),
        Index("ix_webhook_deliveries_order", "endpoint_id", "subject_id", "sequence"),
        Index("ix_webhook_deliveries_listing", "endpoint_id", "created_at", "id"),
    )

    id: str = Field(default_factory=new_id, primary_key=True)
    event_id: str
    endpoint_id: str = Field(foreign_key="webhook_endpoints.id")
    casing: str
    type: str
    subject_id: str
    sequence: int
    state: str = DeliveryState.WAITING
    alarm: int = 1
    tries: int = 0
    round_tries: int = 0
    next_try_at: int = Field(default_factory=now_ms, sa_type=BigInteger)
    scheduled_at: int = Field(default_factory=now_ms, sa_type=BigInteger)
    claim: str | None = None
    claimed_until: int = Field(default=0, sa_type=BigInteger)
    last_status: int | None = None
    last_error: str | None = None
    created_at: int = Field(default_factory=now_ms, sa_type=BigInteger)
    finished_at: int | None = Field(default=None, sa_type=BigInteger)


class TryRow(SQLModel, table=True):
    """One try of a delivery: when, how long, and how it ended; nothing of what was answered."""

    __tablename__ = "webhook_tries"

    delivery_id: str = Field(foreign_key="webhook_deliveries.id", primary_key=True)
    number: int = Field(primary_key=True)
    status: int | None = None
    error: str | None = None
    duration_ms: int
    at: int = Field(default_factory=now_ms, sa_type=BigInteger)

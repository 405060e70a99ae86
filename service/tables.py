"""The tables. Times are integer milliseconds since 1970; ids are UUIDs as text."""

from __future__ import annotations

import uuid
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from service.clock import now_ms

DEFAULT_ORGANIZATION_ID = "00000000-0000-4000-8000-000000000001"
DEFAULT_SENDER_ID = "00000000-0000-4000-8000-000000000002"
DEFAULT_WORKFLOW_ID = "00000000-0000-4000-8000-000000000003"


def new_id() -> str:
    """Return a fresh id."""
    return str(uuid.uuid4())


def _ms(*, nullable: bool = False, index: bool = False) -> Any:
    default: dict[str, Any] = {"default": None} if nullable else {"default_factory": now_ms}
    return Field(sa_type=BigInteger, nullable=nullable, index=index, **default)


class SessionStatus(StrEnum):
    """Where a session stands, as on the wire."""

    PENDING = "PENDING"
    SUBMITTED = "SUBMITTED"
    VERIFIED = "VERIFIED"
    REJECTED = "REJECTED"
    VOIDED = "VOIDED"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"


class SessionProgress(StrEnum):
    """How far the applicant got, as on the wire."""

    PENDING = "PENDING"
    STARTED = "STARTED"
    COMPLETED = "COMPLETED"


class AttemptState(StrEnum):
    """Where an attempt stands; QUEUED and RUNNING are what a restart picks up."""

    AWAITING = "AWAITING"
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"


class PhraseMode(StrEnum):
    """What the applicant is asked to say."""

    WORDS = "words"
    DIGITS = "digits"
    CUSTOM = "custom"


class DeploymentRow(SQLModel, table=True):
    """What this database is for: written once, when it is made."""

    __tablename__ = "deployment"

    id: int = Field(default=1, primary_key=True, sa_column_kwargs={"autoincrement": False})
    environment: str


class Organization(SQLModel, table=True):
    """A tenant."""

    __tablename__ = "organizations"

    id: str = Field(default_factory=new_id, primary_key=True)
    name: str
    created_at: int = _ms()


class User(SQLModel, table=True):
    """An applicant, or the sender of sessions."""

    __tablename__ = "users"

    id: str = Field(default_factory=new_id, primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id", index=True)
    first_name: str
    last_name: str
    email: str | None = None
    phone: str | None = None
    created_at: int = _ms()


class ApiKey(SQLModel, table=True):
    """An API key: only the SHA-256 of it is kept.

    `replaces` is the key that this one takes over from: both live for a while.
    """

    __tablename__ = "api_keys"

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id", index=True)
    name: str
    secret_sha256: str
    casing: str
    scopes: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    created_at: int = _ms()
    last_used_at: int | None = _ms(nullable=True)
    revoked_at: int | None = _ms(nullable=True)
    expires_at: int | None = _ms(nullable=True)
    replaces: str | None = Field(default=None, index=True)


class Workflow(SQLModel, table=True):
    """What a session asks for, what becomes of its verdict, and how long all of it is kept.

    A retention that is not set is the deployment's.
    """

    __tablename__ = "workflows"

    id: str = Field(default_factory=new_id, primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id", index=True)
    name: str
    attempt_limit: int
    auto_verify: bool
    phrase_mode: str = PhraseMode.WORDS
    custom_phrase: str | None = None
    language: str = "en"
    steps: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    media_retention_s: int | None = Field(default=None, sa_type=BigInteger)
    evidence_retention_s: int | None = Field(default=None, sa_type=BigInteger)
    session_retention_s: int | None = Field(default=None, sa_type=BigInteger)
    created_at: int = _ms()


_SESSION_VERSION: Column[int] = Column("version", Integer, nullable=False)


class SessionRow(SQLModel, table=True):
    """One identity-verification session.

    `version` counts changes: a change that rests on an outdated row fails (StaleDataError).
    """

    __tablename__ = "sessions"
    __mapper_args__ = {"version_id_col": _SESSION_VERSION}
    __table_args__ = (Index("ix_sessions_listing", "organization_id", "created_at", "id"),)

    id: str = Field(default_factory=new_id, primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    user_id: str = Field(foreign_key="users.id")
    sender_user_id: str = Field(foreign_key="users.id")
    workflow_id: str = Field(foreign_key="workflows.id", index=True)
    external_id: str | None = Field(default=None, index=True)
    redirect_url: str | None = None
    status: str = Field(default=SessionStatus.PENDING, index=True)
    progress: str = SessionProgress.PENDING
    review_required: bool = False
    failure_reason: str | None = None
    steps_done: int = 0
    attempt: int = 1
    version: int | None = Field(default=None, sa_column=_SESSION_VERSION)
    event_sequence: int = 0
    created_at: int = _ms()
    updated_at: int = _ms()
    expires_at: int = _ms()
    submitted_at: int | None = _ms(nullable=True)
    viewed_at: int | None = _ms(nullable=True)
    applicant_ip: str | None = None
    applicant_user_agent: str | None = None
    test_outcomes: str | None = None


class Attempt(SQLModel, table=True):
    """One try of the applicant: its link, its challenge and its place in the queue.

    `dispatch` numbers the jobs that were queued for it; only the latest may do anything.
    """

    __tablename__ = "attempts"
    __table_args__ = (UniqueConstraint("session_id", "number"),)

    id: str = Field(default_factory=new_id, primary_key=True)
    session_id: str = Field(foreign_key="sessions.id", index=True)
    number: int
    state: str = Field(default=AttemptState.AWAITING, index=True)
    tries: int = 0
    dispatch: int = Field(default=1, sa_column_kwargs={"server_default": "1"})
    not_before: int = Field(default=0, sa_type=BigInteger)
    link_number: int = 1
    token_sha256: str = Field(unique=True)
    token_expires_at: int = _ms()
    token_used_at: int | None = _ms(nullable=True)
    phrase: str
    steps: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    language: str = "en"
    created_at: int = _ms()


class CaptureRow(SQLModel, table=True):
    """The media of one attempt; the files lie under the data folder."""

    __tablename__ = "captures"

    id: str = Field(primary_key=True)
    attempt_id: str = Field(foreign_key="attempts.id", unique=True)
    session_id: str = Field(foreign_key="sessions.id", index=True)
    folder: str
    files: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    n_bytes: int = Field(sa_type=BigInteger)
    received_at: int = _ms()


class VerdictRow(SQLModel, table=True):
    """The one verdict of an attempt, as it goes over the wire."""

    __tablename__ = "verdicts"

    id: str = Field(default_factory=new_id, primary_key=True)
    attempt_id: str = Field(foreign_key="attempts.id", unique=True)
    session_id: str = Field(foreign_key="sessions.id", index=True)
    verdict: str
    reason_code: str
    data: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    evidence: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    created_at: int = _ms()


class IdempotentAnswer(SQLModel, table=True):
    """What a request with an Idempotency-Key was answered; only who has that key can read it.

    `subject_id` is what the request made: the answer goes with it.
    """

    __tablename__ = "idempotent_answers"

    organization_id: str = Field(foreign_key="organizations.id", primary_key=True)
    key_sha256: str = Field(primary_key=True)
    request_sha256: str
    sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    subject_id: str | None = Field(default=None, index=True)
    created_at: int = _ms(index=True)


class RateRow(SQLModel, table=True):
    """A token bucket that several processes share: when it will be full again, in microseconds."""

    __tablename__ = "rate_limits"

    bucket: str = Field(primary_key=True)
    full_at_us: int = Field(sa_type=BigInteger)


class EventRow(SQLModel, table=True):
    """Something that happened to a session, in the order of its sequence."""

    __tablename__ = "events"
    __table_args__ = (UniqueConstraint("session_id", "sequence"),)

    id: str = Field(default_factory=new_id, primary_key=True)
    session_id: str = Field(foreign_key="sessions.id", index=True)
    sequence: int
    attempt: int
    type: str
    actor: str
    reason_code: str | None = Field(default=None, index=True)
    details: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    created_at: int = _ms()

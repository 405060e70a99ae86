"""The tables of the voice endpoints; times and ids as in service/tables.py."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from service.clock import now_ms
from service.tables import new_id


class VoiceKind(StrEnum):
    """What is asked of a recording."""

    ENROLLMENT = "enrollment"
    VERIFICATION = "verification"


class VoiceState(StrEnum):
    """Where a voice request stands, as on the wire; a restart takes up what is processing."""

    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


class VoiceprintRow(SQLModel, table=True):
    """One voice: the embedding is encrypted and is nowhere else."""

    __tablename__ = "voiceprints"

    organization_id: str = Field(foreign_key="organizations.id", primary_key=True)
    external_id: str = Field(primary_key=True)
    id: str = Field(default_factory=new_id, unique=True)
    sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    key_id: str
    encoder: str
    encoder_digest: str
    stretches: int
    consistency: float
    quality: float
    created_at: int = Field(default_factory=now_ms, sa_type=BigInteger)


class VoiceRequestRow(SQLModel, table=True):
    """An enrolment or a verification, and its result.

    `file` names the recording in the data folder while it is waited for; then it is removed.
    """

    __tablename__ = "voice_requests"
    __table_args__ = (
        UniqueConstraint("organization_id", "kind", "request_uuid"),
        Index("ix_voice_requests_person", "organization_id", "external_id", "finished_at"),
    )

    id: str = Field(default_factory=new_id, primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    kind: str
    request_uuid: str
    external_id: str
    use_case: str | None = None
    actor: str
    request_sha256: str
    file: str | None = None
    state: str = Field(default=VoiceState.PROCESSING, index=True)
    outcome: str | None = None
    reason_code: str | None = None
    match_score: float | None = None
    failure_reason: str | None = None
    result: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    created_at: int = Field(default_factory=now_ms, sa_type=BigInteger)
    finished_at: int | None = Field(default=None, sa_type=BigInteger)


class VoiceEventRow(SQLModel, table=True):
    """Something that happened to a voice request, a comparison or a voiceprint."""

    __tablename__ = "voice_events"
    __table_args__ = (UniqueConstraint("subject_id", "sequence"),)

    id: str = Field(default_factory=new_id, primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id", index=True)
    subject_id: str
    sequence: int
    type: str
    actor: str
    external_id: str | None = None
    reason_code: str | None = Field(default=None, index=True)
    details: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    created_at: int = Field(default_factory=now_ms, sa_type=BigInteger)

"""The tables of media: the wrapped data key of each session, and what is left of an erased one."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary
from sqlmodel import Field, SQLModel

from service.clock import now_ms


class MediaKeyRow(SQLModel, table=True):
    """The data key of one session, wrapped by a master key. Without it the media is noise."""

    __tablename__ = "media_keys"

    session_id: str = Field(foreign_key="sessions.id", primary_key=True)
    wrapped: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    master_key_id: str = Field(index=True)
    created_at: int = Field(default_factory=now_ms, sa_type=BigInteger)


class ErasureRow(SQLModel, table=True):
    """What is left of an erased session: that it was, when it went, and the proof of it.

    `finished_at` is set once the objects are deleted and the database's own log is emptied.
    """

    __tablename__ = "erasures"

    session_id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id", index=True)
    actor: str
    reason: str
    session_created_at: int = Field(sa_type=BigInteger)
    erased_at: int = Field(default_factory=now_ms, sa_type=BigInteger)
    finished_at: int | None = Field(default=None, sa_type=BigInteger, index=True)
    captures: int
    objects: int = 0
    rows: int
    voiceprints: int
    key_sha256: str | None = None
    proof_sha256: str


class PendingMediaRow(SQLModel, table=True):
    """Media that is being written and that no capture's row speaks of yet.

    It goes with the transaction that writes the capture. One that stays was left behind.
    """

    __tablename__ = "media_pending"

    prefix: str = Field(primary_key=True)
    created_at: int = Field(default_factory=now_ms, sa_type=BigInteger, index=True)

"""The table of the audit log. Its revision adds triggers that refuse to change or delete rows.

No foreign key leads out of it: the log outlives what it speaks of.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Index
from sqlmodel import Field, SQLModel

from service.clock import now_ms


class AuditRow(SQLModel, table=True):
    """One entry. `details` is canonical JSON text: a JSON column may rewrite what was hashed."""

    __tablename__ = "audit_log"
    __table_args__ = (Index("ix_audit_log_subject", "organization_id", "subject_id"),)

    organization_id: str = Field(primary_key=True)
    number: int = Field(primary_key=True, sa_type=BigInteger)
    at: int = Field(default_factory=now_ms, sa_type=BigInteger)
    action: str
    actor: str
    subject_id: str | None = None
    details: str = "{}"
    previous_sha256: str
    sha256: str

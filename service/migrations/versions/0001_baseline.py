"""The tables as they were when revisions began.

A database that has them already, made by a release before that, is taken over: what is there stays,
what is missing is made.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = sa.MetaData()

sa.Table(
    "organizations",
    _TABLES,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
)
sa.Table(
    "webhook_messages",
    _TABLES,
    sa.Column("event_id", sa.String, primary_key=True),
    sa.Column("casing", sa.String, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Index("ix_webhook_messages_created_at", "created_at"),
)
sa.Table(
    "api_keys",
    _TABLES,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("organization_id", sa.String, sa.ForeignKey("organizations.id"), nullable=False),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("secret_sha256", sa.String, nullable=False),
    sa.Column("casing", sa.String, nullable=False),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("last_used_at", sa.BigInteger),
    sa.Column("revoked_at", sa.BigInteger),
    sa.Index("ix_api_keys_organization_id", "organization_id"),
)
sa.Table(
    "users",
    _TABLES,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("organization_id", sa.String, sa.ForeignKey("organizations.id"), nullable=False),
    sa.Column("first_name", sa.String, nullable=False),
    sa.Column("last_name", sa.String, nullable=False),
    sa.Column("email", sa.String),
    sa.Column("phone", sa.String),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Index("ix_users_organization_id", "organization_id"),
)
sa.Table(
    "voice_events",
    _TABLES,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("organization_id", sa.String, sa.ForeignKey("organizations.id"), nullable=False),
    sa.Column("subject_id", sa.String, nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("type", sa.String, nullable=False),
    sa.Column("actor", sa.String, nullable=False),
    sa.Column("external_id", sa.String),
    sa.Column("reason_code", sa.String),
    sa.Column("details", sa.JSON, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("subject_id", "sequence"),
    sa.Index("ix_voice_events_organization_id", "organization_id"),
    sa.Index("ix_voice_events_reason_code", "reason_code"),
)
sa.Table(
    "voice_requests",
    _TABLES,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("organization_id", sa.String, sa.ForeignKey("organizations.id"), nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("request_uuid", sa.String, nullable=False),
    sa.Column("external_id", sa.String, nullable=False),
    sa.Column("use_case", sa.String),
    sa.Column("actor", sa.String, nullable=False),
    sa.Column("request_sha256", sa.String, nullable=False),
    sa.Column("file", sa.String),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("outcome", sa.String),
    sa.Column("reason_code", sa.String),
    sa.Column("match_score", sa.Float),
    sa.Column("failure_reason", sa.String),
    sa.Column("result", sa.JSON, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("finished_at", sa.BigInteger),
    sa.UniqueConstraint("organization_id", "kind", "request_uuid"),
    sa.Index("ix_voice_requests_person", "organization_id", "external_id", "finished_at"),
    sa.Index("ix_voice_requests_state", "state"),
)
sa.Table(
    "voiceprints",
    _TABLES,
    sa.Column("organization_id", sa.String, sa.ForeignKey("organizations.id"), primary_key=True),
    sa.Column("external_id", sa.String, primary_key=True),
    sa.Column("id", sa.String, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("key_id", sa.String, nullable=False),
    sa.Column("encoder", sa.String, nullable=False),
    sa.Column("encoder_digest", sa.String, nullable=False),
    sa.Column("stretches", sa.Integer, nullable=False),
    sa.Column("consistency", sa.Float, nullable=False),
    sa.Column("quality", sa.Float, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("id"),
)
sa.Table(
    "webhook_endpoints",
    _TABLES,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("organization_id", sa.String, sa.ForeignKey("organizations.id"), nullable=False),
    sa.Column("url", sa.String, nullable=False),
    sa.Column("description", sa.String),
    sa.Column("events", sa.JSON, nullable=False),
    sa.Column("casing", sa.String, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("disabled_reason", sa.String),
    sa.Column("disabled_at", sa.BigInteger),
    sa.Column("failing_since", sa.BigInteger),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
    sa.Index("ix_webhook_endpoints_organization_id", "organization_id"),
)
sa.Table(
    "workflows",
    _TABLES,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("organization_id", sa.String, sa.ForeignKey("organizations.id"), nullable=False),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("attempt_limit", sa.Integer, nullable=False),
    sa.Column("auto_verify", sa.Boolean, nullable=False),
    sa.Column("phrase_mode", sa.String, nullable=False),
    sa.Column("custom_phrase", sa.String),
    sa.Column("language", sa.String, nullable=False),
    sa.Column("steps", sa.JSON, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Index("ix_workflows_organization_id", "organization_id"),
)
sa.Table(
    "sessions",
    _TABLES,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("organization_id", sa.String, sa.ForeignKey("organizations.id"), nullable=False),
    sa.Column("user_id", sa.String, sa.ForeignKey("users.id"), nullable=False),
    sa.Column("sender_user_id", sa.String, sa.ForeignKey("users.id"), nullable=False),
    sa.Column("workflow_id", sa.String, sa.ForeignKey("workflows.id"), nullable=False),
    sa.Column("external_id", sa.String),
    sa.Column("redirect_url", sa.String),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("progress", sa.String, nullable=False),
    sa.Column("review_required", sa.Boolean, nullable=False),
    sa.Column("failure_reason", sa.String),
    sa.Column("steps_done", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("event_sequence", sa.Integer, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("submitted_at", sa.BigInteger),
    sa.Column("viewed_at", sa.BigInteger),
    sa.Column("applicant_ip", sa.String),
    sa.Column("applicant_user_agent", sa.String),
    sa.Index("ix_sessions_external_id", "external_id"),
    sa.Index("ix_sessions_listing", "organization_id", "created_at", "id"),
    sa.Index("ix_sessions_status", "status"),
    sa.Index("ix_sessions_workflow_id", "workflow_id"),
)
sa.Table(
    "webhook_deliveries",
    _TABLES,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("event_id", sa.String, nullable=False),
    sa.Column("endpoint_id", sa.String, sa.ForeignKey("webhook_endpoints.id"), nullable=False),
    sa.Column("casing", sa.String, nullable=False),
    sa.Column("type", sa.String, nullable=False),
    sa.Column("subject_id", sa.String, nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("alarm", sa.Integer, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("round_tries", sa.Integer, nullable=False),
    sa.Column("next_try_at", sa.BigInteger, nullable=False),
    sa.Column("scheduled_at", sa.BigInteger, nullable=False),
    sa.Column("claim", sa.String),
    sa.Column("claimed_until", sa.BigInteger, nullable=False),
    sa.Column("last_status", sa.Integer),
    sa.Column("last_error", sa.String),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("finished_at", sa.BigInteger),
    sa.UniqueConstraint("event_id", "endpoint_id"),
    sa.Index("ix_webhook_deliveries_due", "state", "next_try_at"),
    sa.Index("ix_webhook_deliveries_listing", "endpoint_id", "created_at", "id"),
    sa.Index("ix_webhook_deliveries_order", "endpoint_id", "subject_id", "sequence"),
)
sa.Table(
    "webhook_secrets",
    _TABLES,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("endpoint_id", sa.String, sa.ForeignKey("webhook_endpoints.id"), nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger),
    sa.Index("ix_webhook_secrets_endpoint_id", "endpoint_id"),
)
sa.Table(
    "attempts",
    _TABLES,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("session_id", sa.String, sa.ForeignKey("sessions.id"), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("dispatch", sa.Integer, nullable=False, server_default="1"),
    sa.Column("not_before", sa.BigInteger, nullable=False),
    sa.Column("link_number", sa.Integer, nullable=False),
    sa.Column("token_sha256", sa.String, nullable=False),
    sa.Column("token_expires_at", sa.BigInteger, nullable=False),
    sa.Column("token_used_at", sa.BigInteger),
    sa.Column("phrase", sa.String, nullable=False),
    sa.Column("steps", sa.JSON, nullable=False),
    sa.Column("language", sa.String, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("session_id", "number"),
    sa.UniqueConstraint("token_sha256"),
    sa.Index("ix_attempts_session_id", "session_id"),
    sa.Index("ix_attempts_state", "state"),
)
sa.Table(
    "events",
    _TABLES,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("session_id", sa.String, sa.ForeignKey("sessions.id"), nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("type", sa.String, nullable=False),
    sa.Column("actor", sa.String, nullable=False),
    sa.Column("reason_code", sa.String),
    sa.Column("details", sa.JSON, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("session_id", "sequence"),
    sa.Index("ix_events_reason_code", "reason_code"),
    sa.Index("ix_events_session_id", "session_id"),
)
sa.Table(
    "idempotency_keys",
    _TABLES,
    sa.Column("organization_id", sa.String, sa.ForeignKey("organizations.id"), primary_key=True),
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("request_sha256", sa.String, nullable=False),
    sa.Column("session_id", sa.String, sa.ForeignKey("sessions.id"), nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
)
sa.Table(
    "webhook_tries",
    _TABLES,
    sa.Column("delivery_id", sa.String, sa.ForeignKey("webhook_deliveries.id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("status", sa.Integer),
    sa.Column("error", sa.String),
    sa.Column("duration_ms", sa.Integer, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
)
sa.Table(
    "captures",
    _TABLES,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("attempt_id", sa.String, sa.ForeignKey("attempts.id"), nullable=False),
    sa.Column("session_id", sa.String, sa.ForeignKey("sessions.id"), nullable=False),
    sa.Column("folder", sa.String, nullable=False),
    sa.Column("files", sa.JSON, nullable=False),
    sa.Column("n_bytes", sa.BigInteger, nullable=False),
    sa.Column("received_at", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("attempt_id"),
    sa.Index("ix_captures_session_id", "session_id"),
)
sa.Table(
    "verdicts",
    _TABLES,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("attempt_id", sa.String, sa.ForeignKey("attempts.id"), nullable=False),
    sa.Column("session_id", sa.String, sa.ForeignKey("sessions.id"), nullable=False),
    sa.Column("verdict", sa.String, nullable=False),
    sa.Column("reason_code", sa.String, nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
    sa.Column("evidence", sa.JSON, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("attempt_id"),
    sa.Index("ix_verdicts_session_id", "session_id"),
)


def upgrade() -> None:
    """Make the tables, and what earlier releases' tables lack."""
    connection = op.get_bind()
    _TABLES.create_all(connection)
    present = {column["name"] for column in sa.inspect(connection).get_columns("attempts")}
    if "dispatch" not in present:
        column = sa.Column("dispatch", sa.Integer, nullable=False, server_default="1")
        op.add_column("attempts", column)


def downgrade() -> None:
    """Drop the tables, with everything in them."""
    _TABLES.drop_all(op.get_bind())

"""Answers that are kept take the place of the keys that led to a session.

A request that is repeated across this revision is taken for a new one.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the tables."""
    with op.batch_alter_table("idempotent_answers") as batch_op:
        batch_op.add_column(sa.Column("subject_id", sa.String(), nullable=True))
        batch_op.create_index("ix_idempotent_answers_subject_id", ["subject_id"])
    op.drop_table("idempotency_keys")


def downgrade() -> None:
    """Change them back; what only the new tables hold is lost."""
    op.create_table(
        "idempotency_keys",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("request_sha256", sa.String(), nullable=False),
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"]),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"]),
        sa.PrimaryKeyConstraint("organization_id", "key"),
    )
    with op.batch_alter_table("idempotent_answers") as batch_op:
        batch_op.drop_index("ix_idempotent_answers_subject_id")
        batch_op.drop_column("subject_id")

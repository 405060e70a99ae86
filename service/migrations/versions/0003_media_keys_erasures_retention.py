"""media keys, erasures, retention."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the tables."""
    op.create_table(
        "media_pending",
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("prefix"),
    )
    with op.batch_alter_table("media_pending", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_media_pending_created_at"), ["created_at"], unique=False
        )

    op.create_table(
        "erasures",
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("session_created_at", sa.BigInteger(), nullable=False),
        sa.Column("erased_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("captures", sa.Integer(), nullable=False),
        sa.Column("objects", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("voiceprints", sa.Integer(), nullable=False),
        sa.Column("key_sha256", sa.String(), nullable=True),
        sa.Column("proof_sha256", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.PrimaryKeyConstraint("session_id"),
    )
    with op.batch_alter_table("erasures", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_erasures_finished_at"), ["finished_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_erasures_organization_id"), ["organization_id"], unique=False
        )

    op.create_table(
        "media_keys",
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("master_key_id", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["sessions.id"],
        ),
        sa.PrimaryKeyConstraint("session_id"),
    )
    with op.batch_alter_table("media_keys", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_media_keys_master_key_id"), ["master_key_id"], unique=False
        )

    with op.batch_alter_table("workflows", schema=None) as batch_op:
        batch_op.add_column(sa.Column("media_retention_s", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("evidence_retention_s", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("session_retention_s", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Change them back; what only the new tables hold is lost."""
    with op.batch_alter_table("workflows", schema=None) as batch_op:
        batch_op.drop_column("session_retention_s")
        batch_op.drop_column("evidence_retention_s")
        batch_op.drop_column("media_retention_s")

    with op.batch_alter_table("media_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_media_keys_master_key_id"))

    op.drop_table("media_keys")
    with op.batch_alter_table("erasures", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_erasures_organization_id"))
        batch_op.drop_index(batch_op.f("ix_erasures_finished_at"))

    op.drop_table("erasures")
    with op.batch_alter_table("media_pending", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_media_pending_created_at"))

    op.drop_table("media_pending")

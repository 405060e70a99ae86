"""Which environment the database is for; what a test session is to come to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the tables; the row comes with the start that runs this."""
    op.create_table(
        "deployment",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("sessions") as batch:
        batch.add_column(sa.Column("test_outcomes", sa.String(), nullable=True))


def downgrade() -> None:
    """Change them back; what only the new tables hold is lost."""
    with op.batch_alter_table("sessions") as batch:
        batch.drop_column("test_outcomes")
    op.drop_table("deployment")

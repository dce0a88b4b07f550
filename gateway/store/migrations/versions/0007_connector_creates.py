"""Contacts that connectors are asked to make, once for each person

Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
PENDING = sa.text("state = 'pending'")


def upgrade() -> None:
    op.create_table(
        "connector_creates",
        sa.Column("connector_id", ID, nullable=False),
        sa.Column("person", sa.LargeBinary(), nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("delivery_id", ID, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("inquiry", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("completed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("connector_id", "person"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "connector_creates_due",
        "connector_creates",
        ["due_at"],
        unique=False,
        sqlite_where=PENDING,
        postgresql_where=PENDING,
    )
    op.create_index("connector_creates_by_person", "connector_creates", ["org_id", "person"], unique=False)

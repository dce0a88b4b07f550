"""Lookups of numbers: what a provider has said, who is asking, how much of a day's budget is used

Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "number_lookups",
        sa.Column("org_id", ID, nullable=False),
        sa.Column("person", sa.LargeBinary(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=True),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("claim", ID, nullable=True),
        sa.Column("claimed_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "person"),
        sqlite_with_rowid=False,
    )
    op.create_index("number_lookups_by_expiry", "number_lookups", ["expires_at"], unique=False)
    op.create_table(
        "lookup_days",
        sa.Column("org_id", ID, nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "day"),
        sqlite_with_rowid=False,
    )
    op.add_column("organizations", sa.Column("lookup_credentials", sa.LargeBinary(), nullable=True))

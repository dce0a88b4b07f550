"""Rotations, jobs, statistics and the audit log

Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "audit_log",
        sa.Column("id", ID, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("key_id", ID, nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("object_type", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=True),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("audit_log_by_org", "audit_log", ["org_id", "position"], unique=False)
    op.create_index("audit_log_by_position", "audit_log", ["position"], unique=False)
    op.create_table(
        "jobs",
        sa.Column("id", ID, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("object_id", ID, nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("params", sa.LargeBinary(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("matched", sa.Integer(), nullable=True),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("lease", ID, nullable=True),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("jobs_by_org", "jobs", ["org_id", "position"], unique=False)
    op.create_index(
        "jobs_running",
        "jobs",
        ["id"],
        unique=False,
        sqlite_where=sa.text("status = 'running'"),
        postgresql_where=sa.text("status = 'running'"),
    )
    op.create_table(
        "rotations",
        sa.Column("target_id", ID, nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("old_secret_id", ID, nullable=False),
        sa.Column("new_secret_id", ID, nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("takes", sa.Text(), nullable=True),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=True),
        sa.Column("warned_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("target_id"),
    )
    op.create_index("rotations_by_end", "rotations", ["ends_at"], unique=False)
    op.create_table(
        "target_stats",
        sa.Column("target_id", ID, nullable=False),
        sa.Column("hour", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("target_id", "hour", "name"),
        sqlite_with_rowid=False,
    )
    op.create_index("target_stats_by_hour", "target_stats", ["hour"], unique=False)
    op.create_index(
        "deliveries_failed",
        "deliveries",
        ["target_id", "position"],
        unique=False,
        sqlite_where=sa.text("status = 'failed'"),
        postgresql_where=sa.text("status = 'failed'"),
    )
    op.add_column("organizations", sa.Column("audit_hash", sa.LargeBinary(), nullable=True))
    op.add_column(
        "target_health", sa.Column("failure_days", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column("target_health", sa.Column("last_failure_day", sa.Integer(), nullable=True))
    op.add_column("target_health", sa.Column("warned_day", sa.Integer(), nullable=True))
    op.add_column("webhooks", sa.Column("organizations", sa.Text(), nullable=True))

"""Connectors, their requests and answers; revisions serve both kinds of addressees

Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.drop_index("webhook_revisions_by_webhook", "webhook_revisions")
    op.rename_table("webhook_revisions", "revisions")
    op.execute("ALTER TABLE revisions RENAME COLUMN webhook_id TO target_id")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX webhook_revisions_pkey RENAME TO revisions_pkey")
    op.create_index("revisions_by_target", "revisions", ["target_id", "number"], unique=True)
    op.create_table(
        "connectors",
        sa.Column("id", ID, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("revision_id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("create_contacts", sa.Boolean(), nullable=False),
        sa.Column("sync_calls", sa.Boolean(), nullable=False),
        sa.Column("sync_unknown", sa.Boolean(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("contacts_since", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("connectors_by_org", "connectors", ["org_id", "position"], unique=False)
    op.create_table(
        "connector_contacts",
        sa.Column("org_id", ID, nullable=False),
        sa.Column("person", sa.LargeBinary(), nullable=False),
        sa.Column("connector_id", ID, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("contact", sa.LargeBinary(), nullable=True),
        sa.Column("fetched_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "person", "connector_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("connector_contacts_by_expiry", "connector_contacts", ["expires_at"], unique=False)
    op.create_table(
        "connector_requests",
        sa.Column("id", ID, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("connector_id", ID, nullable=False),
        sa.Column("revision_id", ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("delivery_id", ID, nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("status_code", sa.SmallInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("person", sa.LargeBinary(), nullable=True),
        sa.Column("record", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "connector_requests_by_connector", "connector_requests", ["connector_id", "position"], unique=False
    )
    op.create_index("connector_requests_by_org", "connector_requests", ["org_id", "position"], unique=False)
    op.create_index(
        "connector_requests_by_person",
        "connector_requests",
        ["org_id", "person"],
        unique=False,
        sqlite_where=sa.text("person IS NOT NULL"),
        postgresql_where=sa.text("person IS NOT NULL"),
    )

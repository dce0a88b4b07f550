"""Chains of the audit log, positions of organizations, and when people were last erased

Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "audit_log", sa.Column("number", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
    )
    op.create_index("audit_log_by_number", "audit_log", ["org_id", "number"], unique=True)
    op.add_column("install", sa.Column("audit_hash", sa.LargeBinary(), nullable=True))
    op.add_column(
        "organizations", sa.Column("position", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
    )
    op.execute(
        "UPDATE organizations SET position = (SELECT count(*) FROM organizations AS o"
        " WHERE o.created_at < organizations.created_at"
        " OR (o.created_at = organizations.created_at AND o.id <= organizations.id))"
    )
    op.add_column("organizations", sa.Column("people_erased_at", sa.BigInteger(), nullable=True))

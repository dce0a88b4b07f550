"""The address book: contacts, their numbers, what each source says of a number; who was erased a moment ago

Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "contacts",
        sa.Column("id", ID, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False, server_default=sa.text("'[]'")),
        sa.Column("by_person", sa.Boolean(), nullable=False),
        sa.Column("merged_into", ID, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("contacts_by_org", "contacts", ["org_id", "position"], unique=False)
    op.create_table(
        "contact_phones",
        sa.Column("org_id", ID, nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("contact_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "phone"),
        sqlite_with_rowid=False,
    )
    op.create_index("contact_phones_by_contact", "contact_phones", ["contact_id"], unique=False)
    op.create_table(
        "contact_facts",
        sa.Column("org_id", ID, nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("search", ID, nullable=False),
        sa.Column("said", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "phone", "source"),
        sqlite_with_rowid=False,
    )
    op.create_index("contact_facts_by_search", "contact_facts", ["org_id", "search"], unique=False)
    op.create_index("contact_facts_by_age", "contact_facts", ["org_id", "at"], unique=False)
    op.create_table(
        "erased_people",
        sa.Column("org_id", ID, nullable=False),
        sa.Column("person", sa.LargeBinary(), nullable=False),
        sa.Column("erased_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "person"),
        sqlite_with_rowid=False,
    )
    op.create_index("erased_people_by_expiry", "erased_people", ["expires_at"], unique=False)

"""An index of what is unfinished of each ordering key

Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

UNFINISHED = "status = 'pending' AND ordering_key IS NOT NULL AND redelivery_of IS NULL"


def upgrade() -> None:
    op.create_index(
        "deliveries_in_order",
        "deliveries",
        ["target_id", "ordering_key", "position"],
        unique=False,
        sqlite_where=sa.text(UNFINISHED),
        postgresql_where=sa.text(UNFINISHED),
    )

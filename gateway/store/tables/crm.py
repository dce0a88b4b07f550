"""What connectors were asked directly, and what they answered."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, SmallInteger, Table, Text, text

from gateway.store.tables.columns import SEALED, TIME, id_, metadata

connector_requests = Table(
    "connector_requests",
    metadata,
    id_("id", primary_key=True),
    Column("position", BigInteger, nullable=False),
    id_("org_id"),
    id_("connector_id"),
    id_("revision_id"),
    Column("kind", Text, nullable=False),  # lookup | create | ping | changes
    id_("delivery_id", nullable=True),  # as in X-HUM-Delivery: the same for all tries; null: it came in
    Column("at", TIME, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("status_code", SmallInteger),
    Column("error", Text),
    Column("person", LargeBinary),  # of whom it was about; null when of nobody, and after erasure
    Column("record", SEALED),
    Index("connector_requests_by_connector", "connector_id", "position"),
    Index("connector_requests_by_org", "org_id", "position"),
    Index(
        "connector_requests_by_person",
        "org_id",
        "person",
        sqlite_where=text("person IS NOT NULL"),
        postgresql_where=text("person IS NOT NULL"),
    ),
)

connector_contacts = Table(
    "connector_contacts",
    metadata,
    id_("org_id", primary_key=True),
    Column("person", LargeBinary, primary_key=True),
    id_("connector_id", primary_key=True),
    Column("state", Text, nullable=False),  # found | not_found
    Column("contact", SEALED),
    Column("fetched_at", TIME, nullable=False),
    Column("expires_at", TIME, nullable=False),
    Index("connector_contacts_by_expiry", "expires_at"),
    sqlite_with_rowid=False,
)

connector_creates = Table(
    "connector_creates",
    metadata,
    id_("connector_id", primary_key=True),
    Column("person", LargeBinary, primary_key=True),
    id_("org_id"),
    id_("delivery_id"),  # X-HUM-Delivery of every try
    Column("state", Text, nullable=False),  # pending | done | failed
    Column("tries", SmallInteger, nullable=False),
    Column("due_at", TIME),  # while pending: when the next try may begin
    Column("inquiry", SEALED),  # while pending: whom to create
    Column("created_at", TIME, nullable=False),
    Column("completed_at", TIME),
    Index(
        "connector_creates_due",
        "due_at",
        sqlite_where=text("state = 'pending'"),
        postgresql_where=text("state = 'pending'"),
    ),
    Index("connector_creates_by_person", "org_id", "person"),
    sqlite_with_rowid=False,
)

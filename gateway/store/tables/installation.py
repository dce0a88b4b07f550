"""The installation itself: its nodes, its long work, and who did what."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)

from gateway.store.tables.columns import SEALED, TIME, id_, metadata

install = Table(
    "install",
    metadata,
    Column("singleton", SmallInteger, primary_key=True),
    id_("id"),
    Column("created_at", TIME, nullable=False),
    Column("key_check", LargeBinary, nullable=False),
    Column("position_base", BigInteger, nullable=False),
    Column("config_version", BigInteger, nullable=False),
    Column("audit_hash", LargeBinary),  # of the newest entry of the platform's own audit log
)

node_leases = Table(
    "node_leases",
    metadata,
    id_("id", primary_key=True),
    Column("node", Text, nullable=False),
    Column("started_at", TIME, nullable=False),
    Column("renewed_at", TIME, nullable=False),
    Column("expires_at", TIME, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    id_("id", primary_key=True),
    Column("position", BigInteger, nullable=False),
    id_("org_id"),
    Column("kind", Text, nullable=False),
    id_("object_id", nullable=True),  # what it works on, such as a webhook
    Column("status", Text, nullable=False),  # running | done | cancelled | failed
    Column("params", SEALED, nullable=False),
    Column("cursor", Text),  # how far it has come
    Column("matched", Integer),
    Column("done", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("error", Text),
    Column("actor", Text, nullable=False),
    id_("lease", nullable=True),  # of the node that works on it
    Column("cancel_requested", Boolean, nullable=False),
    Column("created_at", TIME, nullable=False),
    Column("updated_at", TIME, nullable=False),
    Column("finished_at", TIME),
    Index("jobs_by_org", "org_id", "position"),
    Index(
        "jobs_running",
        "id",
        sqlite_where=text("status = 'running'"),
        postgresql_where=text("status = 'running'"),
    ),
)

audit_log = Table(
    "audit_log",
    metadata,
    id_("id", primary_key=True),
    Column("position", BigInteger, nullable=False),
    id_("org_id"),
    Column("at", TIME, nullable=False),
    Column("actor", Text, nullable=False),
    id_("key_id", nullable=True),
    Column("address", Text),
    Column("action", Text, nullable=False),
    Column("object_type", Text, nullable=False),
    Column("object_id", Text),
    Column("details", Text, nullable=False),
    Column("previous_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("number", BigInteger, nullable=False, server_default=text("0")),  # in its organization's chain
    Index("audit_log_by_number", "org_id", "number", unique=True),
    Index("audit_log_by_org", "org_id", "position"),
    Index("audit_log_by_position", "position"),
)

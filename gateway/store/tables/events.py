"""Events, whom they name, and what becomes of them.

A delivery waits in exactly one `queue`: `due` (for its time), a node's lease `lse_…` (in that node's memory),
its target's id (kept back: the target is full, held, disabled or not answering), `domain.ordering.behind` (an
earlier one of its ordering key is not over yet), or `later:` and its target's id (made by a job, for when
nothing else waits for that target)."""

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

events = Table(
    "events",
    metadata,
    id_("id", primary_key=True),
    Column("position", BigInteger, nullable=False),
    id_("org_id"),
    Column("type", Text, nullable=False),
    Column("timestamp", TIME, nullable=False),
    Column("accepted_at", TIME, nullable=False),
    Column("external_id", Text),
    Column("ordering_key", Text),
    Column("priority", SmallInteger, nullable=False),
    Column("expires_at", TIME),
    Column("verified", Boolean),
    Column("schema_valid", Boolean, nullable=False),
    Column("traceparent", Text),
    Column("deliveries", Integer, nullable=False),
    Column("payload", SEALED),
    Index("events_by_org", "org_id", "position"),
    Index("events_by_position", "position"),
    postgresql_partition_by="RANGE (id)",
)

event_people = Table(
    "event_people",
    metadata,
    id_("org_id", primary_key=True),
    Column("person", LargeBinary, primary_key=True),
    id_("event_id", primary_key=True),
    sqlite_with_rowid=False,
)

_IN_ORDER = "status = 'pending' AND ordering_key IS NOT NULL AND redelivery_of IS NULL"

deliveries = Table(
    "deliveries",
    metadata,
    id_("id", primary_key=True),
    Column("position", BigInteger, nullable=False),
    id_("org_id"),
    id_("event_id"),
    Column("event_type", Text, nullable=False),
    Column("target_type", Text, nullable=False),
    id_("target_id"),
    Column("status", Text, nullable=False),
    id_("queue", nullable=True),
    Column("due_at", TIME),
    Column("attempts_made", Integer, nullable=False),
    Column("steps_used", Integer, nullable=False),
    Column("ordering_key", Text),
    Column("priority", SmallInteger, nullable=False),
    Column("expires_at", TIME, nullable=False),
    Column("created_at", TIME, nullable=False),
    Column("completed_at", TIME),
    Column("reason", Text),
    Column("last_status_code", SmallInteger),
    Column("last_error", Text),
    id_("redelivery_of", nullable=True),
    id_("job_id", nullable=True),
    Column("test", Boolean, nullable=False),
    Index(
        "deliveries_waiting",
        "queue",
        "priority",
        "due_at",
        sqlite_where=text("status = 'pending'"),
        postgresql_where=text("status = 'pending'"),
    ),
    Index("deliveries_by_org", "org_id", "position"),
    Index("deliveries_by_position", "position"),
    Index("deliveries_by_target", "target_id", "position"),
    Index("deliveries_by_event", "event_id"),
    Index(
        "deliveries_in_order",
        "target_id",
        "ordering_key",
        "position",
        sqlite_where=text(_IN_ORDER),
        postgresql_where=text(_IN_ORDER),
    ),
    Index(
        "deliveries_failed_by_org",
        "org_id",
        "position",
        sqlite_where=text("status = 'failed'"),
        postgresql_where=text("status = 'failed'"),
    ),
    Index(
        "deliveries_failed",
        "target_id",
        "position",
        sqlite_where=text("status = 'failed'"),
        postgresql_where=text("status = 'failed'"),
    ),
)

attempts = Table(
    "attempts",
    metadata,
    id_("delivery_id", primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    id_("org_id"),
    id_("revision_id"),
    Column("started_at", TIME, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("timestamp", BigInteger, nullable=False),  # seconds: what webhook-timestamp said
    Column("remote_ip", Text),
    Column("status_code", SmallInteger),
    Column("error", Text),
    Column("response_truncated", Boolean, nullable=False),
    Column("held", Boolean, nullable=False),
    Column("swapped_from", Text),
    Column("record", SEALED),
    sqlite_with_rowid=False,
    postgresql_partition_by="RANGE (delivery_id)",
)

lanes = Table(
    "lanes",
    metadata,
    id_("target_id", primary_key=True),
    id_("org_id"),
    id_("owner_lease", nullable=True),
    Column("held_until", TIME),
    Column("next_due_at", TIME),
    Index("lanes_held", "held_until"),
)

"""Who is sent something: webhooks and connectors, what they are set to, their secrets, and how they do."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, SmallInteger, Table, Text, text

from gateway.store.tables.columns import ID, SEALED, TIME, id_, metadata

webhooks = Table(
    "webhooks",
    metadata,
    id_("id", primary_key=True),
    Column("position", BigInteger, nullable=False),
    id_("org_id"),
    id_("revision_id"),
    Column("description", Text, nullable=False),
    Column("events", Text, nullable=False),
    Column("filter", Text),
    Column("status", Text, nullable=False),
    Column("disabled_reason", Text),
    Column("max_hold_seconds", Integer, nullable=False),
    Column("rate_limit_per_second", Integer),
    Column("retry_schedule", Text),
    Column("ordered", Boolean, nullable=False),
    Column("organizations", Text),  # of a platform's webhook: which ones it covers; null for all
    Column("created_at", TIME, nullable=False),
    Column("updated_at", TIME, nullable=False),
    Column("deleted_at", TIME),
    Index("webhooks_by_org", "org_id", "position"),
)

connectors = Table(
    "connectors",
    metadata,
    id_("id", primary_key=True),
    Column("position", BigInteger, nullable=False),
    id_("org_id"),
    id_("revision_id"),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("disabled_reason", Text),
    Column("create_contacts", Boolean, nullable=False),
    Column("sync_calls", Boolean, nullable=False),
    Column("sync_unknown", Boolean, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("contacts_since", TIME, nullable=False),  # answers from before are not its own
    Column("created_at", TIME, nullable=False),
    Column("updated_at", TIME, nullable=False),
    Column("deleted_at", TIME),
    Index("connectors_by_org", "org_id", "position"),
)

revisions = Table(
    "revisions",
    metadata,
    id_("id", primary_key=True),
    id_("org_id"),
    id_("target_id"),  # a webhook or a connector
    Column("number", Integer, nullable=False),
    Column("url", SEALED, nullable=False),
    Column("headers", SEALED, nullable=False),
    Column("profile", Text, nullable=False),
    Column("api_version", Text, nullable=False),
    Column("timeout_ms", Integer, nullable=False),
    Column("secret_ids", Text, nullable=False),
    Column("created_at", TIME, nullable=False),
    Index("revisions_by_target", "target_id", "number", unique=True),
)

secrets = Table(
    "secrets",
    metadata,
    id_("id", primary_key=True),
    id_("org_id"),
    id_("owner_id"),
    Column("value", SEALED, nullable=False),
    Column("imported", Boolean, nullable=False),
    Column("created_at", TIME, nullable=False),
    Column("ends_at", TIME),
    Index("secrets_by_owner", "owner_id"),
)

rotations = Table(
    "rotations",
    metadata,
    id_("target_id", primary_key=True),
    id_("org_id"),
    id_("old_secret_id"),
    id_("new_secret_id"),
    Column("started_at", TIME, nullable=False),
    Column("ends_at", TIME, nullable=False),
    Column("takes", Text),  # old | new: the secret that the receiver accepted last
    Column("confirmed_at", TIME),  # when it first accepted the new one
    Column("warned_at", TIME),
    Index("rotations_by_end", "ends_at"),
)

target_health = Table(
    "target_health",
    metadata,
    id_("target_id", primary_key=True),
    id_("org_id"),
    Column("first_success_at", TIME),
    Column("last_success_at", TIME),
    Column("failing_since", TIME),
    Column("failures", Integer, nullable=False),
    Column("failure_days", Integer, nullable=False, server_default=text("0")),
    Column("last_failure_day", Integer),  # days since 1970
    Column("warned_day", Integer),  # the day of failing (1, 3) of which was warned last
    Column("last_delivery_id", ID),
    Column("last_delivery_at", TIME),
    Column("last_status_code", SmallInteger),
    Column("last_error", Text),
)

target_stats = Table(
    "target_stats",
    metadata,
    id_("target_id", primary_key=True),
    Column("hour", TIME, primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),  # a result, `code:200`, or `ms:250` (the upper bound of a bucket)
    id_("org_id"),
    Column("count", BigInteger, nullable=False),
    Index("target_stats_by_hour", "hour"),
    sqlite_with_rowid=False,
)

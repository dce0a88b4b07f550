"""Every table, declared once; Alembic's migrations must arrive at exactly this (a test compares the two).

Conventions: times are integers of milliseconds since 1970 UTC; `position` is commit order (see
`store.transaction`); JSON is text; every row carries its organization; columns of type SEALED hold ciphertext
of `store.cipher`. A delivery waits in exactly one `queue`: `due` (for its time), a node's lease `lse_…`
(in that node's memory), its target's id (kept back: the target is full, held, disabled or not answering),
`domain.ordering.behind` (an earlier one of its ordering key is not over yet), or `later:` and its target's id
(made by a job, for when nothing else waits for that target).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    text,
)

metadata = MetaData()

# Byte order, so that ids sort by time and partitions can be cut by id.
ID = Text().with_variant(Text(collation="C"), "postgresql")
TIME = BigInteger
SEALED = LargeBinary


def _id(name: str, **kw: Any) -> Column[str]:
    return Column(name, ID, nullable=kw.pop("nullable", False), **kw)


install = Table(
    "install",
    metadata,
    Column("singleton", SmallInteger, primary_key=True),
    _id("id"),
    Column("created_at", TIME, nullable=False),
    Column("key_check", LargeBinary, nullable=False),
    Column("position_base", BigInteger, nullable=False),
    Column("config_version", BigInteger, nullable=False),
    Column("audit_hash", LargeBinary),  # of the newest entry of the platform's own audit log
)

organizations = Table(
    "organizations",
    metadata,
    _id("id", primary_key=True),
    Column("created_at", TIME, nullable=False),
    Column("erased_at", TIME),
    Column("retention_days", Integer, nullable=False, server_default=text("30")),
    Column("settings", Text, nullable=False, server_default=text("'{}'")),
    Column("config_version", BigInteger, nullable=False),
    Column("audit_hash", LargeBinary),  # of the newest entry of its audit log
    Column("position", BigInteger, nullable=False, server_default=text("0")),
    Column("people_erased_at", TIME),  # what was in memory before this must be read anew
    Column("lookup_credentials", SEALED),  # its own account with the provider of telephone data
)

data_keys = Table(
    "data_keys",
    metadata,
    _id("org_id", primary_key=True),
    Column("number", SmallInteger, primary_key=True, autoincrement=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("master_key_id", Text, nullable=False),
    Column("created_at", TIME, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    _id("id", primary_key=True),
    Column("position", BigInteger, nullable=False),
    _id("org_id", nullable=True),
    Column("role", Text),
    Column("scopes", Text, nullable=False, server_default=text("'[]'")),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("hint", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", TIME, nullable=False),
    Column("expires_at", TIME),
    Column("revoked_at", TIME),
    Column("last_used_at", TIME),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    _id("org_id", primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("body_hash", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),  # running | done
    _id("event_id", nullable=True),
    Column("answer_status", SmallInteger),
    Column("answer", SEALED),
    Column("created_at", TIME, nullable=False),
    Column("expires_at", TIME, nullable=False),
    Index("idempotency_keys_expiry", "expires_at"),
)

events = Table(
    "events",
    metadata,
    _id("id", primary_key=True),
    Column("position", BigInteger, nullable=False),
    _id("org_id"),
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
    _id("org_id", primary_key=True),
    Column("person", LargeBinary, primary_key=True),
    _id("event_id", primary_key=True),
    sqlite_with_rowid=False,
)

webhooks = Table(
    "webhooks",
    metadata,
    _id("id", primary_key=True),
    Column("position", BigInteger, nullable=False),
    _id("org_id"),
    _id("revision_id"),
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

revisions = Table(
    "revisions",
    metadata,
    _id("id", primary_key=True),
    _id("org_id"),
    _id("target_id"),  # a webhook or a connector
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

connectors = Table(
    "connectors",
    metadata,
    _id("id", primary_key=True),
    Column("position", BigInteger, nullable=False),
    _id("org_id"),
    _id("revision_id"),
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

connector_contacts = Table(
    "connector_contacts",
    metadata,
    _id("org_id", primary_key=True),
    Column("person", LargeBinary, primary_key=True),
    _id("connector_id", primary_key=True),
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
    _id("connector_id", primary_key=True),
    Column("person", LargeBinary, primary_key=True),
    _id("org_id"),
    _id("delivery_id"),  # X-HUM-Delivery of every try
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

contacts = Table(
    "contacts",
    metadata,
    _id("id", primary_key=True),
    Column("position", BigInteger, nullable=False),
    _id("org_id"),
    Column("phone", Text, nullable=False),  # its first number, of which the id is made
    Column("tags", Text, nullable=False, server_default=text("'[]'")),
    Column("by_person", Boolean, nullable=False),  # made, or written to, by a person; else by a source
    _id("merged_into", nullable=True),
    Column("created_at", TIME, nullable=False),
    Column("updated_at", TIME, nullable=False),
    Index("contacts_by_org", "org_id", "position"),
    Index("contacts_by_position", "position"),
)

contact_phones = Table(
    "contact_phones",
    metadata,
    _id("org_id", primary_key=True),
    Column("phone", Text, primary_key=True),
    _id("contact_id"),
    Index("contact_phones_by_contact", "contact_id"),
    sqlite_with_rowid=False,
)

contact_facts = Table(
    "contact_facts",
    metadata,
    _id("org_id", primary_key=True),
    Column("phone", Text, primary_key=True),
    Column("source", Text, primary_key=True),  # `book` (people), a connector's id, or `lookup`
    Column("search", ID, nullable=False),  # the names in it, in the plain form (`domain.contact_search`)
    Column("said", SEALED, nullable=False),
    Column("at", TIME, nullable=False),
    Index("contact_facts_by_search", "org_id", "search"),
    Index("contact_facts_by_age", "org_id", "at"),
    sqlite_with_rowid=False,
)

erased_people = Table(
    "erased_people",
    metadata,
    _id("org_id", primary_key=True),
    Column("person", LargeBinary, primary_key=True),
    Column("erased_at", TIME, nullable=False),
    Column("expires_at", TIME, nullable=False),
    Index("erased_people_by_expiry", "expires_at"),
    sqlite_with_rowid=False,
)

number_lookups = Table(
    "number_lookups",
    metadata,
    _id("org_id", primary_key=True),
    Column("person", LargeBinary, primary_key=True),
    Column("record", SEALED),  # null: nothing was ever answered
    Column("asked_at", TIME, nullable=False),  # of the question that was answered last; 0: none
    Column("expires_at", TIME, nullable=False),
    _id("claim", nullable=True),  # who is asking at this moment, or was when it was last heard of
    Column("claimed_until", TIME, nullable=False),
    Index("number_lookups_by_expiry", "expires_at"),
    sqlite_with_rowid=False,
)

lookup_days = Table(
    "lookup_days",
    metadata,
    _id("org_id", primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),  # days since 1970
    Column("used", Integer, nullable=False),
    sqlite_with_rowid=False,
)

resolutions = Table(
    "resolutions",
    metadata,
    _id("id", primary_key=True),
    _id("org_id"),
    Column("person", LargeBinary),  # null for a number that is none
    Column("revision", Integer, nullable=False),  # 0: as it was answered; one more for each later answer
    Column("open_until", TIME),  # while sources are still being asked: when they have answered at the latest
    Column("answer", SEALED, nullable=False),
    Index("resolutions_by_person", "org_id", "person"),
)

connector_requests = Table(
    "connector_requests",
    metadata,
    _id("id", primary_key=True),
    Column("position", BigInteger, nullable=False),
    _id("org_id"),
    _id("connector_id"),
    _id("revision_id"),
    Column("kind", Text, nullable=False),  # lookup | create | ping | changes
    _id("delivery_id", nullable=True),  # as in X-HUM-Delivery: the same for all tries; null: it came in
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

secrets = Table(
    "secrets",
    metadata,
    _id("id", primary_key=True),
    _id("org_id"),
    _id("owner_id"),
    Column("value", SEALED, nullable=False),
    Column("imported", Boolean, nullable=False),
    Column("created_at", TIME, nullable=False),
    Column("ends_at", TIME),
    Index("secrets_by_owner", "owner_id"),
)

target_health = Table(
    "target_health",
    metadata,
    _id("target_id", primary_key=True),
    _id("org_id"),
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

rotations = Table(
    "rotations",
    metadata,
    _id("target_id", primary_key=True),
    _id("org_id"),
    _id("old_secret_id"),
    _id("new_secret_id"),
    Column("started_at", TIME, nullable=False),
    Column("ends_at", TIME, nullable=False),
    Column("takes", Text),  # old | new: the secret that the receiver accepted last
    Column("confirmed_at", TIME),  # when it first accepted the new one
    Column("warned_at", TIME),
    Index("rotations_by_end", "ends_at"),
)

_IN_ORDER = "status = 'pending' AND ordering_key IS NOT NULL AND redelivery_of IS NULL"

deliveries = Table(
    "deliveries",
    metadata,
    _id("id", primary_key=True),
    Column("position", BigInteger, nullable=False),
    _id("org_id"),
    _id("event_id"),
    Column("event_type", Text, nullable=False),
    Column("target_type", Text, nullable=False),
    _id("target_id"),
    Column("status", Text, nullable=False),
    _id("queue", nullable=True),
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
    _id("redelivery_of", nullable=True),
    _id("job_id", nullable=True),
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
    _id("delivery_id", primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    _id("org_id"),
    _id("revision_id"),
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

node_leases = Table(
    "node_leases",
    metadata,
    _id("id", primary_key=True),
    Column("node", Text, nullable=False),
    Column("started_at", TIME, nullable=False),
    Column("renewed_at", TIME, nullable=False),
    Column("expires_at", TIME, nullable=False),
)

lanes = Table(
    "lanes",
    metadata,
    _id("target_id", primary_key=True),
    _id("org_id"),
    _id("owner_lease", nullable=True),
    Column("held_until", TIME),
    Column("next_due_at", TIME),
    Index("lanes_held", "held_until"),
)

jobs = Table(
    "jobs",
    metadata,
    _id("id", primary_key=True),
    Column("position", BigInteger, nullable=False),
    _id("org_id"),
    Column("kind", Text, nullable=False),
    _id("object_id", nullable=True),  # what it works on, such as a webhook
    Column("status", Text, nullable=False),  # running | done | cancelled | failed
    Column("params", SEALED, nullable=False),
    Column("cursor", Text),  # how far it has come
    Column("matched", Integer),
    Column("done", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("error", Text),
    Column("actor", Text, nullable=False),
    _id("lease", nullable=True),  # of the node that works on it
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

target_stats = Table(
    "target_stats",
    metadata,
    _id("target_id", primary_key=True),
    Column("hour", TIME, primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),  # a result, `code:200`, or `ms:250` (the upper bound of a bucket)
    _id("org_id"),
    Column("count", BigInteger, nullable=False),
    Index("target_stats_by_hour", "hour"),
    sqlite_with_rowid=False,
)

audit_log = Table(
    "audit_log",
    metadata,
    _id("id", primary_key=True),
    Column("position", BigInteger, nullable=False),
    _id("org_id"),
    Column("at", TIME, nullable=False),
    Column("actor", Text, nullable=False),
    _id("key_id", nullable=True),
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

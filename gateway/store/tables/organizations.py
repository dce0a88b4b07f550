"""Organizations, the keys that open their data, those that let people in, by the console too, and repeated
requests."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, SmallInteger, Table, Text, text

from gateway.store.tables.columns import SEALED, TIME, id_, metadata

organizations = Table(
    "organizations",
    metadata,
    id_("id", primary_key=True),
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
    id_("org_id", primary_key=True),
    Column("number", SmallInteger, primary_key=True, autoincrement=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("master_key_id", Text, nullable=False),
    Column("created_at", TIME, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    id_("id", primary_key=True),
    Column("position", BigInteger, nullable=False),
    id_("org_id", nullable=True),
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

console_links = Table(
    "console_links",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("key_hash", LargeBinary),  # of the API key that it hangs on
    id_("key_id"),
    id_("org_id"),
    Column("role", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("expires_at", TIME, nullable=False),
    Index("console_links_expiry", "expires_at"),
)

console_sessions = Table(
    "console_sessions",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("key_hash", LargeBinary),
    id_("key_id"),
    id_("org_id", nullable=True),  # of those that began with a link, as role and actor are
    Column("role", Text),
    Column("actor", Text),
    Column("created_at", TIME, nullable=False),
    Column("seen_at", TIME, nullable=False),
    Index("console_sessions_seen", "seen_at"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    id_("org_id", primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("body_hash", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),  # running | done
    id_("event_id", nullable=True),
    Column("answer_status", SmallInteger),
    Column("answer", SEALED),
    Column("created_at", TIME, nullable=False),
    Column("expires_at", TIME, nullable=False),
    Index("idempotency_keys_expiry", "expires_at"),
)

"""Who has a number: the address book, lookups of numbers, and what callers were resolved to."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, Table, Text, text

from gateway.store.tables.columns import ID, SEALED, TIME, id_, metadata

contacts = Table(
    "contacts",
    metadata,
    id_("id", primary_key=True),
    Column("position", BigInteger, nullable=False),
    id_("org_id"),
    Column("phone", Text, nullable=False),  # its first number, of which the id is made
    Column("tags", Text, nullable=False, server_default=text("'[]'")),
    Column("by_person", Boolean, nullable=False),  # made, or written to, by a person; else by a source
    id_("merged_into", nullable=True),
    Column("created_at", TIME, nullable=False),
    Column("updated_at", TIME, nullable=False),
    Index("contacts_by_org", "org_id", "position"),
    Index("contacts_by_position", "position"),
)

contact_phones = Table(
    "contact_phones",
    metadata,
    id_("org_id", primary_key=True),
    Column("phone", Text, primary_key=True),
    id_("contact_id"),
    Index("contact_phones_by_contact", "contact_id"),
    sqlite_with_rowid=False,
)

contact_facts = Table(
    "contact_facts",
    metadata,
    id_("org_id", primary_key=True),
    Column("phone", Text, primary_key=True),
    Column("source", Text, primary_key=True),  # `book` (people), a connector's id, or `lookup`
    Column("search", ID, nullable=False),  # the names in it, in the plain form (`domain.contact_search`)
    Column("said", SEALED, nullable=False),
    Column("at", TIME, nullable=False),
    Index("contact_facts_by_search", "org_id", "search"),
    Index("contact_facts_by_age", "org_id", "at"),
    sqlite_with_rowid=False,
)

number_lookups = Table(
    "number_lookups",
    metadata,
    id_("org_id", primary_key=True),
    Column("person", LargeBinary, primary_key=True),
    Column("record", SEALED),  # null: nothing was ever answered
    Column("asked_at", TIME, nullable=False),  # of the question that was answered last; 0: none
    Column("expires_at", TIME, nullable=False),
    id_("claim", nullable=True),  # who is asking at this moment, or was when it was last heard of
    Column("claimed_until", TIME, nullable=False),
    Index("number_lookups_by_expiry", "expires_at"),
    sqlite_with_rowid=False,
)

lookup_days = Table(
    "lookup_days",
    metadata,
    id_("org_id", primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),  # days since 1970
    Column("used", Integer, nullable=False),
    sqlite_with_rowid=False,
)

resolutions = Table(
    "resolutions",
    metadata,
    id_("id", primary_key=True),
    id_("org_id"),
    Column("person", LargeBinary),  # null for a number that is none
    Column("revision", Integer, nullable=False),  # 0: as it was answered; one more for each later answer
    Column("open_until", TIME),  # while sources are still being asked: when they have answered at the latest
    Column("answer", SEALED, nullable=False),
    Index("resolutions_by_person", "org_id", "person"),
)

erased_people = Table(
    "erased_people",
    metadata,
    id_("org_id", primary_key=True),
    Column("person", LargeBinary, primary_key=True),
    Column("erased_at", TIME, nullable=False),
    Column("expires_at", TIME, nullable=False),
    Index("erased_people_by_expiry", "expires_at"),
    sqlite_with_rowid=False,
)

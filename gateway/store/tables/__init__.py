"""Every table, declared once; Alembic's migrations must arrive at exactly this (a test compares the two).

Conventions: times are integers of milliseconds since 1970 UTC; `position` is commit order (see
`store.transaction`); JSON is text; every row carries its organization; columns of type SEALED hold ciphertext
of `store.cipher`. One module for each noun; whoever uses tables takes them from here.
"""

from gateway.store.tables.callers import (
    contact_facts,
    contact_phones,
    contacts,
    erased_people,
    lookup_days,
    number_lookups,
    resolutions,
)
from gateway.store.tables.columns import ID, SEALED, TIME, metadata
from gateway.store.tables.crm import connector_contacts, connector_creates, connector_requests
from gateway.store.tables.events import attempts, deliveries, event_people, events, lanes
from gateway.store.tables.installation import audit_log, install, jobs, node_leases
from gateway.store.tables.organizations import (
    api_keys,
    console_links,
    console_sessions,
    data_keys,
    idempotency_keys,
    organizations,
)
from gateway.store.tables.targets import (
    connectors,
    revisions,
    rotations,
    secrets,
    target_health,
    target_stats,
    webhooks,
)

__all__ = [
    "ID",
    "SEALED",
    "TIME",
    "api_keys",
    "attempts",
    "audit_log",
    "connector_contacts",
    "connector_creates",
    "connector_requests",
    "connectors",
    "console_links",
    "console_sessions",
    "contact_facts",
    "contact_phones",
    "contacts",
    "data_keys",
    "deliveries",
    "erased_people",
    "event_people",
    "events",
    "idempotency_keys",
    "install",
    "jobs",
    "lanes",
    "lookup_days",
    "metadata",
    "node_leases",
    "number_lookups",
    "organizations",
    "resolutions",
    "revisions",
    "rotations",
    "secrets",
    "target_health",
    "target_stats",
    "webhooks",
]

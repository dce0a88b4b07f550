"""The API, a module for each noun. `OPERATIONS` is what an API key may do, `SIGNED` what asks for a signature
instead: routes and documents are made from them."""

from __future__ import annotations

from gateway.web.api import (
    audit,
    backfills,
    callers,
    connector_calls,
    connectors,
    console_links,
    contact_files,
    contacts,
    deliveries,
    erasures,
    events,
    history,
    jobs,
    keys,
    organizations,
    platform,
    redeliveries,
    rotations,
    trials,
    webhooks,
)
from gateway.web.operation import Operation

OPERATIONS: tuple[Operation, ...] = (
    *events.OPERATIONS,
    *webhooks.OPERATIONS,
    *trials.OPERATIONS,
    *platform.OPERATIONS,
    *rotations.OPERATIONS,
    *history.OPERATIONS,
    *deliveries.OPERATIONS,
    *redeliveries.OPERATIONS,
    *jobs.OPERATIONS,
    *keys.OPERATIONS,
    *console_links.OPERATIONS,
    *organizations.OPERATIONS,
    *connectors.OPERATIONS,
    *connector_calls.OPERATIONS,
    *callers.OPERATIONS,
    *contact_files.OPERATIONS,
    *contacts.OPERATIONS,
    *backfills.OPERATIONS,
    *erasures.OPERATIONS,
    *audit.OPERATIONS,
)

SIGNED: tuple[Operation, ...] = connector_calls.SIGNED

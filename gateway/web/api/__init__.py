"""The API, a module for each noun. `OPERATIONS` is all of it: routes and documents are made from it."""

from __future__ import annotations

from gateway.web.api import (
    audit,
    callers,
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
    *organizations.OPERATIONS,
    *callers.OPERATIONS,
    *erasures.OPERATIONS,
    *audit.OPERATIONS,
)

"""The API, a module for each noun. `OPERATIONS` is all of it: routes and documents are made from it."""

from __future__ import annotations

from gateway.web.api import audit, deliveries, erasures, events, keys, organizations, rotations, webhooks
from gateway.web.operation import Operation

OPERATIONS: tuple[Operation, ...] = (
    *events.OPERATIONS,
    *webhooks.OPERATIONS,
    *rotations.OPERATIONS,
    *deliveries.OPERATIONS,
    *keys.OPERATIONS,
    *organizations.OPERATIONS,
    *erasures.OPERATIONS,
    *audit.OPERATIONS,
)

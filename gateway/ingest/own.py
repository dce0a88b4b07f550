"""The gateway's own events: told in the transaction of what they tell of, to webhooks that name their type.

They carry ids, types and reasons, never payload, and make no further events. One that no webhook names is not
kept: nobody could replay it. Who announces what is the business of `manage` and `dispatch`, to which `app`
hands `OwnEvents.announce`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.clock import Clock
from gateway.domain.event import NewEvent
from gateway.domain.event_types import is_reserved
from gateway.domain.ids import new_id
from gateway.ingest.plan import Handover, Planned, Rows
from gateway.store.directory import Directory
from gateway.store.transaction import Transaction


class OwnEvents:
    """Makes events of the gateway's own."""

    def __init__(self, directory: Directory, handover: Handover, clock: Clock) -> None:
        self._directory = directory
        self._handover = handover
        self._clock = clock

    async def announce(self, tx: Transaction, org_id: str, type_: str, data: Mapping[str, Any]) -> None:
        """Writes the event with `tx` and hands its deliveries over when that is committed."""
        if not is_reserved(type_):
            raise ValueError(f"{type_} is not one of the gateway's own events")
        org = self._directory.known(org_id) or await self._directory.organization(org_id)
        if org is None or org.organization.erased_at is not None or not org.owed(type_):
            return
        now = self._clock.now()
        body = msgspec.json.encode(data)
        new = NewEvent(type=type_, data=body, body_hash=hashlib.sha256(body).digest())
        rows = Rows(self._handover)
        tx.on_commit(rows.hand_over)
        tx.on_rollback(rows.release)
        await rows.write(tx, [Planned(new_id("evt", now), now, org, new, None)])

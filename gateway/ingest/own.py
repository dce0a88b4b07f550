"""The gateway's own events: told in the transaction of what they tell of, to webhooks that name their type.

They carry ids, types and reasons, never payload, and make no further events. One that no webhook names is not
kept: nobody could replay it. Who announces what is the business of `manage` and `dispatch`, to which `app`
hands `OwnEvents.announce` and `announce_all`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import select

from gateway.clock import Clock
from gateway.domain.event import NewEvent
from gateway.domain.event_types import is_reserved
from gateway.domain.ids import new_id
from gateway.domain.webhook import Webhook
from gateway.ingest.plan import Handover, Planned, Rows
from gateway.store.directory import Directory, OrgView
from gateway.store.tables import install
from gateway.store.transaction import Told, Transaction


class OwnEvents:
    """Makes events of the gateway's own."""

    def __init__(
        self, directory: Directory, handover: Handover, clock: Clock, *, several_nodes: bool = False
    ) -> None:
        self._directory = directory
        self._handover = handover
        self._clock = clock
        self._several_nodes = several_nodes

    async def announce(self, tx: Transaction, org_id: str, type_: str, data: Mapping[str, Any]) -> None:
        """Writes the event with `tx` and hands its deliveries over when that is committed."""
        await self.announce_all(tx, [(org_id, type_, data)])

    async def announce_all(self, tx: Transaction, told: Sequence[Told]) -> None:
        """Many at once; those that nobody wants to hear of cost a look into memory."""
        views: dict[str, OrgView | None] = {}
        if told and not await self._is_current(tx):
            views = {org: await self._directory.inside(tx.conn, org) for org in {one[0] for one in told}}
        planned = []
        for org_id, type_, data in told:
            if org_id not in views:
                known = self._directory.known(org_id)
                views[org_id] = known or await self._directory.inside(tx.conn, org_id)
            plan = self._plan(views[org_id], type_, data)
            if plan is not None:
                planned.append(plan)
        if planned:
            rows = Rows(self._handover)
            tx.on_commit(rows.hand_over)
            tx.on_rollback(rows.release)
            await rows.write(tx, planned)

    async def _is_current(self, tx: Transaction) -> bool:
        """Whether the copies in memory are: a webhook that another node has just made is to hear, too."""
        if not self._several_nodes:
            return True
        version = (await tx.conn.execute(select(install.c.config_version))).scalar_one()
        return bool(version == self._directory.version)

    def _plan(self, org: OrgView | None, type_: str, data: Mapping[str, Any]) -> Planned | None:
        if not is_reserved(type_):
            raise ValueError(f"{type_} is not one of the gateway's own events")
        if org is None or org.organization.erased_at is not None:
            return None
        receivers = _receivers(org, type_, data)
        if not receivers:
            return None
        now = self._clock.now()
        body = msgspec.json.encode(data)
        new = NewEvent(type=type_, data=body, body_hash=hashlib.sha256(body).digest())
        return Planned(new_id("evt", now), now, org, new, None, receivers=receivers)


def _receivers(org: OrgView, type_: str, data: Mapping[str, Any]) -> list[Webhook]:
    """Who is to hear of it. Not a new webhook of itself; and one that a person disables is owed nothing from
    then on, not even that."""
    found = org.owed(type_)
    if type_ == "webhook.created" or data.get("reason") == "by_user":
        return [webhook for webhook in found if webhook.id != data["webhook_id"]]
    return found

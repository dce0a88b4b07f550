"""What every request needs, in memory: organizations with their ciphers, webhooks, API keys.

Each process keeps its own copy. A commit of this process drops what it changed at once; what other nodes
change is noticed by the version in `install`, which is asked for once a second and, on PostgreSQL, inside
every transaction that accepts events, so that an event accepted after a webhook's 201 is owed to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select

from gateway.domain.webhook import Webhook
from gateway.errors import Gone, NotFound
from gateway.store import api_keys, organizations, webhooks
from gateway.store.api_keys import ApiKey
from gateway.store.organizations import Organization
from gateway.store.store import Store
from gateway.store.tables import install
from gateway.store.tables import organizations as organizations_table

_KEYS_REMEMBERED: Final = 10_000
_TYPES_REMEMBERED: Final = 1_000


@dataclass(frozen=True, slots=True)
class OrgView:
    """An organization with all that hangs on it, as of one moment."""

    organization: Organization
    webhooks: Mapping[str, Webhook]
    _owed: dict[str, list[Webhook]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def id(self) -> str:
        return self.organization.id

    def owed(self, event_type: str) -> list[Webhook]:
        """The webhooks that are to hear of an event of this type."""
        found = self._owed.get(event_type)
        if found is None:
            if len(self._owed) >= _TYPES_REMEMBERED:  # types are the clients' to invent
                self._owed.clear()
            found = [webhook for webhook in self.webhooks.values() if webhook.wants(event_type)]
            self._owed[event_type] = found
        return found


class Directory:
    """The process's copy. Reading is free when the copy is there; loading is done once for all who wait."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._orgs: dict[str, OrgView] = {}
        self._loading: dict[str, asyncio.Task[OrgView | None]] = {}
        self._generation: dict[str, int] = {}
        self._keys: dict[bytes, ApiKey] = {}
        self._keys_generation = 0
        self._listeners: list[Callable[[str], None]] = []
        self.version = -1
        store.on_change(self._changed_here)

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Calls `listener` with the id of each organization whose copy was dropped."""
        self._listeners.append(listener)

    def known(self, org_id: str) -> OrgView | None:
        """The copy, if it is here; None says nothing about the organization."""
        return self._orgs.get(org_id)

    async def organization(self, org_id: str) -> OrgView | None:
        """The organization, loaded if need be; None when there is none."""
        view = self._orgs.get(org_id)
        if view is not None:
            return view
        task = self._loading.get(org_id)
        if task is None or task.done():
            task = asyncio.create_task(self._load(org_id), name=f"load {org_id}")
            self._loading[org_id] = task
            task.add_done_callback(lambda _: self._loading.pop(org_id, None))
        return await asyncio.shield(task)

    async def living(self, org_id: str) -> OrgView:
        """The organization. Raises NotFound when there is none, Gone when it was erased."""
        view = await self.organization(org_id)
        if view is None:
            raise NotFound(f"there is no organization {org_id}", code="organization_unknown")
        if view.organization.erased_at is not None:
            raise Gone(f"the organization {org_id} has been erased")
        return view

    async def ensure(self, org_id: str) -> tuple[OrgView, bool]:
        """The organization, made if there is none; and whether it was made now. Raises Gone."""
        created = False
        if await self.organization(org_id) is None:
            async with self._store.transaction() as tx:
                created = await organizations.create(tx, self._store.keys, org_id, self._store.clock.now())
            if not created:  # another node was first: a look from before that must not be believed
                self._drop(org_id)
        return await self.living(org_id), created

    async def everybody(self) -> list[OrgView]:
        """Every living organization; for the platform's own reading."""
        async with self._store.looking_up() as conn:
            ids = (await conn.execute(select(organizations_table.c.id))).scalars().all()
        views = [await self.organization(org_id) for org_id in ids]
        return [view for view in views if view is not None and view.organization.erased_at is None]

    async def key(self, digest: bytes) -> ApiKey | None:
        """The API key with this hash. Unknown ones are asked for each time."""
        found = self._keys.get(digest)
        if found is not None:
            return found
        generation = self._keys_generation
        async with self._store.looking_up() as conn:
            found = await api_keys.find_by_hash(conn, digest)
        if found is not None and generation == self._keys_generation:
            if len(self._keys) >= _KEYS_REMEMBERED:
                self._keys.clear()
            self._keys[digest] = found
        return found

    async def refresh(self, version: int | None = None) -> None:
        """Drops what other nodes have changed. `version` is the one in `install`, when it is known."""
        if version is not None and version == self.version:
            return
        async with self._store.looking_up() as conn:
            if version is None:
                version = (await conn.execute(select(install.c.config_version))).scalar_one()
            if version == self.version:
                return
            if self.version < 0:
                changed = {*self._orgs, *self._loading}
            else:
                table = organizations_table.c
                query = select(table.id).where(table.config_version > self.version)
                changed = set((await conn.execute(query)).scalars())
        self.version = max(version, self.version)
        self._forget_keys()
        for org_id in changed:
            self._drop(org_id)

    async def _load(self, org_id: str) -> OrgView | None:
        while True:
            generation = self._generation.get(org_id, 0)
            async with self._store.looking_up() as conn:
                organization = await organizations.find(conn, self._store.keys, org_id)
                found = []
                if organization is not None and organization.erased_at is None:
                    found = await webhooks.of_organization(conn, organization.cipher, org_id)
            if generation != self._generation.get(org_id, 0):
                continue
            if organization is None:
                return None
            view = OrgView(organization, {webhook.id: webhook for webhook in found})
            if organization.erased_at is None:  # of an erased one nothing is to be had quickly
                self._orgs[org_id] = view
            return view

    def _changed_here(self, changed: set[str | None]) -> None:
        self._forget_keys()
        for org_id in changed:
            if org_id is not None:
                self._drop(org_id)

    def _forget_keys(self) -> None:
        self._keys_generation += 1
        self._keys.clear()

    def _drop(self, org_id: str) -> None:
        self._generation[org_id] = self._generation.get(org_id, 0) + 1
        self._orgs.pop(org_id, None)
        for listener in self._listeners:
            listener(org_id)

"""What every request needs, in memory: organizations with their ciphers, webhooks and connectors,
API keys.

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
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.addressee import Addressee
from gateway.domain.connector import Connector
from gateway.domain.webhook import Webhook
from gateway.errors import Gone, NotFound, Overloaded
from gateway.store import api_keys, connectors, organizations, webhooks
from gateway.store.api_keys import ApiKey
from gateway.store.organizations import PLATFORM, Organization
from gateway.store.store import Store
from gateway.store.tables import install
from gateway.store.tables import organizations as organizations_table

DOUBTED_SECONDS: Final = 5.0  # within that time a revocation counts everywhere
_KEYS_REMEMBERED: Final = 10_000
_TYPES_REMEMBERED: Final = 1_000


@dataclass(frozen=True, slots=True)
class OrgView:
    """An organization with all that hangs on it, as of one moment. `platform` holds the platform's webhooks
    that hear of this organization, too: they are owed its events, and it knows nothing of them."""

    organization: Organization
    webhooks: Mapping[str, Webhook]
    platform: tuple[Webhook, ...] = ()
    connectors: Mapping[str, Connector] = field(default_factory=dict)
    _owed: dict[str, list[Webhook]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def id(self) -> str:
        return self.organization.id

    def addressee(self, target_id: str) -> Addressee | None:
        """The webhook or connector with this id; None when there is none any more."""
        return self.webhooks.get(target_id) or self.connectors.get(target_id)

    def syncing(self) -> list[Connector]:
        """The connectors that are to hear of calls."""
        return [one for one in self.connectors.values() if one.sync_calls and one.collects]

    def owed(self, event_type: str) -> list[Webhook]:
        """The webhooks that are to hear of an event of this type."""
        found = self._owed.get(event_type)
        if found is None:
            if len(self._owed) >= _TYPES_REMEMBERED:  # types are the clients' to invent
                self._owed.clear()
            everybody = (*self.webhooks.values(), *self.platform)
            found = [hook for hook in everybody if hook.wants(event_type) and hook.covers(self.id)]
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
        # Known before something changed elsewhere, perhaps they; and until when (monotonic) that counts.
        self._doubted: dict[bytes, tuple[ApiKey, float]] = {}
        self._asking_for: dict[bytes, asyncio.Task[ApiKey | None]] = {}
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
        """The organization, loaded if need be; None when there is none. Not inside a transaction, whether
        it must be loaded or not: see `inside`."""
        self._store.database.refuse_inside_transaction()
        view = self._orgs.get(org_id)
        if view is not None:
            return view
        task = self._loading.get(org_id)
        if task is None or task.done():
            task = asyncio.create_task(self._load(org_id), name=f"load {org_id}")
            self._loading[org_id] = task
            task.add_done_callback(lambda _: self._loading.pop(org_id, None))
        return await asyncio.shield(task)

    async def inside(self, conn: AsyncConnection, org_id: str) -> OrgView | None:
        """The organization as an open transaction sees it, read by that: whoever holds locks must not wait
        for a second connection. Not kept, for what the transaction has changed may yet be rolled back."""
        organization = await organizations.find(conn, self._store.keys, org_id)
        if organization is None:
            return None
        everywhere = []
        if org_id != PLATFORM:
            everywhere = await webhooks.of_organization(conn, self._store.platform_cipher, PLATFORM)
        return await _view(conn, organization, tuple(everywhere))

    async def living(self, org_id: str) -> OrgView:
        """The organization. Raises NotFound when there is none, Gone when it was erased."""
        return _living(await self.organization(org_id), org_id)

    async def living_inside(self, conn: AsyncConnection, org_id: str) -> OrgView:
        """The same for an open transaction: the copy if it is here, else as `inside`."""
        return _living(self._orgs.get(org_id) or await self.inside(conn, org_id), org_id)

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
            query = select(organizations_table.c.id).where(organizations_table.c.id != PLATFORM)
            ids = (await conn.execute(query)).scalars().all()
        views = [await self.organization(org_id) for org_id in ids]
        return [view for view in views if view is not None and view.organization.erased_at is None]

    async def key(self, digest: bytes, patience: float | None = None) -> ApiKey | None:
        """The API key with this hash. Unknown ones are asked for each time.

        For those who have no time: when the database has not answered after `patience` seconds, or is away,
        a key counts as it was known until another node changed something, for `DOUBTED_SECONDS` and no
        longer: it may have been revoked. What this process changes of keys counts at once.
        """
        found = self._keys.get(digest)
        if found is not None:
            return found
        doubted = None if patience is None else self._still_good(digest)
        if doubted is None:
            return await self._ask_for(digest)
        task = self._asking_for.get(digest)
        if task is None:
            task = self._asking_for[digest] = asyncio.create_task(self._ask_for(digest), name="ask for key")
            task.add_done_callback(lambda done: self._asked_for(digest, done))
        await asyncio.wait((task,), timeout=patience)
        if not task.done() or isinstance(task.exception(), Overloaded):
            return doubted
        return task.result()

    def _still_good(self, digest: bytes) -> ApiKey | None:
        key, until = self._doubted.get(digest, (None, 0.0))
        return key if self._store.clock.monotonic() < until else None

    async def _ask_for(self, digest: bytes) -> ApiKey | None:
        generation = self._keys_generation
        async with self._store.looking_up() as conn:
            found = await api_keys.find_by_hash(conn, digest)
        if generation == self._keys_generation:
            self._doubted.pop(digest, None)
            if found is not None:
                if len(self._keys) >= _KEYS_REMEMBERED:
                    self._keys.clear()
                self._keys[digest] = found
        return found

    def _asked_for(self, digest: bytes, done: asyncio.Task[ApiKey | None]) -> None:
        self._asking_for.pop(digest, None)
        if not done.cancelled():
            done.exception()  # whoever waited has heard of it

    async def refresh(self) -> None:
        """Drops what other nodes have changed."""
        async with self._store.looking_up() as conn:
            version = (await conn.execute(select(install.c.config_version))).scalar_one()
            await self.catch_up(conn, version)

    async def catch_up(self, conn: AsyncConnection, version: int) -> None:
        """Drops what has changed up to `version`, which was read from `install` on this connection."""
        if version == self.version:
            return
        if self.version < 0:
            changed = {*self._orgs, *self._loading}
        else:
            table = organizations_table.c
            query = select(table.id).where(table.config_version > self.version)
            changed = set((await conn.execute(query)).scalars())
        self.version = max(version, self.version)
        self._doubt_keys()
        for org_id in changed:
            self._drop(org_id)

    async def _load(self, org_id: str) -> OrgView | None:
        while True:
            generation = self._generation.get(org_id, 0)
            platform = await self._platform(org_id)
            async with self._store.looking_up() as conn:
                organization = await organizations.find(conn, self._store.keys, org_id)
                view = None if organization is None else await _view(conn, organization, platform)
            if generation != self._generation.get(org_id, 0):
                continue
            if view is None or organization is None:
                return None
            if organization.erased_at is None:  # of an erased one nothing is to be had quickly
                self._orgs[org_id] = view
            return view

    async def _platform(self, org_id: str) -> tuple[Webhook, ...]:
        """The platform's webhooks over this organization. What happens to the platform itself, those over all
        organizations hear: they are its own."""
        if org_id == PLATFORM:
            return ()
        view = await self.organization(PLATFORM)
        return tuple(hook for hook in view.webhooks.values() if hook.covers(org_id)) if view else ()

    def _changed_here(self, changed: set[str | None]) -> None:
        if None in changed:  # keys are the platform's, whoever has them
            self._keys_generation += 1
            self._keys.clear()
            self._doubted.clear()
        for org_id in changed:
            if org_id is not None:
                self._drop(org_id)

    def _doubt_keys(self) -> None:
        """They are asked for again, each when it is used."""
        self._keys_generation += 1
        until = self._store.clock.monotonic() + DOUBTED_SECONDS
        known = {digest: (key, until) for digest, key in self._keys.items()}
        doubted = self._doubted | known
        self._doubted = doubted if len(doubted) <= _KEYS_REMEMBERED else known
        self._keys.clear()

    def _drop(self, org_id: str) -> None:
        # With the platform's webhooks goes every copy, since all hold them; nobody's own have changed.
        for changed in (*self._orgs, *self._loading, PLATFORM) if org_id == PLATFORM else (org_id,):
            self._generation[changed] = self._generation.get(changed, 0) + 1
            self._orgs.pop(changed, None)
        for listener in self._listeners:
            listener(org_id)


def _living(view: OrgView | None, org_id: str) -> OrgView:
    if view is None:
        raise NotFound(f"there is no organization {org_id}", code="organization_unknown")
    if view.organization.erased_at is not None:
        raise Gone(f"the organization {org_id} has been erased")
    return view


async def _view(conn: AsyncConnection, organization: Organization, platform: tuple[Webhook, ...]) -> OrgView:
    """What hangs on the organization; nothing on one that was erased."""
    if organization.erased_at is not None:
        return OrgView(organization, {}, platform)
    hooks = await webhooks.of_organization(conn, organization.cipher, organization.id)
    bridges = []
    if organization.id != PLATFORM:  # which has none
        bridges = await connectors.of_organization(conn, organization.cipher, organization.id)
    return OrgView(
        organization, {hook.id: hook for hook in hooks}, platform, {bridge.id: bridge for bridge in bridges}
    )

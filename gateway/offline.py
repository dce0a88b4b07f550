"""What the operator's commands do while no gateway serves the database."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from gateway.domain.audit import Finding
from gateway.manage import keys as manage
from gateway.manage.audit import note_operator, verify_all
from gateway.manage.keys import KeyCreate
from gateway.store import api_keys, deliveries, organizations
from gateway.store.page import PageQuery
from gateway.store.store import Store
from gateway.web import shapes
from gateway.web.body import parse


@dataclass(slots=True)
class Offline:
    """The same functions as the API's, on the open store."""

    store: Store
    version: str
    database: str

    async def create_key(
        self,
        *,
        platform: bool,
        org: str | None,
        role: str | None,
        scopes: list[str] | None,
        expires_in: int | None,
        name: str,
    ) -> dict[str, Any]:
        given = {"platform": platform, "role": role, "scopes": scopes, "expires_in": expires_in, "name": name}
        request = parse(KeyCreate, json.dumps(given).encode())
        now = self.store.clock.now()
        async with self.store.transaction() as tx:
            if org is not None and not platform:
                await organizations.create(tx, self.store.keys, org, now)
            key, token = await manage.create(tx, request, org, now)
            await note_operator(tx, key.org_id, "createKey", "key", key.id, now)
        return shapes.api_key(key) | {"key": token}

    async def list_keys(self) -> list[dict[str, Any]]:
        async with self.store.reading() as conn:
            found, _ = await api_keys.page(conn, None, PageQuery(limit=10_000), everywhere=True)
        return [shapes.api_key(key) for key in found]

    async def revoke_key(self, key_id: str) -> None:
        async with self.store.transaction() as tx:
            now = self.store.clock.now()
            org = await api_keys.organization_of(tx.conn, key_id)
            await manage.revoke(tx, key_id, None, now, everywhere=True)
            await note_operator(tx, org, "revokeKey", "key", key_id, now)

    async def verify_audit(self) -> list[Finding]:
        """Follows every chain of the audit log to the hash that its organization holds."""
        return await verify_all(self.store)

    async def status(self) -> dict[str, Any]:
        async with self.store.reading() as conn:
            pending = await deliveries.count_pending(conn)
        return {
            "version": self.version,
            "database": self.database,
            "ready": False,
            "not_ready_because": "no gateway is serving this database from here",
            "pending_deliveries": pending,
        }

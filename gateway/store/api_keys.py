"""API keys: only their hashes are stored. A key is 32 random characters, so a plain hash is enough."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.page import PageQuery, paged
from gateway.store.tables import api_keys
from gateway.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is stored. `org_id` is None for a platform key, which has scopes instead of a role."""

    id: str
    position: int
    org_id: str | None
    role: str | None
    scopes: tuple[str, ...]
    hint: str
    name: str
    created_at: int
    expires_at: int | None
    revoked_at: int | None

    def valid(self, now: int) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


_COLUMNS = [c for c in api_keys.c if c.name not in ("hash", "last_used_at")]


def hash_key(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


async def add(tx: Transaction, key: ApiKey, token: str) -> None:
    await tx.conn.execute(
        insert(api_keys).values(
            id=key.id,
            position=key.position,
            org_id=key.org_id,
            role=key.role,
            scopes=json.dumps(key.scopes),
            hash=hash_key(token),
            hint=key.hint,
            name=key.name,
            created_at=key.created_at,
            expires_at=key.expires_at,
        )
    )
    tx.touch(None)


async def find_by_hash(conn: AsyncConnection, digest: bytes) -> ApiKey | None:
    row = (await conn.execute(select(*_COLUMNS).where(api_keys.c.hash == digest))).one_or_none()
    return None if row is None else _key(row)


async def page(
    conn: AsyncConnection, org_id: str | None, query: PageQuery, *, everywhere: bool = False
) -> tuple[list[ApiKey], str | None]:
    """The keys of an organization, or everybody's, and the next cursor."""
    statement = select(*_COLUMNS)
    if not everywhere:
        statement = statement.where(api_keys.c.org_id == org_id)
    found = await paged(conn, statement, api_keys.c.position, query)
    return [_key(row) for row in found.rows], found.next_cursor


async def organization_of(conn: AsyncConnection, key_id: str) -> str | None:
    """The organization of a key; None for the platform's, and for one that there is not."""
    query = select(api_keys.c.org_id).where(api_keys.c.id == key_id)
    return (await conn.execute(query)).scalar_one_or_none()


async def revoke_all(tx: Transaction, org_id: str, now: int) -> None:
    """Ends every key of an organization."""
    living = (api_keys.c.org_id == org_id) & api_keys.c.revoked_at.is_(None)
    await tx.conn.execute(update(api_keys).where(living).values(revoked_at=now))
    tx.touch(None)


async def revoke(tx: Transaction, key_id: str, org_id: str | None, now: int, *, everywhere: bool) -> bool:
    """False when there is no such key (of that organization). One that was revoked before stays so since
    then."""
    statement = update(api_keys).where(api_keys.c.id == key_id)
    if not everywhere:
        statement = statement.where(api_keys.c.org_id == org_id)
    since = func.coalesce(api_keys.c.revoked_at, now)
    result = await tx.conn.execute(statement.values(revoked_at=since).returning(api_keys.c.id))
    tx.touch(None)
    return result.scalar_one_or_none() is not None


def _key(row: object) -> ApiKey:
    values = dict(row._mapping)  # type: ignore[attr-defined]
    values["scopes"] = tuple(json.loads(values["scopes"]))
    return ApiKey(**values)

"""Who was erased a moment ago, by the keyed hash of the number: what is still under way about them when they
are erased must not write them back.

An entry stands for longer than anything that was asked before can take. What begins after it counts again: a
person who was erased may call the next day.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.bulk import BulkInsert
from gateway.store.tables import erased_people as table

KEPT_MS: Final = 3_600_000
# By how much the clocks of two nodes may differ: so long after the erasure nothing is kept of the person.
SLACK_MS: Final = 5_000

PersonKey = tuple[str, bytes]
"""Organization, person."""

_remember: Final = BulkInsert(
    table,
    ("org_id", "person", "erased_at", "expires_at"),
    on_conflict="ON CONFLICT (org_id, person) DO UPDATE SET erased_at = excluded.erased_at,"
    " expires_at = excluded.expires_at",
)


async def remember(conn: AsyncConnection, org_id: str, people: Collection[bytes], now: int) -> None:
    """These people are erased with this transaction."""
    await _remember(conn, [(org_id, person, now, now + KEPT_MS) for person in sorted(people)])


async def among(conn: AsyncConnection, people: Collection[PersonKey]) -> dict[PersonKey, int]:
    """Those of these people who were erased a moment ago: what was asked up to this time (ms) does not
    count."""
    if not people:
        return {}
    key = tuple_(table.c.org_id, table.c.person)
    query = select(table.c.org_id, table.c.person, table.c.erased_at).where(key.in_(sorted(people)))
    return {(row.org_id, bytes(row.person)): row.erased_at + SLACK_MS for row in await conn.execute(query)}


async def forget_expired(conn: AsyncConnection, now: int, limit: int) -> int:
    """Drops up to `limit` entries that are needed for nothing more; how many."""
    over = select(table.c.org_id, table.c.person).where(table.c.expires_at <= now).limit(limit)
    keys = [tuple(row) for row in await conn.execute(over)]
    if keys:
        await conn.execute(delete(table).where(tuple_(table.c.org_id, table.c.person).in_(keys)))
    return len(keys)

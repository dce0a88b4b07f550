"""Who was erased a moment ago, by the keyed hash of the number: what is still under way about them when they
are erased must not write them back.

An entry stands for longer than anything that was asked before can take. What begins after it counts again: a
person who was erased may call the next day. It stands under a hash of the hash, so that the one under which
everything else is found is gone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
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

_insert: Final = BulkInsert(
    table,
    ("org_id", "person", "erased_at", "expires_at"),
    on_conflict="ON CONFLICT (org_id, person) DO UPDATE SET erased_at = excluded.erased_at,"
    " expires_at = excluded.expires_at",
)


async def remember(conn: AsyncConnection, org_id: str, people: Collection[bytes], now: int) -> None:
    """These people are erased with this transaction."""
    rows = [(org_id, _mark(person), now, now + KEPT_MS) for person in people]
    await _insert(conn, sorted(rows))


async def among(conn: AsyncConnection, people: Collection[PersonKey]) -> dict[PersonKey, int]:
    """Those of these people who were erased a moment ago: what was asked up to this time (ms) does not
    count."""
    if not people:
        return {}
    marks = {(org_id, _mark(person)): (org_id, person) for org_id, person in people}
    key = tuple_(table.c.org_id, table.c.person)
    query = select(table.c.org_id, table.c.person, table.c.erased_at).where(key.in_(sorted(marks)))
    return {
        marks[row.org_id, bytes(row.person)]: row.erased_at + SLACK_MS for row in await conn.execute(query)
    }


async def among_asked(
    conn: AsyncConnection, asked: Collection[tuple[str, bytes, int]], erased: Mapping[str, int | None]
) -> dict[PersonKey, int]:
    """As `among`, for people (organization, person) who were asked for at some time (ms). `erased`: when
    anybody of these organizations was erased last; where that was before, nobody need be looked up."""
    doubtful = {
        (org_id, person)
        for org_id, person, at in asked
        if (last := erased.get(org_id)) is not None and at <= last + SLACK_MS
    }
    return await among(conn, doubtful)


async def forget_expired(conn: AsyncConnection, now: int, limit: int) -> int:
    """Drops up to `limit` entries that are needed for nothing more; how many."""
    over = select(table.c.org_id, table.c.person).where(table.c.expires_at <= now).limit(limit)
    keys = [tuple(row) for row in await conn.execute(over)]
    if keys:
        await conn.execute(delete(table).where(tuple_(table.c.org_id, table.c.person).in_(keys)))
    return len(keys)


def _mark(person: bytes) -> bytes:
    return hashlib.blake2b(person, digest_size=16, person=b"erased").digest()

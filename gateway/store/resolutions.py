"""What callers were resolved to: each answer that was given, sealed, for a day, found by its id. One that
sources were still being asked for is written again when they have answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.ids import first_id
from gateway.store.bulk import BulkInsert
from gateway.store.bulk import Row as Tuple
from gateway.store.cipher import Cipher
from gateway.store.tables import resolutions as table

KEPT_MS: Final = 24 * 3_600_000

# What was known earlier must not undo what was known later.
insert: Final = BulkInsert(
    table,
    ("id", "org_id", "person", "revision", "open_until", "answer"),
    on_conflict="ON CONFLICT (id) DO UPDATE SET revision = excluded.revision,"
    " open_until = excluded.open_until, answer = excluded.answer"
    " WHERE excluded.revision > resolutions.revision",
)


@dataclass(frozen=True, slots=True)
class Written:
    """`answer` is what was given to `row`; until `open_until` (ms) more may come, None when nothing will."""

    revision: int
    open_until: int | None
    answer: bytes


def row(cipher: Cipher, org_id: str, resolution_id: str, person: bytes | None, written: Written) -> Tuple:
    """A row of `insert`; of several with the same id in one call, the last must be the only one (PostgreSQL
    refuses to write one row twice). `person`: whom it is about; None when that is nobody."""
    sealed = cipher.seal(resolution_id, "answer", written.answer)
    return resolution_id, org_id, person, written.revision, written.open_until, sealed


async def find(
    conn: AsyncConnection, cipher: Cipher, org_id: str, resolution_id: str, now: int
) -> Written | None:
    """The organization's resolution with this id, unless it is older than it is kept."""
    if resolution_id < first_id("res", now - KEPT_MS):
        return None
    query = select(table).where(table.c.id == resolution_id, table.c.org_id == org_id)
    found = (await conn.execute(query)).one_or_none()
    if found is None:
        return None
    return Written(found.revision, found.open_until, cipher.open(resolution_id, "answer", found.answer))


async def forget_person(conn: AsyncConnection, org_id: str, people: Sequence[bytes]) -> int:
    """Removes what was answered about these people; how many answers."""
    statement = delete(table).where(table.c.org_id == org_id, table.c.person.in_(people))
    return (await conn.execute(statement)).rowcount


async def forget_old(conn: AsyncConnection, now: int, limit: int) -> int:
    """Removes up to `limit` of those that are older than they are kept; how many."""
    old = select(table.c.id).where(table.c.id < first_id("res", now - KEPT_MS)).order_by(table.c.id)
    ids: list[Any] = list((await conn.execute(old.limit(limit))).scalars())
    await conn.execute(delete(table).where(table.c.id.in_(ids)))
    return len(ids)

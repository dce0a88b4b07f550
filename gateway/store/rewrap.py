"""Data keys from one master key to the next: only these few rows are written anew, nothing that they seal."""

from __future__ import annotations

from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.checkpoints import reached
from gateway.store.cipher import MasterKeys
from gateway.store.tables import data_keys, install

AT_ONCE: Final = 20


async def wrapped_by(conn: AsyncConnection) -> dict[str, int]:
    """How many data keys each master key wraps, by the master key's id."""
    query = select(data_keys.c.master_key_id, func.count()).group_by(data_keys.c.master_key_id)
    return {row[0]: row[1] for row in await conn.execute(query)}


async def rewrap_some(conn: AsyncConnection, keys: MasterKeys) -> int:
    """Wraps some data keys with the newest master key; how many. When there are none left, the check value
    of the database becomes that key's too, and the older ones are needed for nothing more."""
    query = select(data_keys).where(data_keys.c.master_key_id != keys.newest).limit(AT_ONCE)
    rows = (await conn.execute(query.with_for_update(skip_locked=True))).all()
    for row in rows:
        plain = keys.unwrap(row.org_id, row.number, row.wrapped, row.master_key_id)
        await conn.execute(
            update(data_keys)
            .where(data_keys.c.org_id == row.org_id, data_keys.c.number == row.number)
            .values(wrapped=keys.wrap(row.org_id, row.number, plain), master_key_id=keys.newest)
        )
    if not rows and not (await wrapped_by(conn)).keys() - {keys.newest}:
        await conn.execute(update(install).values(key_check=keys.check_value()))
    reached("rewrap.before_commit")
    return len(rows)

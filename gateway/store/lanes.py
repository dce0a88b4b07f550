"""Lanes: what must be the same for a target on all nodes. Until when it is held; and which node alone serves
it, if only one may (`Webhook.one_voice`).

A lane belongs to a node's lease: renewing the lease keeps all of its lanes, and when it ends they are free.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Final

from sqlalchemy import TextClause, delete, func, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.tables import lanes


def _take(wanted: str, now: str) -> TextClause:
    """Only those whose owner is gone are touched at all; the condition of the update settles a race."""
    live = f"SELECT id FROM node_leases WHERE expires_at > {now}"  # noqa: S608
    return text(
        f"INSERT INTO lanes (target_id, org_id, owner_lease)"  # noqa: S608
        f" SELECT w.target_id, w.org_id, :lease FROM {wanted} LEFT JOIN lanes l ON l.target_id = w.target_id"
        f" WHERE :lease IN ({live})"
        f" AND (l.owner_lease IS NULL OR l.owner_lease = :lease OR l.owner_lease NOT IN ({live}))"
        f" ORDER BY w.target_id"
        f" ON CONFLICT (target_id) DO UPDATE SET owner_lease = excluded.owner_lease"
        f" WHERE lanes.owner_lease IS NULL OR lanes.owner_lease = excluded.owner_lease"
        f" OR lanes.owner_lease NOT IN ({live})"
        f" RETURNING target_id"
    )


_TAKE_SQLITE: Final = _take(
    "(SELECT json_extract(value, '$[0]') AS target_id, json_extract(value, '$[1]') AS org_id"
    " FROM json_each(:wanted)) AS w",
    ":now",
)
_TAKE_POSTGRESQL: Final = _take(
    "(SELECT value ->> 0 AS target_id, value ->> 1 AS org_id"
    " FROM jsonb_array_elements(CAST(CAST(:wanted AS text) AS jsonb))) AS w",
    "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)",
)


async def take(conn: AsyncConnection, wanted: Mapping[str, str], lease: str, now: int) -> set[str]:
    """Makes the holder of `lease` the owner of these lanes (target → organization), as far as they have no
    other owner whose lease still holds; which of them it owns now."""
    values = {"wanted": json.dumps(list(wanted.items())), "lease": lease}
    if conn.dialect.name == "sqlite":
        taken = await conn.execute(_TAKE_SQLITE, values | {"now": now})
    else:
        taken = await conn.execute(_TAKE_POSTGRESQL, values)
    return set(taken.scalars())


async def give_up(conn: AsyncConnection, target_ids: Collection[str], lease: str) -> None:
    """The targets need no owner any more."""
    await conn.execute(
        update(lanes)
        .where(lanes.c.target_id.in_(target_ids), lanes.c.owner_lease == lease)
        .values(owner_lease=None)
    )


async def owner(conn: AsyncConnection, target_id: str) -> str | None:
    """The lease to which the lane belongs, whether it still holds or not."""
    query = select(lanes.c.owner_lease).where(lanes.c.target_id == target_id)
    return (await conn.execute(query)).scalar_one_or_none()


async def hold(conn: AsyncConnection, holds: dict[str, tuple[str, int]]) -> None:
    """Holds targets: id → (organization, until in ms). A longer hold is never shortened."""
    dialect = sqlite if conn.dialect.name == "sqlite" else postgresql
    longer = func.max if conn.dialect.name == "sqlite" else func.greatest
    for target_id, (org_id, until) in sorted(holds.items()):
        statement = dialect.insert(lanes).values(target_id=target_id, org_id=org_id, held_until=until)
        await conn.execute(
            statement.on_conflict_do_update(
                index_elements=["target_id"],
                set_={
                    "held_until": longer(func.coalesce(lanes.c.held_until, 0), statement.excluded.held_until)
                },
            )
        )


async def held(conn: AsyncConnection, now: int) -> dict[str, int]:
    """The targets that are held now, and until when."""
    query = select(lanes.c.target_id, lanes.c.held_until).where(lanes.c.held_until > now)
    return {row.target_id: row.held_until for row in await conn.execute(query)}


async def release(conn: AsyncConnection, target_id: str, now: int) -> int | None:
    """Ends the target's hold; until when it would have been, or None when there was none."""
    query = select(lanes.c.held_until).where(lanes.c.target_id == target_id, lanes.c.held_until > now)
    until = (await conn.execute(query)).scalar_one_or_none()
    if until is not None:
        await conn.execute(update(lanes).where(lanes.c.target_id == target_id).values(held_until=None))
    return until


async def forget(conn: AsyncConnection, target_id: str) -> None:
    await conn.execute(delete(lanes).where(lanes.c.target_id == target_id))

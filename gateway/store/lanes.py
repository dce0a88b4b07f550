"""Lanes: what must be the same for a target on all nodes; at present until when it is held."""

from __future__ import annotations

from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.tables import lanes


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


async def forget(conn: AsyncConnection, target_id: str) -> None:
    await conn.execute(delete(lanes).where(lanes.c.target_id == target_id))

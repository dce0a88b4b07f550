"""Node leases: who may send. One row for each running node, not one for each delivery.

Expiry is judged in the database's time, so that nodes with wrong clocks agree. On SQLite there is one
process, whose clock it is, and every older lease is void when it starts.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, bindparam, delete, insert, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.tables import node_leases

LEASE_MS: Final = 15_000


def _now(conn: AsyncConnection, clock_now: int) -> ColumnElement[int]:
    if conn.dialect.name == "sqlite":
        return bindparam("clock_now", clock_now)
    return literal_column("(extract(epoch FROM clock_timestamp()) * 1000)::bigint")


async def void_all(conn: AsyncConnection) -> None:
    """Ends every lease: only where no other process can hold one."""
    await conn.execute(update(node_leases).values(expires_at=0))


async def create(conn: AsyncConnection, lease: str, node: str, clock_now: int) -> None:
    now = _now(conn, clock_now)
    await conn.execute(
        insert(node_leases).values(
            id=lease, node=node, started_at=now, renewed_at=now, expires_at=now + LEASE_MS
        )
    )


async def renew(conn: AsyncConnection, lease: str, clock_now: int) -> bool:
    """False when it has run out: whatever it held may be with another node by now."""
    now = _now(conn, clock_now)
    result = await conn.execute(
        update(node_leases)
        .where(node_leases.c.id == lease, node_leases.c.expires_at > now)
        .values(renewed_at=now, expires_at=now + LEASE_MS)
        .returning(node_leases.c.id)
    )
    return result.scalar_one_or_none() is not None


async def end(conn: AsyncConnection, lease: str) -> None:
    await conn.execute(update(node_leases).where(node_leases.c.id == lease).values(expires_at=0))


async def live(conn: AsyncConnection, clock_now: int) -> set[str]:
    """The leases that hold."""
    query = select(node_leases.c.id).where(node_leases.c.expires_at > _now(conn, clock_now))
    return set((await conn.execute(query)).scalars())


async def forget(conn: AsyncConnection, leases: set[str], clock_now: int) -> None:
    """Removes leases that ran out and hold nothing any more."""
    expired = node_leases.c.expires_at <= _now(conn, clock_now)
    await conn.execute(delete(node_leases).where(node_leases.c.id.in_(leases), expired))


async def ended(conn: AsyncConnection, clock_now: int) -> set[str]:
    query = select(node_leases.c.id).where(node_leases.c.expires_at <= _now(conn, clock_now))
    return set((await conn.execute(query)).scalars())

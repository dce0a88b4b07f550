"""The console's links and sessions. Only hashes are stored; tokens are 256 bits of chance, so a plain hash is
enough."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.console import IDLE_MS, SESSION_MS, Entry, Link, Session
from gateway.store.tables import console_links, console_sessions


async def add_link(conn: AsyncConnection, digest: bytes, link: Link) -> None:
    await conn.execute(
        insert(console_links).values(hash=digest, expires_at=link.expires_at, **_columns(link.entry))
    )


async def find_link(conn: AsyncConnection, digest: bytes) -> Link | None:
    query = select(console_links).where(console_links.c.hash == digest)
    row = (await conn.execute(query)).one_or_none()
    return None if row is None else Link(_entry(row), row.expires_at)


async def use_link(conn: AsyncConnection, digest: bytes) -> bool:
    """Whether it was there, which it is no more: of two who come with it one gets True."""
    used = delete(console_links).where(console_links.c.hash == digest).returning(console_links.c.hash)
    return (await conn.execute(used)).one_or_none() is not None


async def add_session(conn: AsyncConnection, digest: bytes, session: Session) -> None:
    await conn.execute(
        insert(console_sessions).values(
            hash=digest, created_at=session.created_at, seen_at=session.seen_at, **_columns(session.entry)
        )
    )


async def find_session(conn: AsyncConnection, digest: bytes) -> Session | None:
    query = select(console_sessions).where(console_sessions.c.hash == digest)
    row = (await conn.execute(query)).one_or_none()
    return None if row is None else Session(_entry(row), row.created_at, row.seen_at)


async def seen(conn: AsyncConnection, digest: bytes, now: int) -> None:
    await conn.execute(update(console_sessions).where(console_sessions.c.hash == digest).values(seen_at=now))


async def end_session(conn: AsyncConnection, digest: bytes) -> None:
    await conn.execute(delete(console_sessions).where(console_sessions.c.hash == digest))


async def end_all(conn: AsyncConnection, org_id: str) -> None:
    """Of an organization, whoever began them. What hangs on its keys ends with these."""
    await conn.execute(delete(console_links).where(console_links.c.org_id == org_id))
    await conn.execute(delete(console_sessions).where(console_sessions.c.org_id == org_id))


async def forget_expired(conn: AsyncConnection, now: int) -> None:
    await conn.execute(delete(console_links).where(console_links.c.expires_at <= now))
    over = or_(console_sessions.c.seen_at <= now - IDLE_MS, console_sessions.c.created_at <= now - SESSION_MS)
    await conn.execute(delete(console_sessions).where(over))


def _columns(entry: Entry) -> dict[str, Any]:
    return {
        "key_hash": entry.key,
        "key_id": entry.key_id,
        "org_id": entry.org_id,
        "role": entry.role,
        "actor": entry.actor,
    }


def _entry(row: Row[Any]) -> Entry:
    return Entry(row.key_hash, row.key_id, row.org_id, row.role, row.actor)

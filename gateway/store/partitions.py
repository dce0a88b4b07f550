"""Weekly partitions on PostgreSQL, made ahead of time.

Ids sort by time, so a range of ids is a range of time. SQLite has one table and needs none of this.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.ids import first_id
from gateway.store.store import Store

log = logging.getLogger("gateway.partitions")

WEEK_MS: Final = 7 * 86_400_000
AHEAD: Final = 3
_PARTITIONED: Final = (("events", "evt"), ("attempts", "dlv"))


async def make_ahead(store: Store) -> None:
    """Makes the partitions of this week and the next ones; what is there already stays."""
    if store.database.is_sqlite:
        return
    first_week = store.clock.now() // WEEK_MS
    async with store.database.write() as conn:
        await conn.execute(text("SELECT pg_advisory_xact_lock(7160554322)"))
        known = set((await conn.execute(text("SELECT relname FROM pg_class WHERE relkind = 'r'"))).scalars())
        for table, prefix in _PARTITIONED:
            for week in range(first_week, first_week + AHEAD):
                name = f"{table}_{_first_day(week)}"
                if name not in known:
                    since, until = first_id(prefix, week * WEEK_MS), first_id(prefix, (week + 1) * WEEK_MS)
                    await _make(conn, table, name, since, until)


async def _make(conn: AsyncConnection, table: str, name: str, since: str, until: str) -> None:
    statement = f"CREATE TABLE {name} PARTITION OF {table} FOR VALUES FROM ('{since}') TO ('{until}')"
    try:
        async with conn.begin_nested():
            await conn.execute(text(statement))
    except DBAPIError as error:
        # Rows of that week that went into the default partition keep it from being made; they stay there.
        log.warning("partition %s not made: %s", name, error.orig)
    else:
        log.info("partition %s made", name)


def _first_day(week: int) -> str:
    """The day on which the week begins; weeks are counted from 1 January 1970, a Thursday."""
    return datetime.fromtimestamp(week * WEEK_MS / 1000, UTC).strftime("%Y%m%d")

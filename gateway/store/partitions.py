"""Weekly partitions on PostgreSQL, made ahead of time, and dropped when everything in them is too old.

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
from gateway.errors import Overloaded
from gateway.store.removal import release_external_ids
from gateway.store.store import Store

log = logging.getLogger("gateway.partitions")

WEEK_MS: Final = 7 * 86_400_000
AHEAD: Final = 3
_PARTITIONED: Final = (("events", "evt"), ("attempts", "dlv"))
_NEEDED: Final = {
    "events": text(
        "SELECT EXISTS (SELECT 1 FROM deliveries"
        " WHERE event_id >= :since AND event_id < :until AND status = 'pending')"
    ),
    "attempts": text("SELECT EXISTS (SELECT 1 FROM deliveries WHERE id >= :since AND id < :until)"),
}


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


async def drop_older(store: Store, before: int) -> list[str]:
    """Drops partitions of which everything is older than `before` (ms) and nothing is needed any more: no
    delivery of these events is pending, no delivery of these attempts is kept. Their names."""
    dropped = []
    for table, prefix in _PARTITIONED:
        for name, week in await _old(store, table, before):
            since, until = first_id(prefix, week * WEEK_MS), first_id(prefix, (week + 1) * WEEK_MS)
            async with store.looking_up() as conn:
                if await _needed(conn, table, since, until):
                    continue
            if table == "events":
                await _release_external_ids(store, name)
            if await _drop(store, table, name, since, until):
                dropped.append(name)
                log.info("partition %s dropped", name)
    return dropped


async def _needed(conn: AsyncConnection, table: str, since: str, until: str) -> bool:
    found = await conn.execute(_NEEDED[table], {"since": since, "until": until})
    return bool(found.scalar_one())


async def _drop(store: Store, table: str, name: str, since: str, until: str) -> bool:
    """False when somebody is using it just then, or needs it again: it is dropped at a later turn."""
    try:
        async with store.database.write() as conn:
            await conn.execute(text("SET LOCAL lock_timeout = '500ms'"))
            if await _needed(conn, table, since, until):
                return False
            await conn.execute(text(f"DROP TABLE {name}"))
    except Overloaded:
        return False
    return True


async def _old(store: Store, table: str, before: int) -> list[tuple[str, int]]:
    """The partitions of a table that end before that time, with their weeks."""
    async with store.looking_up() as conn:
        query = text("SELECT relname FROM pg_class WHERE relkind = 'r' AND relispartition")
        names = (await conn.execute(query)).scalars().all()
    weeks = {name: _week(name.removeprefix(f"{table}_")) for name in names if name.startswith(f"{table}_")}
    found = [(name, week) for name, week in weeks.items() if week and (week + 1) * WEEK_MS <= before]
    return sorted(found, key=lambda entry: entry[1])


async def _release_external_ids(store: Store, partition: str) -> None:
    """A partition goes at once, the claims of its external_ids in small batches before it."""
    after = ""
    while True:
        async with store.looking_up() as conn:
            query = text(
                f"SELECT id, org_id, external_id FROM {partition}"  # noqa: S608
                " WHERE external_id IS NOT NULL AND id > :after ORDER BY id LIMIT 1000"
            )
            rows = (await conn.execute(query, {"after": after})).all()
        if not rows:
            return
        after = rows[-1].id
        async with store.transaction() as tx:
            await release_external_ids(tx.conn, [(row.org_id, row.external_id) for row in rows])


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


def _week(day: str) -> int | None:
    """The week that begins on this day; None for what is not one, such as the partition of the rest."""
    try:
        begun = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(begun.timestamp()) * 1000 // WEEK_MS


def _first_day(week: int) -> str:
    """The day on which the week begins; weeks are counted from 1 January 1970, a Thursday."""
    return datetime.fromtimestamp(week * WEEK_MS / 1000, UTC).strftime("%Y%m%d")

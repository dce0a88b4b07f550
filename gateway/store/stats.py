"""Statistics of targets by the hour: counters that are written with the outcomes they count.

A name is a result (`delivered`, `failed`, `retried`, `held`), `code:404` or `error:timeout` for what an
attempt came to, or `ms:250` for how long it took: the upper bound of its bucket.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy import ColumnElement, delete, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.bulk import BulkInsert
from gateway.store.tables import target_stats as table

HOUR_MS: Final = 3_600_000
KEPT_MS: Final = 90 * 24 * HOUR_MS
RESULTS: Final = ("delivered", "failed", "retried", "held")
# Above 10 ms no bucket is wider than its lower bound.
BUCKETS: Final = (
    1, 2, 5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 7_500,
    10_000, 15_000, 20_000, 30_000, 60_000,
)  # fmt: skip
_BUCKET_NAMES: Final = tuple(f"ms:{bound}" for bound in BUCKETS)

Key = tuple[str, int, str, str]
"""Target, hour, name, organization."""

_ADD: Final = BulkInsert(
    table,
    ("target_id", "hour", "name", "org_id", "count"),
    on_conflict="ON CONFLICT (target_id, hour, name) DO UPDATE SET"
    " count = target_stats.count + excluded.count",
)


def bucket(duration_ms: int) -> str:
    """The name of the bucket."""
    return _BUCKET_NAMES[min(bisect_left(BUCKETS, duration_ms), len(BUCKETS) - 1)]


async def add(conn: AsyncConnection, counts: Mapping[Key, int]) -> None:
    """Adds to the counters, all in one statement and in one order, so that two nodes do not wait for each
    other in a circle."""
    await _ADD(conn, [(*key, counts[key]) for key in sorted(counts)])


async def totals(conn: AsyncConnection, target_id: str, since: int) -> dict[str, int]:
    """Name → count, over all hours from `since` on."""
    query = select(table.c.name, func.sum(table.c.count)).where(*_of(target_id, since)).group_by(table.c.name)
    return {name: int(count) for name, count in (await conn.execute(query)).all()}


async def hours(
    conn: AsyncConnection, target_id: str, since: int, names: Sequence[str] = RESULTS
) -> dict[int, dict[str, int]]:
    """Hour → result → count, for the hours in which something happened."""
    query = select(table.c.hour, table.c.name, table.c.count).where(
        *_of(target_id, since), table.c.name.in_(names)
    )
    found: dict[int, dict[str, int]] = {}
    for hour, name, count in (await conn.execute(query)).all():
        found.setdefault(hour, {})[name] = count
    return found


async def forget(conn: AsyncConnection, now: int, limit: int = 5_000) -> int:
    """Deletes some of what is older than it is kept, the oldest first; how many rows."""
    key = tuple_(table.c.target_id, table.c.hour, table.c.name)
    old = select(table.c.target_id, table.c.hour, table.c.name).where(table.c.hour < now - KEPT_MS)
    result = await conn.execute(delete(table).where(key.in_(old.order_by(table.c.hour).limit(limit))))
    return result.rowcount


def percentile(counts: Iterable[tuple[int, int]], share: float) -> int | None:
    """The upper bound of the bucket in which the attempt at `share` (0 to 1) of all lies; None without any.
    `counts`: upper bound and count."""
    ordered = sorted(counts)
    whole = sum(count for _, count in ordered)
    seen = 0
    for bound, count in ordered:
        seen += count
        if whole and seen >= share * whole:
            return bound
    return None


def _of(target_id: str, since: int) -> tuple[ColumnElement[bool], ...]:
    return (table.c.target_id == target_id, table.c.hour >= since)

"""The statistics of a webhook or connector over the last hours or days, out of the hourly counters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import stats as counters
from gateway.store.stats import HOUR_MS

Window = Literal["1h", "24h", "7d", "30d"]
WINDOWS: Final[Mapping[Window, int]] = {"1h": 1, "24h": 24, "7d": 7 * 24, "30d": 30 * 24}
PERCENTILES: Final = (50, 90, 95, 99)


@dataclass(frozen=True, slots=True)
class Stats:
    """`hours`: every hour of the window with its results; `percentiles` in ms, upper bounds of buckets."""

    window: Window
    since: int
    until: int
    attempts: int
    totals: Mapping[str, int]
    status_codes: dict[str, int]
    errors: dict[str, int]
    percentiles: Mapping[int, int | None]
    hours: list[tuple[int, Mapping[str, int]]]


async def of_target(conn: AsyncConnection, target_id: str, window: Window, now: int) -> Stats:
    """The counters of whole hours: the first is the one in which the window begins, the last is under way."""
    since = (now - WINDOWS[window] * HOUR_MS) // HOUR_MS * HOUR_MS
    totals = await counters.totals(conn, target_id, since)
    by_hour = await counters.hours(conn, target_id, since)
    durations = {int(bound): count for bound, count in _named(totals, "ms:").items()}
    return Stats(
        window=window,
        since=since,
        until=now,
        attempts=sum(durations.values()),
        totals={name: totals.get(name, 0) for name in counters.RESULTS},
        status_codes=_named(totals, "code:"),
        errors=_named(totals, "error:"),
        percentiles={share: counters.percentile(durations.items(), share / 100) for share in PERCENTILES},
        hours=[(hour, by_hour.get(hour, {})) for hour in range(since, now + 1, HOUR_MS)],
    )


def _named(totals: Mapping[str, int], prefix: str) -> dict[str, int]:
    return {
        name.removeprefix(prefix): count for name, count in sorted(totals.items()) if name.startswith(prefix)
    }

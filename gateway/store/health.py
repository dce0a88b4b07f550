"""How a target has been doing: written only when there is news, so that success costs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select, union, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.failing import day_of
from gateway.store.bulk import BulkInsert, BulkUpdate
from gateway.store.tables import lanes
from gateway.store.tables import target_health as table


@dataclass(slots=True)
class Health:
    """The news of one target since the last writing. Times in ms; `failures` are added up."""

    target_id: str
    org_id: str
    success_at: int | None = None
    first_success_at: int | None = None
    failing_since: int | None = None
    failures: int = 0
    delivery_id: str | None = None
    delivery_at: int | None = None
    status_code: int | None = None
    error: str | None = None


# A success, with or without a failure after it: what failed before no longer counts.
_ENDS: Final = "(excluded.failing_since IS NULL OR excluded.last_success_at IS NOT NULL)"
_WRITE: Final = BulkInsert(
    table,
    [
        "target_id", "org_id", "first_success_at", "last_success_at", "failing_since", "failures",
        "failure_days", "last_failure_day", "last_delivery_id", "last_delivery_at", "last_status_code",
        "last_error",
    ],
    on_conflict="""ON CONFLICT (target_id) DO UPDATE SET
        first_success_at = coalesce(target_health.first_success_at, excluded.first_success_at),
        last_success_at = coalesce(excluded.last_success_at, target_health.last_success_at),
        failing_since = CASE WHEN {ends} THEN excluded.failing_since
            ELSE coalesce(target_health.failing_since, excluded.failing_since) END,
        failures = CASE WHEN {ends} THEN 0 ELSE target_health.failures END + excluded.failures,
        failure_days = CASE WHEN {ends} THEN excluded.failure_days
            WHEN target_health.last_failure_day >= excluded.last_failure_day THEN target_health.failure_days
            ELSE target_health.failure_days + excluded.failure_days END,
        last_failure_day = CASE WHEN {ends} OR target_health.last_failure_day IS NULL
            OR target_health.last_failure_day < excluded.last_failure_day THEN excluded.last_failure_day
            ELSE target_health.last_failure_day END,
        warned_day = CASE WHEN {ends} THEN NULL ELSE target_health.warned_day END,
        last_delivery_id = excluded.last_delivery_id,
        last_delivery_at = excluded.last_delivery_at,
        last_status_code = excluded.last_status_code,
        last_error = excluded.last_error""".replace("{ends}", _ENDS),
)  # fmt: skip


async def write(conn: AsyncConnection, news: Iterable[Health]) -> None:
    """One entry for each target: when many fail together, they must not hold up the transaction."""
    # In one order, so that two nodes do not wait for each other.
    rows = [
        (
            entry.target_id, entry.org_id, entry.first_success_at, entry.success_at, entry.failing_since,
            entry.failures, int(entry.failing_since is not None), _failure_day(entry), entry.delivery_id,
            entry.delivery_at, entry.status_code, entry.error,
        )
        for entry in sorted(news, key=lambda entry: entry.target_id)
    ]  # fmt: skip
    await _WRITE(conn, rows)


_LATEST: Final = [column for column in table.c if column.name not in ("target_id", "org_id")]


async def latest(conn: AsyncConnection, ids: Sequence[str]) -> dict[str, Any]:
    """What is known of the latest deliveries, by target; and until when it is held, or was."""
    known = union(
        select(table.c.target_id).where(table.c.target_id.in_(ids)),
        select(lanes.c.target_id).where(lanes.c.target_id.in_(ids)),
    ).subquery()
    query = (
        select(known.c.target_id, *_LATEST, lanes.c.held_until)
        .outerjoin(table, table.c.target_id == known.c.target_id)
        .outerjoin(lanes, lanes.c.target_id == known.c.target_id)
    )
    return {row.target_id: row for row in await conn.execute(query)}


async def recovered(conn: AsyncConnection, target_id: str) -> None:
    """A person has enabled the target again: what failed before no longer counts."""
    await conn.execute(
        update(table)
        .where(table.c.target_id == target_id)
        .values(failing_since=None, failures=0, failure_days=0, last_failure_day=None, warned_day=None)
    )


async def failing(conn: AsyncConnection, ids: Iterable[str], since: int) -> Sequence[Row[Any]]:
    """Those of the targets that have been failing since then or longer."""
    query = select(table).where(table.c.target_id.in_(sorted(ids)), table.c.failing_since <= since)
    return (await conn.execute(query)).all()


async def in_the_way(conn: AsyncConnection, target_id: str) -> tuple[int, bool]:
    """What can keep the target from getting more: until when it is held (ms; 0 for never), and whether its
    latest attempt got no answer."""
    held = select(lanes.c.held_until).where(lanes.c.target_id == target_id)
    latest = select(table.c.last_error).where(
        table.c.target_id == target_id, table.c.last_status_code.is_(None)
    )
    query = select(held.scalar_subquery().label("until"), latest.scalar_subquery().label("error"))
    found = (await conn.execute(query)).one()
    return found.until or 0, found.error is not None


_MARK: Final = BulkUpdate(table, ("warned_day",), ("target_id",))


async def mark_warned(conn: AsyncConnection, days: dict[str, int]) -> None:
    """Remembers of which day of failing was warned, by target."""
    await _MARK(conn, [(day, target_id) for target_id, day in sorted(days.items())])


def _failure_day(entry: Health) -> int | None:
    """The day of the latest failure. A transaction over midnight counts as one day: rather one too few."""
    return None if entry.failing_since is None or entry.delivery_at is None else day_of(entry.delivery_at)

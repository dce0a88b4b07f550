"""How a target has been doing: written only when there is news, so that success costs nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.bulk import BulkInsert
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


_WRITE: Final = BulkInsert(
    table,
    [
        "target_id", "org_id", "first_success_at", "last_success_at", "failing_since", "failures",
        "last_delivery_id", "last_delivery_at", "last_status_code", "last_error",
    ],
    on_conflict="""ON CONFLICT (target_id) DO UPDATE SET
        first_success_at = coalesce(target_health.first_success_at, excluded.first_success_at),
        last_success_at = coalesce(excluded.last_success_at, target_health.last_success_at),
        failing_since = CASE WHEN excluded.failing_since IS NOT NULL
            THEN coalesce(target_health.failing_since, excluded.failing_since) END,
        failures = CASE WHEN excluded.failing_since IS NOT NULL
            THEN target_health.failures + excluded.failures ELSE 0 END,
        last_delivery_id = excluded.last_delivery_id,
        last_delivery_at = excluded.last_delivery_at,
        last_status_code = excluded.last_status_code,
        last_error = excluded.last_error""",
)  # fmt: skip


async def write(conn: AsyncConnection, news: Iterable[Health]) -> None:
    """One entry for each target: when many fail together, they must not hold up the transaction."""
    # In one order, so that two nodes do not wait for each other.
    rows = [
        (
            entry.target_id, entry.org_id, entry.first_success_at, entry.success_at, entry.failing_since,
            entry.failures, entry.delivery_id, entry.delivery_at, entry.status_code, entry.error,
        )
        for entry in sorted(news, key=lambda entry: entry.target_id)
    ]  # fmt: skip
    await _WRITE(conn, rows)


async def recovered(conn: AsyncConnection, target_id: str) -> None:
    """A person has enabled the target again: what failed before no longer counts."""
    await conn.execute(
        update(table).where(table.c.target_id == target_id).values(failing_since=None, failures=0)
    )

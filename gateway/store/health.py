"""How a target has been doing: written only when there is news, so that success costs nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

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


async def write(conn: AsyncConnection, news: Iterable[Health]) -> None:
    dialect = sqlite if conn.dialect.name == "sqlite" else postgresql
    for entry in sorted(news, key=lambda n: n.target_id):
        values: dict[str, Any] = {
            "target_id": entry.target_id,
            "org_id": entry.org_id,
            "first_success_at": entry.first_success_at,
            "last_success_at": entry.success_at,
            "failing_since": entry.failing_since,
            "failures": entry.failures,
            "last_delivery_id": entry.delivery_id,
            "last_delivery_at": entry.delivery_at,
            "last_status_code": entry.status_code,
            "last_error": entry.error,
        }
        statement = dialect.insert(table).values(**values)
        changes: dict[str, Any] = {name: values[name] for name in values if name.startswith("last_delivery")}
        changes["last_status_code"] = entry.status_code
        changes["last_error"] = entry.error
        changes["first_success_at"] = func.coalesce(table.c.first_success_at, entry.first_success_at)
        changes["last_success_at"] = func.coalesce(entry.success_at, table.c.last_success_at)
        if entry.failing_since is None:
            changes["failing_since"], changes["failures"] = None, 0
        else:
            changes["failing_since"] = func.coalesce(table.c.failing_since, entry.failing_since)
            changes["failures"] = table.c.failures + entry.failures
        await conn.execute(statement.on_conflict_do_update(index_elements=["target_id"], set_=changes))


async def recovered(conn: AsyncConnection, target_id: str) -> None:
    """A person has enabled the target again: what failed before no longer counts."""
    await conn.execute(
        update(table).where(table.c.target_id == target_id).values(failing_since=None, failures=0)
    )

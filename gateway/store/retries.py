"""Deliveries that wait for the time of their next attempt, and bringing it forward.

They are read in slices from the queue in which all targets' wait for their time (`deliveries.DUE_QUEUE`), so
that it takes what waits there, and not what the target's history holds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.delivery import DUE_QUEUE, LATER
from gateway.store.engine import execute_many
from gateway.store.ranges import HIGHEST
from gateway.store.store import Store

SLICE: Final = 1000
AT_ONCE: Final = 10  # due at the same moment, of those that are brought forward one after the other
_PRIORITIES: Final = (1, 0, LATER)
_NEVER: Final = 2**63 - 1

_QUEUE: Final = (
    " FROM deliveries AS d WHERE d.status = 'pending' AND d.queue = :queue AND d.priority = :priority"
    " AND (d.due_at, d.id) > (:due, :id)"
)
_END: Final = text(f"SELECT d.due_at, d.id{_QUEUE} ORDER BY d.due_at, d.id LIMIT 1 OFFSET :slice")
# Expressions, so that nothing leads to another index than the queue's, whatever the database believes of its
# tables. Whose latest attempt is younger than the order is not brought forward: it has been tried by then,
# and would be tried over and over while the job goes on.
_MEANT: Final = text(
    f"SELECT d.id, d.due_at, d.attempts_made{_QUEUE} AND (d.due_at, d.id) <= (:last_due, :last_id)"  # noqa: S608
    " AND d.target_id || '' = :target AND d.position + 0 < :ceiling AND coalesce(("
    "SELECT a.started_at FROM attempts AS a WHERE a.delivery_id = d.id AND a.number = d.attempts_made LIMIT 1"
    "), 0) < :ordered_at ORDER BY d.due_at, d.id"
)
_LAST_ID: Final = "dlv_~"
# Without a join, for which PostgreSQL would read the whole table if it believed that nothing is in it.
_FORWARD_SQLITE: Final = (
    "UPDATE deliveries SET due_at = min(due_at, ?) WHERE id = ? AND queue = ? AND attempts_made = ?"
)
_FORWARD_POSTGRESQL: Final = (
    "UPDATE deliveries SET due_at = least(due_at, ($1::bigint[])[array_position($2::text[], id)])"
    " WHERE id = ANY($2::text[]) AND queue = $3"
    " AND attempts_made = ($4::integer[])[array_position($2::text[], id)]"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Up to where the queue was read: one priority after the other, by time."""

    priority: int
    due: int
    id: str

    def __str__(self) -> str:
        return f"{self.priority} {self.due} {self.id}"

    @classmethod
    def parse(cls, text: str) -> Place:
        priority, due, delivery_id = text.split(" ")
        return cls(int(priority), int(due), delivery_id)


async def waiting(
    store: Store, target_id: str, after: Place | None, *, ordered_at: int = _NEVER, ceiling: int = HIGHEST,
    slice_: int = SLICE, rest: Callable[[float], float] = lambda took: 0.0,
) -> AsyncIterator[tuple[list[Row[Any]], Place]]:  # fmt: skip
    """What waits for the target, slice after slice that holds something, each with the place where it ends:
    of the deliveries below the position `ceiling`, those that have not been tried since `ordered_at` (ms).
    What waits for others is read as well: `rest` says for how long to rest after a slice that took so long
    (seconds)."""
    for priority in _PRIORITIES:
        if after is not None and priority > after.priority:
            continue
        place = after if after is not None and after.priority == priority else None
        # What is due already needs nobody.
        place = place or Place(priority, store.clock.now(), "")
        at_end = False
        while not at_end:
            values: dict[str, Any] = {
                "queue": DUE_QUEUE, "priority": priority, "due": place.due, "id": place.id,
            }  # fmt: skip
            about = {"target": target_id, "ceiling": ceiling, "ordered_at": ordered_at}
            begun = store.clock.monotonic()
            async with store.looking_up() as conn:
                end = (await conn.execute(_END, values | {"slice": slice_ - 1})).one_or_none()
                at_end = end is None
                place = Place(priority, _NEVER, _LAST_ID) if end is None else Place(priority, *end)
                until = {"last_due": place.due, "last_id": place.id}
                rows = (await conn.execute(_MEANT, values | until | about)).all()
            if (pause := rest(store.clock.monotonic() - begun)) > 0:
                await store.clock.sleep(pause)
            if rows:
                yield list(rows), place


async def bring_forward(conn: AsyncConnection, rows: Sequence[Row[Any]], now: int, *, apart: int = 0) -> None:
    """Makes them due: all now, or a few at a time, `apart` (ms) from each other; none later than it was. One
    that was tried meanwhile keeps its time."""
    times = [now + index // AT_ONCE * apart for index in range(len(rows))]
    ids, attempts = [row.id for row in rows], [row.attempts_made for row in rows]
    if conn.dialect.name == "sqlite":
        changes = [(*of, DUE_QUEUE, made) for *of, made in zip(times, ids, attempts, strict=True)]
        await execute_many(conn, _FORWARD_SQLITE, changes)
    else:
        await conn.exec_driver_sql(_FORWARD_POSTGRESQL, (times, ids, DUE_QUEUE, attempts))

"""Deliveries: rows that change state. Each pending one waits in exactly one queue (see `store.tables`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import TextClause, insert, select, text, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.delivery import DUE_QUEUE, LATER, target_of_later
from gateway.domain.ordering import behind
from gateway.store.bulk import BulkInsert, BulkUpdate
from gateway.store.tables import attempts, deliveries

insert_deliveries: Final = BulkInsert(
    deliveries,
    (
        "id", "position", "org_id", "event_id", "event_type", "target_type", "target_id", "status", "queue",
        "due_at", "attempts_made", "steps_used", "ordering_key", "priority", "expires_at", "created_at",
        "redelivery_of", "job_id", "test",
    ),
    ignore_conflicts=True,
)  # fmt: skip

# The fence: an outcome counts only while the delivery is still leased to the node that made the attempt. That
# it is pending follows from its having a queue; asking for the status as well would lead PostgreSQL to the
# index of all waiting rows instead of to the primary key.
record_outcomes: Final = BulkUpdate(
    deliveries,
    (
        "status", "queue", "due_at", "attempts_made", "steps_used", "completed_at", "reason",
        "last_status_code", "last_error",
    ),
    ("id", "queue", "attempts_made"),
)  # fmt: skip
move: Final = BulkUpdate(deliveries, ("queue",), ("id", "queue"))

CLAIMED: Final = (
    "id, org_id, event_id, event_type, target_type, target_id, attempts_made, steps_used, ordering_key,"
    " priority, due_at, expires_at, created_at, redelivery_of"
)


def _claim(pick: str) -> TextClause:
    return text(
        f"UPDATE deliveries SET queue = :lease WHERE {pick}"  # noqa: S608
        f" RETURNING {CLAIMED}"
    )


def _claims(further: str = "") -> dict[str, TextClause]:
    picked = (
        "SELECT id FROM deliveries WHERE status = 'pending' AND queue = :queue AND priority = :priority"  # noqa: S608
        f" AND due_at <= :now{further} ORDER BY due_at LIMIT :limit"
    )
    # An array keeps PostgreSQL from running the sub-select, with its row locks, more than once.
    return {
        "postgresql": _claim(f"id = ANY(ARRAY({picked} FOR UPDATE SKIP LOCKED))"),
        "sqlite": _claim(f"id IN ({picked})"),
    }


_CLAIM: Final = _claims()
_CLAIM_OWN: Final = _claims(
    " AND (position < :below OR created_at < :settled)"
    " AND EXISTS (SELECT 1 FROM lanes WHERE target_id = :target AND owner_lease = :lease)"
)
# An event is committed, or is not, well within this time after its acceptance began.
_SETTLED_MS: Final = 10_000

_QUEUES = text(
    "WITH RECURSIVE waiting(name) AS ("
    " SELECT min(queue) FROM deliveries WHERE status = 'pending' AND queue >= ''"
    " UNION ALL"
    " SELECT (SELECT min(queue) FROM deliveries WHERE status = 'pending' AND queue > waiting.name)"
    " FROM waiting WHERE waiting.name IS NOT NULL)"
    " SELECT name FROM waiting WHERE name IS NOT NULL"
)
_NEXT_DUE = text(
    "SELECT min(due) FROM ("
    " SELECT min(due_at) AS due FROM deliveries WHERE status = 'pending' AND queue = :queue AND priority = 0"
    " UNION ALL"
    " SELECT min(due_at) FROM deliveries WHERE status = 'pending' AND queue = :queue AND priority = 1"
    " UNION ALL"
    " SELECT min(due_at) FROM deliveries WHERE status = 'pending' AND queue = :queue AND priority = -1) AS d"
)


async def add_finished(conn: AsyncConnection, **row: Any) -> None:
    """A delivery that is over when it is written down: a test. It never waits in a queue."""
    await conn.execute(insert(deliveries).values(row))


async def claim(conn: AsyncConnection, queue: str, lease: str, *, now: int, limit: int) -> Sequence[Row[Any]]:
    """Takes up to `limit` deliveries of a queue that are due, the urgent ones first, those of jobs last."""
    return await _taken(conn, _CLAIM, {"queue": queue, "lease": lease, "now": now}, limit)


async def claim_own(
    conn: AsyncConnection, target_id: str, queue: str, lease: str, *, now: int, limit: int, below: int | None
) -> Sequence[Row[Any]]:
    """The same for a target that the lease serves alone; nothing when it does not. With `below`, nothing is
    taken before which another could still be committed (`store.transaction`)."""
    values = {
        "queue": queue, "lease": lease, "now": now, "target": target_id,
        "below": 2**63 - 1 if below is None else below, "settled": now - _SETTLED_MS,
    }  # fmt: skip
    return await _taken(conn, _CLAIM_OWN, values, limit)


async def _taken(
    conn: AsyncConnection, statements: dict[str, TextClause], values: dict[str, Any], limit: int
) -> Sequence[Row[Any]]:
    statement = statements[conn.dialect.name]
    taken: list[Row[Any]] = []
    for priority in (1, 0, LATER) if target_of_later(values["queue"]) is None else (LATER,):
        if len(taken) < limit:
            still = values | {"priority": priority, "limit": limit - len(taken)}
            # RETURNING gives the rows as they come upon; they are due in this order.
            rows = (await conn.execute(statement, still)).all()
            taken += sorted(rows, key=lambda row: (row.due_at, row.id))
    return taken


async def leased(conn: AsyncConnection, lease: str) -> Sequence[Row[Any]]:
    """Everything that a lease covers, as `claim` would give it."""
    query = text(f"SELECT {CLAIMED} FROM deliveries WHERE status = 'pending' AND queue = :lease")  # noqa: S608
    return (await conn.execute(query, {"lease": lease})).all()


async def waiting_queues(conn: AsyncConnection) -> list[str]:
    """The names of all queues in which something waits: one index probe for each, however long they are."""
    return list((await conn.execute(_QUEUES)).scalars())


async def next_due(conn: AsyncConnection) -> int | None:
    """When the first delivery that waits for its time falls due (ms)."""
    value = (await conn.execute(_NEXT_DUE, {"queue": DUE_QUEUE})).scalar()
    return None if value is None else int(value)


async def organization_of_queue(conn: AsyncConnection, queue: str) -> str | None:
    """Whose deliveries wait in a target's queue, or behind others of their key."""
    query = select(deliveries.c.org_id).where(
        deliveries.c.status == "pending", deliveries.c.queue.in_((queue, behind(queue)))
    )
    return (await conn.execute(query.limit(1))).scalar_one_or_none()


async def cancel_pending(conn: AsyncConnection, target_id: str, now: int) -> int:
    """Cancels what the target is still owed; attempts under way find their lease gone."""
    result = await conn.execute(
        update(deliveries)
        .where(deliveries.c.target_id == target_id, deliveries.c.status == "pending")
        .values(status="cancelled", queue=None, due_at=None, completed_at=now)
    )
    return result.rowcount


async def cancel(conn: AsyncConnection, org_id: str, delivery_id: str, now: int) -> Row[Any] | None:
    """Cancels a delivery that is not over; None when it was, or when there is none."""
    result = await conn.execute(
        update(deliveries)
        .where(
            deliveries.c.id == delivery_id, deliveries.c.org_id == org_id, deliveries.c.status == "pending"
        )
        .values(status="cancelled", queue=None, due_at=None, completed_at=now)
        .returning(deliveries)
    )
    cancelled: Row[Any] | None = result.one_or_none()
    return cancelled


async def cancel_of_job(
    conn: AsyncConnection, target_id: str, job_id: str, after: int, count: int, now: int
) -> int | None:
    """Cancels what a job made for the target and no node has taken up: among the next `count` deliveries of
    the target that follow the position `after`. Returns where these end; None when there are no more."""
    column = deliveries.c
    following = select(column.position).where(column.target_id == target_id, column.position > after)
    last = (
        await conn.execute(following.order_by(column.position).limit(1).offset(count - 1))
    ).scalar_one_or_none()
    change = update(deliveries).where(
        column.target_id == target_id,
        column.position > after,
        column.status == "pending",
        column.job_id == job_id,
        column.queue.not_like(r"lse\_%", escape="\\"),
    )
    if last is not None:
        change = change.where(column.position <= last)
    await conn.execute(change.values(status="cancelled", queue=None, due_at=None, completed_at=now))
    return last


async def cancelled_among(conn: AsyncConnection, ids: Iterable[str]) -> set[str]:
    query = select(deliveries.c.id).where(deliveries.c.id.in_(list(ids)), deliveries.c.status == "cancelled")
    return set((await conn.execute(query)).scalars())


async def wake_target(conn: AsyncConnection, target_id: str, until: int) -> None:
    """Deliveries that the target's hold or pause had put off become due now; those whose schedule says later
    (they wait in the queue `due`) keep their time."""
    await conn.execute(
        update(deliveries)
        .where(deliveries.c.status == "pending", deliveries.c.queue == target_id, deliveries.c.due_at > until)
        .values(due_at=until)
    )


async def wake_held(conn: AsyncConnection, target_id: str, held_until: int, now: int) -> None:
    """The hold that would have lasted until then is over: those that were told to wait for its end by the
    answer to their latest attempt are due now; those whose schedule says later keep their time."""
    told_to_wait = (
        select(attempts.c.delivery_id)
        .where(attempts.c.delivery_id == deliveries.c.id, attempts.c.number == deliveries.c.attempts_made)
        .where(attempts.c.held.is_(True))
    )
    await conn.execute(
        update(deliveries)
        .where(
            deliveries.c.status == "pending",
            deliveries.c.queue == DUE_QUEUE,
            deliveries.c.priority.in_((LATER, 0, 1)),  # so that the index leads to the times
            deliveries.c.due_at > now,
            deliveries.c.due_at <= held_until,
            deliveries.c.target_id == target_id,
            told_to_wait.exists(),
        )
        .values(due_at=now)
    )


async def anything_in(conn: AsyncConnection, queue: str) -> bool:
    query = select(deliveries.c.id).where(deliveries.c.status == "pending", deliveries.c.queue == queue)
    return (await conn.execute(query.limit(1))).first() is not None


async def overdue(conn: AsyncConnection, now: int, limit: int = 5000) -> list[str]:
    """Deliveries that wait in the database past their expiry; those in a node's memory it expires itself."""
    query = select(deliveries.c.id).where(
        deliveries.c.status == "pending",
        deliveries.c.expires_at <= now,
        deliveries.c.queue.not_like(r"lse\_%", escape="\\"),
    )
    return list((await conn.execute(query.limit(limit))).scalars())


async def expire(conn: AsyncConnection, ids: Sequence[str], now: int) -> Sequence[Row[Any]]:
    """Ends these deliveries, unless a node has taken them up meanwhile; returns those that it ended."""
    if not ids:
        return []
    result = await conn.execute(
        update(deliveries)
        .where(
            deliveries.c.id.in_(ids),
            deliveries.c.status == "pending",
            deliveries.c.queue.not_like(r"lse\_%", escape="\\"),
        )
        .values(status="failed", reason="expired", queue=None, due_at=None, completed_at=now)
        .returning(deliveries)
    )
    ended: Sequence[Row[Any]] = result.all()
    return ended


async def return_leased(conn: AsyncConnection, lease: str) -> int:
    """Gives back whatever a stopping node still has; it uses nothing up and is due at once."""
    result = await conn.execute(
        update(deliveries)
        .where(deliveries.c.status == "pending", deliveries.c.queue == lease)
        .values(queue=DUE_QUEUE)
    )
    return result.rowcount


async def find(conn: AsyncConnection, org_id: str | None, delivery_id: str) -> Row[Any] | None:
    query = select(deliveries).where(deliveries.c.id == delivery_id)
    if org_id is not None:
        query = query.where(deliveries.c.org_id == org_id)
    return (await conn.execute(query)).one_or_none()


async def count_pending(conn: AsyncConnection) -> int:
    """How many deliveries are not over yet; reads the index of the waiting ones only."""
    count = text("SELECT count(*) FROM deliveries WHERE status = 'pending'")
    return int((await conn.execute(count)).scalar_one())

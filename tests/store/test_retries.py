"""Reading what waits for its next attempt: by the queue's index alone, on a database that knows nothing of
its tables, however long the target's history is."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import TextClause, text

from gateway.domain.delivery import DUE_QUEUE
from gateway.manage.jobs import REST
from gateway.manage.retries import count
from gateway.store import retries
from gateway.store.bulk import BulkUpdate
from gateway.store.deliveries import insert_deliveries
from gateway.store.store import Store
from gateway.store.tables import deliveries
from tests.store.conftest import NOW, delivery_row

pytestmark = pytest.mark.anyio

HISTORY = 3000
WAITING = 600


def row(number: int, status: str, target: str = "whk_1") -> tuple[Any, ...]:
    pending = status == "pending"
    return delivery_row(
        f"dlv_{number:06}", position=number + 1, target_id=target, status=status, attempts_made=1,
        queue=DUE_QUEUE if pending else None, due_at=NOW + 1000 + number if pending else None,
    )  # fmt: skip


@pytest.fixture
async def filled(store: Store) -> AsyncIterator[Store]:
    """Never analyzed: PostgreSQL believes that its tables are empty."""
    rows = [row(n, "delivered") for n in range(HISTORY)]
    rows += [row(HISTORY + n, "pending", f"whk_{n % 3}") for n in range(WAITING)]
    async with store.transaction() as tx:
        if not store.database.is_sqlite:
            await tx.conn.execute(text("ALTER TABLE deliveries SET (autovacuum_enabled = false)"))
        for first in range(0, len(rows), 500):
            await insert_deliveries(tx.conn, rows[first : first + 500])
    yield store


async def plan(store: Store, statement: TextClause, values: dict[str, Any]) -> str:
    explain = "EXPLAIN QUERY PLAN " if store.database.is_sqlite else "EXPLAIN "
    async with store.reading() as conn:
        rows = (await conn.execute(text(explain + statement.text), values)).all()
    return "\n".join(str(found[-1]) for found in rows)


async def test_the_queues_index_leads_to_them(filled: Store) -> None:
    place = {"queue": DUE_QUEUE, "priority": 0, "due": NOW, "id": ""}
    about = {
        "target": "whk_1",
        "ceiling": 10**9,
        "ordered_at": NOW,
        "last_due": NOW + 10**6,
        "last_id": "dlv_~",
    }
    for statement, values in ((retries._END, place | {"slice": 99}), (retries._MEANT, place | about)):
        shown = await plan(filled, statement, values)
        assert "deliveries_waiting" in shown, shown
        for other in ("Seq Scan on deliveries", "SCAN d", "by_target", "by_position", "Join", "Hash"):
            assert other not in shown, shown


async def test_control_a_plain_condition_can_lead_to_the_whole_history(filled: Store) -> None:
    """What the expressions are for: by its id alone the target's history is found."""
    plain = text(
        "SELECT id FROM deliveries WHERE target_id = :target AND status = 'pending' ORDER BY position"
    )
    shown = await plan(filled, plain, {"target": "whk_1"})
    assert "deliveries_by_target" in shown, shown


@pytest.mark.parametrize("slice_", [7, 100, 1000])
async def test_only_the_targets_own_are_found_in_order(filled: Store, slice_: int) -> None:
    found = [
        one.id async for some, _ in retries.waiting(filled, "whk_1", None, slice_=slice_) for one in some
    ]
    assert found == [f"dlv_{HISTORY + n:06}" for n in range(WAITING) if n % 3 == 1]
    nothing = [one async for some, _ in retries.waiting(filled, "whk_9", None, slice_=slice_) for one in some]
    assert nothing == []


@pytest.mark.parametrize(("busy", "rests"), [(True, 3), (False, 0)])
async def test_beside_events_it_rests_after_each_slice_also_of_what_waits_for_others(
    filled: Store, monkeypatch: pytest.MonkeyPatch, busy: bool, rests: int
) -> None:
    """One slice of each priority; each takes a second."""
    seconds = itertools.count()
    begun = filled.clock.now()
    monkeypatch.setattr(filled.clock, "monotonic", lambda: next(seconds))
    assert await count(filled, "whk_9", lambda: busy) == 0
    assert filled.clock.now() - begun == rests * 1000 * REST


async def test_what_came_after_the_order_is_left(filled: Store) -> None:
    ceiling = HISTORY + 301
    found = [
        one.id async for some, _ in retries.waiting(filled, "whk_1", None, ceiling=ceiling) for one in some
    ]
    assert found[-1] == f"dlv_{HISTORY + 298:06}"


async def test_what_was_tried_meanwhile_keeps_its_time(filled: Store) -> None:
    found = [one async for some, _ in retries.waiting(filled, "whk_1", None) for one in some]
    tried, standing = found[:2]
    async with filled.transaction() as tx:
        change = deliveries.update().where(deliveries.c.id == tried.id)
        await tx.conn.execute(change.values(attempts_made=2, due_at=NOW + 77_000))
        await retries.bring_forward(tx.conn, [tried, standing], NOW)
    async with filled.reading() as conn:
        query = (
            deliveries.select().where(deliveries.c.id.in_([tried.id, standing.id])).order_by(deliveries.c.id)
        )
        assert [one.due_at for one in await conn.execute(query)] == [NOW + 77_000, NOW]


async def test_beside_events_a_few_fall_due_at_a_time_and_none_later_than_it_was(filled: Store) -> None:
    some = [one async for found, _ in retries.waiting(filled, "whk_1", None) for one in found][:25]
    soon = NOW + 150
    async with filled.transaction() as tx:
        change = deliveries.update().where(deliveries.c.id == some[24].id)
        await tx.conn.execute(change.values(due_at=soon))
        last = SimpleNamespace(**{**some[24]._mapping, "due_at": soon})
        await retries.bring_forward(tx.conn, [*some[:24], cast(Any, last)], NOW, apart=140)
    async with filled.reading() as conn:
        query = deliveries.select().where(deliveries.c.due_at <= NOW + 280).order_by(deliveries.c.id)
        due = [one.due_at - NOW for one in await conn.execute(query)]
    assert due == [0] * 10 + [140] * 10 + [280] * 4 + [150]


@pytest.mark.parametrize("any_database", ["postgresql"], indirect=True)
async def test_bringing_forward_finds_them_by_id_whatever_the_database_believes(filled: Store) -> None:
    """Control: as a join with a list it reads all there is, where the tables are believed to be empty."""
    forward = (retries._FORWARD_POSTGRESQL, ([NOW], ["dlv_003001"], DUE_QUEUE, [1]))
    joined = BulkUpdate(deliveries, ("due_at",), ("id", "queue", "attempts_made"))._postgresql
    async with filled.transaction() as tx:
        believed = "UPDATE pg_class SET relpages = 100, reltuples = 0 WHERE relname = 'deliveries'"
        await tx.conn.execute(text(believed))
    for statement, values, expected in (
        (*forward, "Index Cond: (id = ANY"),
        (joined, ([NOW], ["dlv_003001"], [DUE_QUEUE], [1]), "Join"),
    ):
        async with filled.transaction() as tx:
            shown = (await tx.conn.exec_driver_sql("EXPLAIN " + statement, values)).scalars().all()
        assert expected in "\n".join(shown), shown

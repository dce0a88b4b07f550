"""Deliveries: claimed by one node only, written under the fence, ended in order."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, text

from gateway.store import deliveries, history
from gateway.store.deliveries import insert_deliveries, move, record_outcomes
from gateway.store.history import DeliveryFilter
from gateway.store.page import PageQuery
from gateway.store.store import Store
from gateway.store.tables import deliveries as table
from tests.store.conftest import NOW, delivery_row

pytestmark = pytest.mark.anyio

MINE, OTHERS = "lse_mine", "lse_others"


async def put(store: Store, *rows: tuple[Any, ...]) -> None:
    async with store.transaction() as tx:
        await insert_deliveries(tx.conn, rows)


async def claim(
    store: Store, queue: str = "due", lease: str = MINE, now: int = NOW, limit: int = 100
) -> list[str]:
    async with store.transaction() as tx:
        return [row.id for row in await deliveries.claim(tx.conn, queue, lease, now=now, limit=limit)]


async def state(store: Store) -> dict[str, Any]:
    async with store.reading() as conn:
        return {row.id: row for row in await conn.execute(select(table))}


def outcome(delivery_id: str, queue: str, attempts_made: int, status: str = "delivered") -> tuple[Any, ...]:
    final = status != "pending"
    return (
        status, None if final else "due", None if final else NOW + 5000, attempts_made + 1, 0,
        NOW if final else None, None, 200, None, delivery_id, queue, attempts_made,
    )  # fmt: skip


async def test_a_claim_takes_what_is_due_the_urgent_and_the_oldest_first(store: Store) -> None:
    rows = [
        delivery_row("late", due_at=NOW), delivery_row("early", due_at=NOW - 9000),
        delivery_row("urgent_late", due_at=NOW - 10, priority=1),
        delivery_row("middle", due_at=NOW - 500), delivery_row("not_yet", due_at=NOW + 1),
        delivery_row("urgent_not_yet", due_at=NOW + 1, priority=1),
        delivery_row("urgent_early", due_at=NOW - 20, priority=1),
        delivery_row("elsewhere", queue="whk_1"), delivery_row("under_way", queue=OTHERS),
    ]  # fmt: skip
    await put(store, *rows)
    assert await claim(store, limit=3) == ["urgent_early", "urgent_late", "early"]
    assert await claim(store) == ["middle", "late"]
    assert await claim(store) == []
    assert await claim(store, now=NOW + 1) == ["urgent_not_yet", "not_yet"]
    assert await claim(store, "whk_1") == ["elsewhere"]
    found = await state(store)
    assert found.pop("under_way").queue == OTHERS
    assert {row.queue for row in found.values()} == {MINE}


waiting = st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 1)), max_size=12)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=waiting, limits=st.lists(st.integers(1, 6), max_size=5))
async def test_claims_agree_with_a_sorted_list(
    store: Store, rows: list[tuple[int, int]], limits: list[int]
) -> None:
    named = [(f"d{n:02}", NOW + due, priority) for n, (due, priority) in enumerate(rows)]
    async with store.transaction() as tx:
        await tx.conn.execute(delete(table))
        await insert_deliveries(tx.conn, [delivery_row(i, due_at=d, priority=p) for i, d, p in named])
        left = sorted((-p, d) for _, d, p in named if d <= NOW)
        for limit in limits:
            rows_taken = await deliveries.claim(tx.conn, "due", MINE, now=NOW, limit=limit)
            assert [(-row.priority, row.due_at) for row in rows_taken] == left[:limit]
            left = left[limit:]


@pytest.mark.proof
async def test_no_two_claimers_get_the_same_delivery(store: Store) -> None:
    await put(store, *(delivery_row(f"d{n:03}", due_at=NOW - n % 7, priority=n % 2) for n in range(400)))

    async def claimer(number: int) -> list[tuple[str, str]]:
        taken: list[tuple[str, str]] = []
        while ids := await claim(store, lease=f"lse_{number}", limit=7):
            taken += [(i, f"lse_{number}") for i in ids]
        return taken

    taken = [pair for part in await asyncio.gather(*map(claimer, range(8))) for pair in part]
    assert len(taken) == len(dict(taken)) == 400
    assert {i: row.queue for i, row in (await state(store)).items()} == dict(taken)
    print(f"claims: 400 deliveries, shared by 8 claimers as {sorted(Counter(q for _, q in taken).values())}")


async def test_a_claimer_passes_over_rows_that_another_is_just_taking(pg_store: Store) -> None:
    await put(pg_store, *(delivery_row(f"d{n}") for n in range(4)))
    async with pg_store.transaction() as tx:
        first = await deliveries.claim(tx.conn, "due", OTHERS, now=NOW, limit=2)
        second = await asyncio.wait_for(claim(pg_store), 5)  # waits for nobody
    assert {row.id for row in first} | set(second) == {"d0", "d1", "d2", "d3"}
    assert len(second) == 2


async def test_what_a_dead_node_held_is_claimed_from_its_lease(store: Store) -> None:
    await put(store, delivery_row("a", queue=OTHERS), delivery_row("b", queue=OTHERS, due_at=NOW - 1))
    assert await claim(store) == []
    assert await claim(store, OTHERS) == ["b", "a"]
    async with store.transaction() as tx:  # the dead node comes back: its word counts no more
        assert await record_outcomes(tx.conn, [outcome("a", OTHERS, 0)]) == set()
        assert await record_outcomes(tx.conn, [outcome("a", MINE, 0)]) == {"a"}


@pytest.mark.parametrize(
    ("given_queue", "given_attempts", "change", "counts"),
    [
        (MINE, 1, {}, True),
        (OTHERS, 1, {}, False),  # the lease is another's by now
        ("due", 1, {}, False),
        (MINE, 0, {}, False),  # the attempt of that number is recorded already
        (MINE, 2, {}, False),
        (MINE, 1, {"status": "cancelled", "queue": None}, False),
        (MINE, 1, {"status": "delivered", "queue": None}, False),
    ],
)
async def test_the_fence(
    store: Store, given_queue: str, given_attempts: int, change: dict[str, Any], counts: bool
) -> None:
    statuses = ("delivered", "pending", "failed")
    standing = {"queue": MINE, "attempts_made": 1} | change
    await put(store, delivery_row("o", queue=MINE), *(delivery_row(name, **standing) for name in statuses))
    before = await state(store)
    async with store.transaction() as tx:
        rows = [outcome(status, given_queue, given_attempts, status) for status in statuses]
        counted = await record_outcomes(tx.conn, [outcome("o", MINE, 0), *rows])
    after = await state(store)
    assert counted == ({"o", *statuses} if counts else {"o"})
    for name in statuses:
        if counts:
            assert (after[name].status, after[name].attempts_made, after[name].last_status_code) == (
                name,
                2,
                200,
            )
            assert after[name].queue == ("due" if name == "pending" else None)
        else:
            assert after[name] == before[name]


async def test_one_attempt_is_recorded_once(store: Store) -> None:
    await put(store, delivery_row("d", queue=MINE))
    async with store.transaction() as tx:
        assert await record_outcomes(tx.conn, [outcome("d", MINE, 0, "pending")]) == {"d"}
    async with store.transaction() as tx:  # another word about the same attempt
        assert await record_outcomes(tx.conn, [outcome("d", MINE, 0, "delivered")]) == set()
    assert (await state(store))["d"].status == "pending"


async def test_every_queue_is_listed_once(store: Store) -> None:
    names = ["due", MINE, OTHERS, "whk_1", "whk_2", "whk_é"]
    rows = [
        delivery_row(f"{q}_{n}", queue=q, priority=n % 2, due_at=NOW + n) for q in names for n in range(3)
    ]
    async with store.reading() as conn:
        assert await deliveries.waiting_queues(conn) == []
        assert await deliveries.next_due(conn) is None
    await put(store, *rows, delivery_row("over", queue=None, status="failed"),
              delivery_row("cancelled", queue="whk_3", status="cancelled"))  # fmt: skip
    async with store.reading() as conn:
        assert sorted(await deliveries.waiting_queues(conn)) == sorted(names)
        assert await deliveries.count_pending(conn) == 18


async def test_looking_for_queues_reads_the_index_not_the_rows(store: Store) -> None:
    await put(store, *(delivery_row(f"d{n}", queue=f"whk_{n % 3}") for n in range(3000)))
    query = deliveries._QUEUES.text
    async with store.database.write() as conn:
        if store.database.is_sqlite:
            plan = str((await conn.execute(text("EXPLAIN QUERY PLAN " + query))).all())
            assert plan.count("INDEX deliveries_waiting (queue>") == 2
        else:
            await conn.execute(text("ANALYZE deliveries"))
            plan = "; ".join((await conn.execute(text("EXPLAIN ANALYZE " + query))).scalars())
            assert plan.count("using deliveries_waiting on") == 2
            assert "Seq Scan" not in plan


@pytest.mark.parametrize("priority", [0, 1])
async def test_next_due_is_the_first_of_those_that_wait_for_their_time(store: Store, priority: int) -> None:
    await put(
        store,
        delivery_row("a", due_at=NOW + 70, priority=1 - priority),
        delivery_row("b", due_at=NOW + 50, priority=priority),
        delivery_row("c", due_at=NOW + 10, queue="whk_1"),
        delivery_row("d", due_at=NOW + 20, queue=MINE),
        delivery_row("e", due_at=NOW + 30, status="cancelled"),
    )
    async with store.reading() as conn:
        assert await deliveries.next_due(conn) == NOW + 50


async def test_cancelling_what_a_target_is_owed(store: Store) -> None:
    await put(
        store,
        *(delivery_row(f"w{n}", queue=queue) for n, queue in enumerate(["due", "whk_1", MINE])),
        delivery_row("over", status="delivered", queue=None),
        delivery_row("others", target_id="whk_2"),
    )
    async with store.transaction() as tx:
        assert await deliveries.cancel_pending(tx.conn, "whk_1", NOW) == 3
        assert await deliveries.cancelled_among(tx.conn, ["w0", "w2", "over", "nowhere"]) == {"w0", "w2"}
        assert await record_outcomes(tx.conn, [outcome("w2", MINE, 0)]) == set()
    found = await state(store)
    assert {i: row.status for i, row in found.items()} == {
        "w0": "cancelled", "w1": "cancelled", "w2": "cancelled", "over": "delivered", "others": "pending",
    }  # fmt: skip
    assert (found["w2"].queue, found["w2"].due_at, found["w2"].completed_at) == (None, None, NOW)


async def test_expiry_leaves_alone_what_a_node_has_in_hand(store: Store) -> None:
    old = {"expires_at": NOW}
    await put(
        store,
        delivery_row("due", **old), delivery_row("held", queue="whk_1", **old),
        delivery_row("leased", queue=MINE, **old), delivery_row("fresh", expires_at=NOW + 1),
        delivery_row("lsex", queue="lsexwhk", **old),  # `_` is no wildcard
        delivery_row("over", status="delivered", queue=None, **old),
    )  # fmt: skip
    async with store.transaction() as tx:
        assert set(await deliveries.overdue(tx.conn, NOW)) == {"due", "held", "lsex"}
        assert len(await deliveries.overdue(tx.conn, NOW, limit=1)) == 1
        assert await deliveries.expire(tx.conn, [], NOW) == 0
        assert await deliveries.expire(tx.conn, ["due", "held", "leased"], NOW) == 2
    found = await state(store)
    assert (found["due"].status, found["due"].reason, found["due"].queue) == ("failed", "expired", None)
    assert found["leased"].status == "pending"


async def test_moving_and_giving_back(store: Store) -> None:
    await put(store, *(delivery_row(f"d{n}", queue=MINE) for n in range(3)), delivery_row("o", queue=OTHERS))
    async with store.transaction() as tx:
        assert await move(tx.conn, [("whk_1", "d0", MINE), ("whk_1", "o", MINE)]) == {"d0"}
        assert await deliveries.return_leased(tx.conn, MINE) == 2
    queues = {i: row.queue for i, row in (await state(store)).items()}
    assert queues == {"d0": "whk_1", "d1": "due", "d2": "due", "o": OTHERS}
    async with store.transaction() as tx:
        assert await deliveries.organization_of_target(tx.conn, "whk_1") == "acme"
        assert await deliveries.organization_of_target(tx.conn, "whk_2") is None


async def test_the_end_of_a_hold_wakes_only_what_the_hold_had_put_off(store: Store) -> None:
    later = {"due_at": NOW + 9000}
    await put(store, delivery_row("held", queue="whk_1", **later), delivery_row("retry", **later),
              delivery_row("others", queue="whk_2", **later))  # fmt: skip
    async with store.transaction() as tx:
        await deliveries.wake_target(tx.conn, "whk_1", NOW)
    due = {i: row.due_at for i, row in (await state(store)).items()}
    assert due == {"held": NOW, "retry": NOW + 9000, "others": NOW + 9000}


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ({}, ["a", "b", "c", "d"]), ({"status": "pending"}, ["a"]), ({"status": "in_flight"}, ["b"]),
        ({"status": "delivered"}, ["c"]), ({"target_id": "whk_2"}, ["d"]), ({"event_id": "evt_2"}, ["b"]),
        ({"since": NOW + 2}, ["c", "d"]), ({"until": NOW + 2}, ["a", "b"]), ({"type": "sms.sent"}, ["d"]),
    ],
)  # fmt: skip
async def test_the_history_in_commit_order(store: Store, filters: dict[str, Any], wanted: list[str]) -> None:
    await put(
        store,
        delivery_row("a", position=1, created_at=NOW),
        delivery_row("b", position=2, created_at=NOW + 1, queue=MINE, event_id="evt_2"),
        delivery_row("c", position=3, created_at=NOW + 2, queue=None, status="delivered"),
        delivery_row("d", position=4, created_at=NOW + 3, queue=None, status="failed", target_id="whk_2",
                     event_type="sms.sent"),
        delivery_row("x", position=5, org_id="other"),
    )  # fmt: skip
    async with store.reading() as conn:
        wanted_ones = DeliveryFilter("acme", **filters)
        up = await history.page(conn, wanted_ones, PageQuery(10, "asc"))
        down = await history.page(conn, wanted_ones, PageQuery(10, "desc"))
        assert [row.id for row in up.rows] == wanted
        assert [row.id for row in down.rows] == wanted[::-1]
        assert down.next_cursor is None
        assert await deliveries.find(conn, "acme", "x") is None
        assert await deliveries.find(conn, None, "x") is not None

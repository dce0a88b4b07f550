"""Lanes and lines in the database: who owns a target, who is first of its key, and what that costs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select, text, update

from gateway.domain.ordering import behind
from gateway.store import deliveries as delivery_rows
from gateway.store import lanes, leases, order
from gateway.store.deliveries import claim_own, insert_deliveries
from gateway.store.store import Store
from gateway.store.tables import deliveries, node_leases
from tests.store.conftest import NOW, delivery_row

pytestmark = pytest.mark.anyio

WANTED = {"whk_a": "acme", "whk_b": "acme"}


async def node(store: Store, lease: str) -> None:
    async with store.transaction() as tx:
        await leases.create(tx.conn, lease, "node", NOW)


async def take(store: Store, lease: str, wanted: dict[str, str] = WANTED) -> set[str]:
    async with store.transaction() as tx:
        return await lanes.take(tx.conn, wanted, lease, NOW)


async def test_the_first_who_asks_owns_a_lane_as_long_as_its_lease_holds(store: Store) -> None:
    await node(store, "lse_1")
    await node(store, "lse_2")
    assert await take(store, "lse_1", {"whk_a": "acme"}) == {"whk_a"}
    assert await take(store, "lse_2") == {"whk_b"}
    assert await take(store, "lse_2") == {"whk_b"}, "its own, if it did not know"
    async with store.transaction() as tx:
        await leases.end(tx.conn, "lse_1")
    assert await take(store, "lse_2") == {"whk_a", "whk_b"}
    async with store.transaction() as tx:
        await tx.conn.execute(node_leases.delete().where(node_leases.c.id == "lse_2"))
    await node(store, "lse_3")
    assert await take(store, "lse_3") == {"whk_a", "whk_b"}


async def test_whoever_has_no_lease_gets_no_lane(store: Store) -> None:
    assert await take(store, "lse_nobody") == set()
    await node(store, "lse_1")
    async with store.transaction() as tx:
        await tx.conn.execute(update(node_leases).values(expires_at=0))
    assert await take(store, "lse_1") == set()


async def test_a_lane_is_given_up_only_by_its_owner(store: Store) -> None:
    await node(store, "lse_1")
    await node(store, "lse_2")
    await take(store, "lse_1")
    async with store.transaction() as tx:
        await lanes.give_up(tx.conn, ["whk_a"], "lse_2")
    assert await take(store, "lse_2") == set()
    async with store.transaction() as tx:
        await lanes.give_up(tx.conn, ["whk_a"], "lse_1")
        assert await lanes.owner(tx.conn, "whk_a") is None
    assert await take(store, "lse_2") == {"whk_a"}


async def test_a_hundred_who_ask_at_once_are_one(store: Store) -> None:
    many = [f"lse_{number}" for number in range(12)]
    for lease in many:
        await node(store, lease)
    wanted = {f"whk_{number}": "acme" for number in range(50)}
    taken = await asyncio.gather(*(take(store, lease, wanted) for lease in many))
    assert sorted(id_ for each in taken for id_ in each) == sorted(wanted)


async def test_a_hold_and_an_owner_do_not_disturb_each_other(store: Store) -> None:
    await node(store, "lse_1")
    async with store.transaction() as tx:
        await lanes.hold(tx.conn, {"whk_a": ("acme", NOW + 5000)})
    assert await take(store, "lse_1") == {"whk_a", "whk_b"}
    async with store.transaction() as tx:
        assert await lanes.held(tx.conn, NOW) == {"whk_a": NOW + 5000}
        assert await lanes.release(tx.conn, "whk_a", NOW) == NOW + 5000
        assert await lanes.release(tx.conn, "whk_a", NOW) is None
        assert await lanes.held(tx.conn, NOW) == {}
        assert await lanes.owner(tx.conn, "whk_a") == "lse_1"


def row(number: int, key: str | None, **values: Any) -> tuple[Any, ...]:
    return delivery_row(
        f"dlv_{number:06}",
        **{"target_id": "whk_a", "queue": "whk_a", "ordering_key": key, "position": number} | values,
    )


async def fill(store: Store, rows: list[tuple[Any, ...]]) -> None:
    async with store.transaction() as tx:
        await insert_deliveries(tx.conn, rows)


async def positions(store: Store, ids: set[str] | list[str]) -> set[int]:
    async with store.reading() as conn:
        found = await conn.execute(select(deliveries.c.position).where(deliveries.c.id.in_(ids)))
        return set(found.scalars())


async def test_the_first_of_a_key_is_the_oldest_that_is_not_over(store: Store) -> None:
    await fill(
        store,
        [
            row(1, "a", status="delivered", queue=None), row(2, "a", queue="due"), row(3, "a"),
            row(4, "b", redelivery_of="dlv_0"), row(5, "b", queue="lse_9"), row(6, None),
            row(7, "a", target_id="whk_b"),
        ],
    )  # fmt: skip
    asked = {("whk_a", "a"), ("whk_a", "b"), ("whk_b", "a"), ("whk_a", "nobody"), ("whk_a", "'\"\\ü")}
    async with store.reading() as conn:
        first = await order.first_of(conn, asked)
        assert await order.keys_after(conn, "whk_a", "", 10) == ["a", "b"]
        assert await order.keys_after(conn, "whk_a", "a", 10) == ["b"]
        assert await order.keys_after(conn, "whk_a", "", 1) == ["a"]
    assert set(first) == {("whk_a", "a"), ("whk_a", "b"), ("whk_b", "a")}
    assert await positions(store, list(first.values())) == {2, 5, 7}


async def test_only_the_owner_brings_forward_and_only_what_is_first(store: Store) -> None:
    await node(store, "lse_1")
    line = behind("whk_a")
    await fill(
        store,
        [row(1, "a", queue="due"), row(2, "a", queue=line), row(3, "b", queue=line), row(4, "b", queue=line)],
    )
    async with store.transaction() as tx:
        assert await order.bring_forward(tx.conn, "whk_a", ["a", "b"], "lse_1") == []
    await take(store, "lse_1")
    async with store.transaction() as tx:
        [taken] = await order.bring_forward(tx.conn, "whk_a", ["a", "b", "c"], "lse_1")
    assert await positions(store, [taken.id]) == {3}
    async with store.reading() as conn:
        assert set(await delivery_rows.waiting_queues(conn)) == {"due", line, "lse_1"}


async def test_claiming_for_a_lane_is_fenced_and_waits_for_what_may_come_before(store: Store) -> None:
    await node(store, "lse_1")
    await fill(store, [row(1, "a"), row(2, "a"), row(3, None, created_at=NOW - 60_000)])

    async def claim(below: int | None) -> int:
        async with store.transaction() as tx:
            values: dict[str, Any] = {"now": NOW + 1000, "limit": 10, "below": below}
            return len(await claim_own(tx.conn, "whk_a", "whk_a", "lse_1", **values))

    assert await claim(None) == 0, "not its owner"
    await take(store, "lse_1")
    assert await claim(2) == 2, "what is settled by position, and what is settled by age"
    assert await claim(None) == 1


@pytest.mark.proof
async def test_a_deep_line_costs_no_more_than_a_short_one(store: Store) -> None:
    """1,000 keys, one of which has 20,000 waiting: each question is one look into the index."""
    await fill(store, [row(number, "deep", queue=behind("whk_a")) for number in range(20_000)])
    await fill(store, [row(30_000 + n, f"key {n:04}") for n in range(1000)])
    if store.database.is_sqlite:
        explain = "EXPLAIN QUERY PLAN "
    else:
        explain = "EXPLAIN (ANALYZE, BUFFERS OFF, TIMING OFF, COSTS OFF) "
        async with store.transaction() as tx:
            await tx.conn.execute(text("ANALYZE deliveries"))
    dialect = "sqlite" if store.database.is_sqlite else "postgresql"
    statements = {
        "first": (order._FIRSTS[dialect], {"asked": '[["whk_a", "deep"], ["whk_a", "key 0001"]]'}),
        "keys": (order._KEYS, {"target": "whk_a", "after": "", "limit": 2000}),
    }
    async with store.reading() as conn:
        for name, (statement, values) in statements.items():
            lines = [
                " ".join(map(str, r)) for r in await conn.execute(text(explain + statement.text), values)
            ]
            plan = "\n".join(lines)
            print(f"C8 plan of {name} on {dialect}: {plan.count('deliveries_in_order')} uses of the index")
            assert "deliveries_in_order" in plan, plan
            assert "Seq Scan on deliveries" not in plan and "SCAN d" not in plan, plan
            assert "rows=20000" not in plan, plan
        assert len(await order.keys_after(conn, "whk_a", "", 2000)) == 1001

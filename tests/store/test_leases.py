"""Node leases: renewed in time or lost, judged by the database's clock."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text

from gateway.store import leases
from gateway.store.leases import LEASE_MS
from gateway.store.store import Store
from gateway.store.tables import node_leases
from tests.store.conftest import NOW, opened

pytestmark = pytest.mark.anyio


class Time:
    """Lets time pass: for SQLite by the clock that is handed in, for PostgreSQL by moving the rows back."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = NOW

    async def passes(self, milliseconds: int) -> None:
        if self.store.database.is_sqlite:
            self.now += milliseconds
            return
        async with self.store.transaction() as tx:
            await tx.conn.execute(
                text("UPDATE node_leases SET renewed_at = renewed_at - :ms, expires_at = expires_at - :ms"),
                {"ms": milliseconds},
            )


@pytest.fixture
def time(store: Store) -> Time:
    return Time(store)


async def take(store: Store, lease: str, now: int = NOW) -> None:
    async with store.transaction() as tx:
        await leases.create(tx.conn, lease, "node:1", now)


async def renew(store: Store, lease: str, now: int = NOW) -> bool:
    async with store.transaction() as tx:
        return await leases.renew(tx.conn, lease, now)


async def live_and_ended(store: Store, now: int = NOW) -> tuple[set[str], set[str]]:
    async with store.reading() as conn:
        return await leases.live(conn, now), await leases.ended(conn, now)


async def test_a_renewed_lease_lives_on_and_another_runs_out(store: Store, time: Time) -> None:
    await take(store, "lse_a")
    await take(store, "lse_b")
    await time.passes(LEASE_MS - 2000)
    assert await renew(store, "lse_a", time.now)
    assert await live_and_ended(store, time.now) == ({"lse_a", "lse_b"}, set())
    await time.passes(2001)
    assert await live_and_ended(store, time.now) == ({"lse_a"}, {"lse_b"})
    await time.passes(LEASE_MS)
    assert await live_and_ended(store, time.now) == (set(), {"lse_a", "lse_b"})


async def test_a_lease_that_ran_out_cannot_be_renewed(store: Store, time: Time) -> None:
    await take(store, "lse_a")
    await time.passes(LEASE_MS + 1)
    assert not await renew(store, "lse_a", time.now)
    assert not await renew(store, "lse_unknown", time.now)
    assert await live_and_ended(store, time.now) == (set(), {"lse_a"})


async def test_renewing_many_times_keeps_one_row(store: Store, time: Time) -> None:
    await take(store, "lse_a")
    for _ in range(20):
        await time.passes(LEASE_MS // 2)
        assert await renew(store, "lse_a", time.now)
    async with store.reading() as conn:
        (row,) = (await conn.execute(select(node_leases))).all()
    assert row.expires_at - row.renewed_at == LEASE_MS
    assert row.node == "node:1"


@pytest.mark.parametrize("wrong_by", [-86_400_000, 86_400_000])
async def test_a_node_with_a_wrong_clock_changes_nothing(pg_store: Store, wrong_by: int) -> None:
    """PostgreSQL judges by its own time: such a node neither outlives its lease nor ends another's."""
    wrong = NOW + wrong_by
    await take(pg_store, "lse_right")
    await take(pg_store, "lse_wrong", wrong)
    assert await live_and_ended(pg_store, wrong) == ({"lse_right", "lse_wrong"}, set())
    assert await renew(pg_store, "lse_wrong", wrong)
    async with pg_store.transaction() as tx:
        await leases.forget(tx.conn, {"lse_right"}, wrong)
    time = Time(pg_store)
    await time.passes(LEASE_MS + 1)
    for clock in (wrong, NOW):
        assert await live_and_ended(pg_store, clock) == (set(), {"lse_right", "lse_wrong"})
    assert not await renew(pg_store, "lse_wrong", wrong)


async def test_time_goes_on_within_a_long_transaction(pg_store: Store) -> None:
    async with pg_store.transaction() as tx:
        await leases.create(tx.conn, "lse_1", "n", 0)
        await tx.conn.execute(text("SELECT pg_sleep(0.005)"))
        await leases.create(tx.conn, "lse_2", "n", 0)
        rows = (await tx.conn.execute(select(node_leases).order_by(node_leases.c.id))).all()
    assert rows[0].started_at < rows[1].started_at


async def test_the_end_of_a_node_frees_its_lease_at_once(store: Store) -> None:
    await take(store, "lse_a")
    await take(store, "lse_b")
    async with store.transaction() as tx:
        await leases.end(tx.conn, "lse_a")
    assert await live_and_ended(store) == ({"lse_b"}, {"lse_a"})
    assert not await renew(store, "lse_a")


async def test_at_the_start_on_a_file_all_older_leases_are_void(sqlite_database: str) -> None:
    async with opened(sqlite_database) as store:
        await take(store, "lse_before_the_crash")
        async with store.transaction() as tx:
            await leases.void_all(tx.conn)
        await take(store, "lse_now")
        # Even when the machine's clock went back meanwhile.
        assert await live_and_ended(store, NOW - 10_000) == ({"lse_now"}, {"lse_before_the_crash"})


async def test_only_leases_that_ran_out_are_forgotten(store: Store) -> None:
    for lease in ("lse_a", "lse_b", "lse_c"):
        await take(store, lease)
    async with store.transaction() as tx:
        await leases.end(tx.conn, "lse_a")
        await leases.end(tx.conn, "lse_b")
        await leases.forget(tx.conn, {"lse_a", "lse_c"}, NOW)
    assert await live_and_ended(store) == ({"lse_c"}, {"lse_b"})

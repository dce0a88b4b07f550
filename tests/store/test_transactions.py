"""Positions in commit order, what a follower may read, and what runs after a commit or a rollback."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from sqlalchemy import func, select, text

from gateway.clock import SystemClock
from gateway.store import events, organizations, transaction
from gateway.store.page import PageQuery, decode_cursor
from gateway.store.store import Store, open_store
from gateway.store.tables import events as events_table
from gateway.store.tables import install
from gateway.store.tables import organizations as organizations_table
from tests.store.conftest import KEYS, Opener, event_row, opened

pytestmark = pytest.mark.anyio


Commit = Callable[[], Awaitable[None]]


class BoomError(Exception):
    """A fault in the middle of a transaction."""


async def taken(store: Store, *counts: int, fail: bool = False) -> list[int]:
    """The positions handed out by one transaction that takes `counts`."""
    positions: list[int] = []
    try:
        async with store.transaction() as tx:
            for count in counts:
                first = await tx.positions.take(tx, count)
                positions += range(first, first + count)
            if fail:
                raise BoomError
    except BoomError:
        pass
    return positions


async def test_positions_grow_from_commit_to_commit_and_none_is_given_twice(store: Store) -> None:
    handed_out: list[int] = []
    for counts, fail in [((1,), False), ((3, 2), False), ((5,), True), ((1, 1, 1), False), ((4,), False)]:
        positions = await taken(store, *counts, fail=fail)
        assert positions == sorted(positions)
        assert not handed_out or positions[0] > handed_out[-1]
        if not fail:
            handed_out += positions
    assert len(set(handed_out)) == len(handed_out) == 13
    async with store.transaction() as tx:
        assert await tx.position() > handed_out[-1]


async def test_positions_grow_when_the_database_is_opened_again(
    any_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "_BLOCK", 10)
    last = -1
    for fail in (False, True, False, False):
        async with opened(any_database) as store:
            for count in (3, 9, 25):  # within a block, over its end, longer than a block
                positions = await taken(store, count, fail=fail)
                assert positions[0] > last
                last = last if fail else positions[-1]


async def test_a_block_is_reserved_once_and_not_by_a_transaction_that_fails(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "_BLOCK", 100)

    async def reserved(store: Store) -> int:
        async with store.reading() as conn:
            return int((await conn.execute(select(install.c.position_base))).scalar_one())

    async with opened(sqlite_database) as store:
        await taken(store, 7, fail=True)
        assert await reserved(store) == 0
        (first,) = await taken(store, 1)
        until = await reserved(store)
        assert until > first
        while (await taken(store, 10))[-1] + 10 < until:
            assert await reserved(store) == until
        last = (await taken(store, 20))[-1]
        assert await reserved(store) > max(last, until)


async def commit_event(store: Store) -> None:
    async with store.transaction() as tx:
        await events.insert_events(tx.conn, [event_row(await tx.position())])


async def writing(store: Store, count: int) -> Commit:
    """A transaction that has written so many events, and stays open until it is told to commit."""
    inside, ending = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        async with store.transaction() as tx:
            positions = [await tx.position() for _ in range(count)]
            await events.insert_events(tx.conn, [event_row(position) for position in positions])
            inside.set()
            await ending.wait()

    async def commit() -> None:
        ending.set()
        await task

    task = asyncio.create_task(work())
    await inside.wait()
    return commit


async def follow(store: Store, seen: list[str], cursor: int | None, limit: int = 3) -> int | None:
    """One look of a follower: every page from its cursor to the end."""
    while True:
        async with store.reading() as conn:
            query = PageQuery(limit, "asc", cursor, await store.positions.horizon(conn))
            page = await events.page(conn, "acme", query, type_=None, since=None, until=None)
        seen += [row.id for row in page.rows]
        if page.next_cursor is not None:
            cursor = decode_cursor(page.next_cursor, "asc")
        if len(page.rows) < limit:
            return cursor


async def test_a_page_upwards_stops_below_a_transaction_that_is_still_open(pg_store: Store) -> None:
    await commit_event(pg_store)
    seen: list[str] = []
    async with pg_store.transaction() as slow:
        position = await slow.position()
        await asyncio.create_task(commit_event(pg_store))  # a later position, committed first
        cursor = await asyncio.create_task(follow(pg_store, seen, None))
        assert len(seen) == 1
        await events.insert_events(slow.conn, [event_row(position, id="evt_slow")])
    await follow(pg_store, seen, cursor)
    assert len(seen) == len(set(seen)) == 3
    assert seen[1] == "evt_slow"


@pytest.mark.proof
@pytest.mark.parametrize("heed_horizon", [True, False])
async def test_a_follower_sees_each_row_exactly_once(pg_store: Store, heed_horizon: bool) -> None:
    """Twelve writers in random interleavings, one follower. Without the horizon it must miss rows."""
    chance = random.Random(7)
    seen: list[str] = []
    cursor: int | None = None
    written = 0
    horizon = pg_store.positions.horizon
    if not heed_horizon:
        pg_store.positions.horizon = _no_horizon  # type: ignore[method-assign]
    for _ in range(8):
        writers: list[Commit] = []
        for _ in range(12):
            count = chance.randint(1, 3)
            commit = await writing(pg_store, count)
            written += count
            if chance.random() < 0.3:
                await commit()
            else:
                writers.append(commit)
        for commit in chance.sample(writers, len(writers)):
            await commit()
            if chance.random() < 0.5:
                cursor = await follow(pg_store, seen, cursor)
    await follow(pg_store, seen, cursor)
    pg_store.positions.horizon = horizon  # type: ignore[method-assign]
    assert len(seen) == len(set(seen))
    print(f"follower: {len(seen)} of {written} rows seen, horizon heeded: {heed_horizon}")
    assert (len(seen) == written) is heed_horizon


async def _no_horizon(_: object) -> None:
    return None


async def test_on_one_file_every_row_is_final_at_once(sqlite_database: str) -> None:
    async with opened(sqlite_database) as store:
        await asyncio.gather(*(commit_event(store) for _ in range(20)))
        async with store.reading() as conn:
            assert await store.positions.horizon(conn) is None
        seen: list[str] = []
        await follow(store, seen, None)
        assert len(set(seen)) == len(seen) == 20


@pytest.fixture
async def restored(pg_store: Store) -> AsyncIterator[Store]:
    """As after a restore into a new cluster: rows whose transactions are far ahead of the server's count."""
    async with pg_store.transaction() as tx:
        await events.insert_events(tx.conn, [event_row((10_000_000 << 24) + 5)])
    yield pg_store


async def test_positions_keep_growing_in_a_restored_database(
    restored: Store, another_pg_node: Opener
) -> None:
    for _ in range(2):  # opened twice: the base is raised once
        async with another_pg_node() as store:
            (position,) = await taken(store, 1)
            assert position > (10_000_000 << 24) + 5
            assert position < (10_001_000 << 24)
            await commit_event(store)
            seen: list[str] = []
            await follow(store, seen, None)
            async with store.reading() as conn:
                count = (await conn.execute(select(func.count()).select_from(events_table))).scalar_one()
            assert len(seen) == count


async def test_webhooks_alone_also_lift_the_positions(pg_store: Store, another_pg_node: Opener) -> None:
    async with pg_store.transaction() as tx:
        await tx.conn.execute(
            text(
                "INSERT INTO webhooks (id, position, org_id, revision_id, description, events, status,"
                " max_hold_seconds, ordered, created_at, updated_at)"
                " VALUES ('whk_1', :position, 'acme', 'rev_1', '', '[]', 'enabled', 1, false, 0, 0)"
            ),
            {"position": 20_000_000 << 24},
        )
    async with another_pg_node() as store:
        assert (await taken(store, 1))[0] > 20_000_000 << 24


async def test_nodes_that_start_together_on_a_restored_database_agree(restored: Store) -> None:
    clock = SystemClock()
    nodes = await asyncio.gather(*(open_store(restored.database, KEYS, clock) for _ in range(6)))
    assert len({node.positions._base for node in nodes}) == 1
    positions = [(await taken(node, 1))[0] for node in nodes]
    assert positions == sorted(set(positions))


async def test_a_change_raises_the_version_and_is_told_after_the_commit(store: Store) -> None:
    told: list[set[str | None]] = []
    store.on_change(told.append)

    async def versions() -> tuple[int, dict[str, int]]:
        async with store.reading() as conn:
            rows = (await conn.execute(select(organizations_table))).all()
            version = (await conn.execute(select(install.c.config_version))).scalar_one()
        return version, {row.id: row.config_version for row in rows}

    async with store.transaction() as tx:
        for org in ("acme", "other"):
            await organizations.create(tx, KEYS, org, 0)
        assert told == []
    assert await versions() == (1, {"*": 0, "acme": 1, "other": 1})
    async with store.transaction() as tx:
        tx.touch("other")
        tx.touch(None)
    async with store.transaction() as tx:
        await tx.conn.execute(text("SELECT 1"))
    assert await versions() == (2, {"*": 0, "acme": 1, "other": 2})
    assert told == [{"acme", "other"}, {"other", None}]
    with pytest.raises(BoomError):
        async with store.transaction() as tx:
            tx.touch("acme")
            raise BoomError
    assert await versions() == (2, {"*": 0, "acme": 1, "other": 2})
    assert len(told) == 2


async def test_actions_run_after_the_commit_or_after_the_rollback_never_both(store: Store) -> None:
    said: list[str] = []
    async with store.transaction() as tx:
        tx.on_commit(lambda: said.append("committed"))
        tx.on_rollback(lambda: said.append("rolled back"))
        assert said == []
    assert said == ["committed"]
    said.clear()
    with pytest.raises(BoomError):
        async with store.transaction() as tx:
            tx.on_commit(lambda: said.append("committed"))
            tx.on_rollback(lambda: said.append("rolled back"))
            raise BoomError
    assert said == ["rolled back"]


async def test_a_cancelled_transaction_leaves_nothing_and_frees_the_writer(store: Store) -> None:
    said: list[str] = []
    inside = asyncio.Event()

    async def work() -> None:
        async with store.transaction() as tx:
            tx.on_rollback(lambda: said.append("rolled back"))
            await events.insert_events(tx.conn, [event_row(await tx.position(), id="evt_cancelled")])
            inside.set()
            await asyncio.Event().wait()

    for _ in range(25):  # more often than there are connections
        inside.clear()
        task = asyncio.create_task(work())
        await inside.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert said == ["rolled back"] * 25
    await commit_event(store)
    async with store.reading() as conn:
        assert "evt_cancelled" not in set((await conn.execute(select(events_table.c.id))).scalars())

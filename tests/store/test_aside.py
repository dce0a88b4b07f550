"""Work that nobody waits for joins a transaction of the events beside which it is done, and has one of its
own when there are none. What goes wrong with it is its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from sqlalchemy import text

from gateway.errors import Conflict, Overloaded
from gateway.store.aside import Aside
from gateway.store.group_commit import GroupCommit, Kind
from gateway.store.store import Store
from gateway.store.transaction import Transaction

pytestmark = pytest.mark.anyio

Write = Callable[[Transaction], Awaitable[str]]


class Bench:
    """Says which transactions wrote what; `busy` is whether events come in."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.busy = True
        self.away = False
        self.written: list[list[str]] = []
        self.commits = GroupCommit(self.transaction, {"event": Kind(self._events, patience=0.0)})
        self.aside = Aside(cast(Store, self), self.commits, lambda: self.busy)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        if self.away:
            raise Overloaded("the database is not available at the moment", code="database_unavailable")
        async with self.store.transaction() as tx:
            writes: list[str] = []
            tx.on_commit(lambda: self.written.append(writes))
            cast(Any, tx).writes = writes
            yield tx

    def writing(self, name: str, problem: Exception | None = None) -> Write:
        async def write(tx: Transaction) -> str:
            await tx.conn.execute(text("UPDATE install SET position_base = position_base + 1"))
            cast(Any, tx).writes.append(name)
            if problem is not None:
                raise problem
            return f"{name}!"

        return write

    async def _events(self, tx: Transaction, names: list[str]) -> list[str]:
        return [await self.writing(name)(tx) for name in names]

    async def position_base(self) -> int:
        async with self.store.looking_up() as conn:
            return int((await conn.execute(text("SELECT position_base FROM install"))).scalar_one())


@pytest.fixture
async def bench(store: Store) -> AsyncIterator[Bench]:
    made = Bench(store)
    yield made
    made.away = False
    await made.commits.close()


async def test_beside_events_it_joins_their_transaction(bench: Bench) -> None:
    events = [bench.commits.submit("event", name) for name in ("e1", "e2")]
    bench.commits.start()
    assert await bench.aside(bench.writing("work")) == "work!"
    assert [await event for event in events] == ["e1!", "e2!"]
    assert [sorted(writes) for writes in bench.written] == [["e1", "e2", "work"]]


async def test_without_company_it_is_written_all_the_same(bench: Bench) -> None:
    bench.commits.start()
    assert await bench.aside(bench.writing("work")) == "work!"
    assert bench.written == [["work"]]


async def test_when_no_events_come_it_waits_for_none(bench: Bench) -> None:
    bench.busy = False
    waiting = bench.commits.submit("event", "e1")  # nothing writes it yet
    async with asyncio.timeout(5):
        assert await bench.aside(bench.writing("work")) == "work!"
    assert bench.written == [["work"]]
    bench.commits.start()
    assert await waiting == "e1!"


@pytest.mark.parametrize("problem", [Conflict("the webhook was deleted"), ValueError("a mistake of ours")])
async def test_its_failure_is_its_own_and_nothing_of_it_stays(bench: Bench, problem: Exception) -> None:
    before = await bench.position_base()
    event = bench.commits.submit("event", "e1")
    bench.commits.start()
    with pytest.raises(type(problem)) as raised:
        await bench.aside(bench.writing("work", problem))
    assert raised.value is problem
    assert await event == "e1!"
    assert bench.written == [["e1"]]
    assert await bench.position_base() == before + 1


async def test_several_that_fail_do_not_take_the_others_with_them(bench: Bench) -> None:
    bench.commits.submit("event", "e1")
    works = [bench.writing(f"w{n}", Conflict("no") if n % 2 else None) for n in range(6)]
    bench.commits.start()
    results = [bench.commits.submit("aside", work) for work in works]
    outcomes = [await result if not n % 2 else result.exception() for n, result in enumerate(results)]
    assert outcomes[::2] == ["w0!", "w2!", "w4!"]
    assert all(isinstance(outcome, Conflict) for outcome in outcomes[1::2])


async def test_while_the_database_is_away_it_is_told_at_once(bench: Bench) -> None:
    bench.away = True
    bench.commits.start()
    with pytest.raises(Overloaded):
        await bench.aside(bench.writing("work"))
    bench.busy = False
    with pytest.raises(Overloaded):
        await bench.aside(bench.writing("work"))
    assert bench.written == []

"""Group commit: one transaction for many, and each item's own fate when something goes wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from sqlalchemy import select

from gateway.errors import Conflict, Overloaded, Problem
from gateway.store import events, group_commit
from gateway.store.group_commit import GroupCommit, Kind, RefusedItems
from gateway.store.store import Store
from gateway.store.tables import events as events_table
from gateway.store.transaction import Transaction
from tests.store.conftest import event_row

pytestmark = pytest.mark.anyio

AWAY = Overloaded("the database is not available at the moment", code="database_unavailable", retry_after=1)


class Book:
    """A database made of lists: what a transaction wrote counts only once it is committed."""

    def __init__(self) -> None:
        self.commits: list[list[Any]] = []
        self.tried: list[list[Any]] = []
        self.away: Callable[[int], bool] = lambda _: False
        self.lose_answer_of: set[int] = set()
        self.gate = asyncio.Event()
        self.gate.set()
        self._open: list[Any] = []

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        self._open = []
        number = len(self.tried)
        self.tried.append(self._open)
        if self.away(number):
            raise AWAY
        yield cast(Transaction, None)
        await self.gate.wait()
        self.commits.append(list(self._open))
        if number in self.lose_answer_of:
            raise AWAY

    async def write(self, _: Transaction, items: list[Any]) -> list[Any]:
        refused: dict[int, Problem] = {i: Conflict(f"no {x}") for i, x in enumerate(items) if x == "refused"}
        self._open += items
        if refused:
            raise RefusedItems(refused)
        if "poison" in items:
            raise ValueError("poison")
        return [f"{item}!" for item in items]

    @property
    def written(self) -> list[Any]:
        return [item for commit in self.commits for item in commit]


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
async def commits(book: Book, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[GroupCommit]:
    async def at_once(seconds: float) -> None:
        await real_sleep(0)

    real_sleep = asyncio.sleep
    monkeypatch.setattr(group_commit.asyncio, "sleep", at_once)
    kinds = {"soon": Kind(book.write, patience=0.0), "kept": Kind(book.write, patience=None)}
    committer = GroupCommit(book.transaction, kinds, max_weight=10)
    committer.start()
    yield committer
    book.gate.set()
    book.away = lambda _: False
    await committer.close()


async def outcomes(*futures: asyncio.Future[Any]) -> list[Any]:
    return await asyncio.wait_for(asyncio.gather(*futures, return_exceptions=True), 5)


async def test_what_arrives_together_shares_a_transaction(book: Book, commits: GroupCommit) -> None:
    results = await outcomes(*(commits.submit("soon", n) for n in range(8)))
    assert results == [f"{n}!" for n in range(8)]
    assert book.commits == [list(range(8))]


async def test_one_alone_does_not_wait_and_later_ones_gather_behind_it(
    book: Book, commits: GroupCommit
) -> None:
    book.gate.clear()
    first = commits.submit("soon", "first")
    while not book.tried:
        await asyncio.sleep(0)
    rest = [commits.submit("kept" if n % 2 else "soon", n) for n in range(6)]
    book.gate.set()
    assert await outcomes(first, *rest) == ["first!", *(f"{n}!" for n in range(6))]
    assert [sorted(map(str, commit)) for commit in book.commits] == [["first"], list("012345")]


async def test_a_transaction_has_its_weight_and_order_is_kept(book: Book, commits: GroupCommit) -> None:
    weights = [4, 4, 4, 25, 1, 9, 1]
    await outcomes(*(commits.submit("soon", n, weight) for n, weight in enumerate(weights)))
    assert book.commits == [[0, 1], [2], [3], [4, 5], [6]]


@pytest.mark.parametrize("poisoned", [{0}, {3}, {0, 4}, {0, 1, 2, 3, 4}])
@pytest.mark.parametrize("kind", ["soon", "kept"])
async def test_a_poisoned_item_fails_alone(
    book: Book, commits: GroupCommit, poisoned: set[int], kind: str
) -> None:
    items = ["poison" if n in poisoned else n for n in range(5)]
    results = await outcomes(*(commits.submit(kind, item) for item in items))
    for n, result in enumerate(results):
        assert isinstance(result, ValueError) if n in poisoned else result == f"{n}!"
    assert book.written == [n for n in range(5) if n not in poisoned]


async def test_refused_items_get_their_problem_and_the_rest_is_written_together(
    book: Book, commits: GroupCommit
) -> None:
    futures = [commits.submit("kept", "other kind")]
    futures += [commits.submit("soon", item) for item in ("a", "refused", "b", "refused")]
    results = await outcomes(*futures)
    assert [type(r) for r in results] == [str, str, Conflict, str, Conflict]
    assert book.commits == [["other kind", "a", "b"]]


async def test_refusal_beside_poison(book: Book, commits: GroupCommit) -> None:
    results = await outcomes(*(commits.submit("soon", item) for item in ("poison", "a", "refused", "b")))
    assert [type(r) for r in results] == [ValueError, str, Conflict, str]
    assert book.written == ["a", "b"]


async def test_while_the_database_is_away_each_kind_has_its_patience(
    book: Book, commits: GroupCommit
) -> None:
    book.away = lambda number: number < 5
    results = await outcomes(*(commits.submit(kind, kind) for kind in ("soon", "kept", "soon")))
    assert results == [AWAY, "kept!", AWAY]
    assert book.written == ["kept"]
    assert await outcomes(commits.submit("soon", "later")) == ["later!"]


async def test_items_keep_their_order_when_the_database_goes_away_amid_a_poisoned_batch(
    book: Book, commits: GroupCommit
) -> None:
    book.away = lambda number: 2 <= number < 6
    results = await outcomes(*(commits.submit("kept", item) for item in ("a", "poison", "b", "c", "d")))
    assert [type(r) for r in results] == [str, ValueError, str, str, str]
    assert book.written == ["a", "b", "c", "d"]


async def test_a_commit_whose_answer_is_lost_is_written_again_without_doubling(
    store: Store, book: Book
) -> None:
    """The rows carry their ids, and rows that exist already are passed over."""
    positions = iter(range(100))

    async def write(tx: Transaction, items: list[Any]) -> list[Any]:
        await events.insert_events(tx.conn, [event_row(next(positions), id=item) for item in items])
        return items

    @asynccontextmanager
    async def transaction() -> AsyncIterator[Transaction]:
        async with book.transaction(), store.transaction() as tx:
            yield tx

    book.lose_answer_of = {0}
    commits = GroupCommit(transaction, {"event": Kind(write, patience=30)})
    commits.start()
    ids = [f"evt_{n}" for n in range(5)]
    assert await outcomes(*(commits.submit("event", i) for i in ids)) == ids
    await commits.close()
    assert len(book.tried) == 2
    async with store.reading() as conn:
        assert sorted((await conn.execute(select(events_table.c.id))).scalars()) == ids


async def test_values_that_no_database_takes_are_the_items_fault_not_the_databases(store: Store) -> None:
    """If such an item passed for an outage, those that wait for ever would hold up everything behind them."""

    async def write(tx: Transaction, items: list[Any]) -> list[Any]:
        await events.insert_events(tx.conn, [event_row(n, timestamp=item) for n, item in enumerate(items)])
        return items

    commits = GroupCommit(store.transaction, {"event": Kind(write, patience=None)})
    commits.start()
    for bad in (2**70, "soon", b"\xff", object()):
        good, refused = await outcomes(commits.submit("event", 1), commits.submit("event", bad))
        if not (store.database.is_sqlite and isinstance(bad, str | bytes)):  # SQLite stores any type
            assert good == 1
            assert isinstance(refused, Exception)
            assert not isinstance(refused, Overloaded)
    await commits.close()


async def test_whoever_left_before_the_write_is_not_written(book: Book, commits: GroupCommit) -> None:
    book.gate.clear()
    first = commits.submit("soon", "first")
    while not book.tried:
        await asyncio.sleep(0)
    gone, stays = commits.submit("soon", "gone"), commits.submit("soon", "stays")
    gone.cancel()
    first.cancel()  # under way already: it is written, nobody hears of it
    book.gate.set()
    assert await outcomes(stays) == ["stays!"]
    assert book.written == ["first", "stays"]


async def test_closing_writes_what_is_waiting(book: Book, commits: GroupCommit) -> None:
    book.away = lambda number: number == 1
    futures = [commits.submit("kept", n, 4) for n in range(9)]
    futures[8].cancel()  # whoever knew of it has gone; what it knew must not be lost
    await asyncio.wait_for(commits.close(), 5)
    assert all(future.done() for future in futures)
    assert book.written == list(range(9))


async def test_it_closes_when_only_cancelled_items_are_left(book: Book, commits: GroupCommit) -> None:
    commits.submit("soon", "gone").cancel()
    await asyncio.wait_for(commits.close(), 5)
    assert book.written == []


async def test_the_expected_wait_grows_with_what_waits_and_with_slow_commits(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    async def slow(_: Transaction, items: list[Any]) -> list[Any]:
        now[0] += 0.01 * len(items)
        return items

    seen: list[tuple[str, int, float]] = []
    observe = lambda kind, size, seconds: seen.append((kind, size, round(seconds, 3)))  # noqa: E731
    commits = GroupCommit(book.transaction, {"x": Kind(slow, 0.0)}, max_weight=10, observe=observe)
    commits.start()
    assert commits.expected_wait() == 0
    for _ in range(40):
        await outcomes(commits.submit("x", 1))
    assert seen[0] == ("x", 1, 0.01)
    futures = [commits.submit("x", n) for n in range(10)]
    assert commits.expected_wait() == 0  # one full transaction is no overload
    futures += [commits.submit("x", n) for n in range(90)]
    assert commits.expected_wait() == pytest.approx(1.0, rel=0.05)
    await outcomes(*futures)
    assert commits.expected_wait() == 0
    assert seen[-1] == ("x", 10, 0.1)
    await commits.close()


@pytest.mark.proof
async def test_a_thousand_at_once_take_few_transactions(store: Store) -> None:
    sizes: list[int] = []

    async def write(tx: Transaction, items: list[Any]) -> list[Any]:
        first = await tx.positions.take(tx, len(items))
        await events.insert_events(tx.conn, [event_row(first + n) for n in range(len(items))])
        return [first + n for n in range(len(items))]

    kinds = {"event": Kind(write, patience=5)}
    commits = GroupCommit(store.transaction, kinds, observe=lambda kind, size, seconds: sizes.append(size))
    commits.start()

    async def client() -> list[int]:
        return [await commits.submit("event", None) for _ in range(20)]

    answers = await asyncio.gather(*(client() for _ in range(50)))
    await commits.close()
    handed_out = [position for answer in answers for position in answer]
    assert len(set(handed_out)) == sum(sizes) == 1000
    assert all(answer == sorted(answer) for answer in answers)
    assert len(sizes) <= 100
    print(f"group commit: 1,000 events of 50 clients in {len(sizes)} transactions")

"""Group commit: requests that arrive together share one transaction.

While one transaction is being committed, the next items gather; each kind of item brings a function that
writes many of them at once. A batch of nothing but one event still commits at once: nobody waits on purpose.
If the database is away, items wait as long as their kind is patient. If an item is at fault, it alone fails.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.errors import Overloaded
from gateway.store.engine import is_unavailable
from gateway.store.transaction import Transaction

# How often a batch is tried without its refused items before the rest goes one by one.
MOST_ROUNDS: Final = 4

Apply = Callable[[Transaction, list[Any]], Awaitable[list[Any]]]


class RefusedItems(Exception):
    """Raised by a writer: these items (by index) cannot be written, and whoever waits for them is told why;
    the transaction is rolled back and done again without them."""

    def __init__(self, problems: Mapping[int, Exception]) -> None:
        super().__init__(f"{len(problems)} refused")
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Kind:
    """What one kind of item needs: its writer; for how long (seconds) its items wait for a database that is
    away (None: for ever, because losing the item would lose knowledge; then it is also written when whoever
    waited for it has gone); and how long an item may wait for company when nobody is waiting for it."""

    apply: Apply
    patience: float | None
    linger: float = 0.0


@dataclass(slots=True)
class _Waiting:
    kind: str
    item: Any
    weight: int
    since: float
    done: asyncio.Future[Any] = field(repr=False)


class GroupCommit:
    """A queue of items and the task that writes them."""

    def __init__(
        self,
        transaction: Callable[[], AbstractAsyncContextManager[Transaction]],
        kinds: Mapping[str, Kind],
        *,
        max_weight: int = 2000,
        observe: Callable[[str, int, float], None] = lambda kind, size, seconds: None,
    ) -> None:
        """`observe(kind, size, seconds)` is told of every commit."""
        self._transaction = transaction
        self._kinds = dict(kinds)
        self._max_weight = max_weight
        self._observe = observe
        self._waiting: deque[_Waiting] = deque()
        self._weight = 0
        self._arrived = asyncio.Event()
        self._urgent = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._seconds_per_weight = 0.0
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def add(self, name: str, kind: Kind) -> None:
        """A further kind of item, before the start."""
        self._kinds[name] = kind

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="group commit")

    def submit(self, kind: str, item: Any, weight: int = 1) -> asyncio.Future[Any]:
        """Resolves to what the writer returned for the item, after the commit; or raises its problem."""
        if self._closed:
            raise Overloaded("the gateway is stopping", retry_after=1)
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(kind, item, weight, time.monotonic(), done))
        self._weight += weight
        self._idle.clear()
        self._arrived.set()
        if self._weight >= self._max_weight or not self._kinds[kind].linger:
            self._urgent.set()
        return done

    @property
    def waiting(self) -> int:
        """How many items wait to be written."""
        return len(self._waiting)

    def expected_wait(self) -> float:
        """Seconds that an item would wait now, estimated from the latest commits; 0 while at most one full
        transaction is waiting, because a slow disk alone is no overload."""
        if self._weight <= self._max_weight:
            return 0.0
        return self._weight * self._seconds_per_weight

    async def idle(self) -> None:
        """Waits until nothing is waiting to be written."""
        await self._idle.wait()

    async def close(self) -> None:
        """Writes what is waiting, then stops."""
        if self._task is None:
            return
        self._urgent.set()
        await self._idle.wait()
        self._closed = True
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        pause = 0.0
        while True:
            await self._arrived.wait()
            await self._gather_company()
            batch = self._take()
            if not batch:
                self._arrived.clear()
                self._idle.set()
                continue
            available = await self._write(batch)
            pause = 0.0 if available else min(pause * 2 or 0.05, 0.5)
            if pause:
                await asyncio.sleep(pause)

    async def _gather_company(self) -> None:
        """Lets items that are in no hurry wait for others, until one comes that is."""
        if self._waiting and not self._urgent.is_set():
            first = self._waiting[0]
            rest = self._kinds[first.kind].linger - (time.monotonic() - first.since)
            if rest > 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._urgent.wait(), rest)
        self._urgent.clear()

    def _take(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        weight = 0
        while self._waiting and (not batch or weight + self._waiting[0].weight <= self._max_weight):
            entry = self._waiting.popleft()
            weight += entry.weight
            self._weight -= entry.weight
            if not entry.done.cancelled() or self._kinds[entry.kind].patience is None:
                batch.append(entry)
        return batch

    async def _write(self, batch: list[_Waiting]) -> bool:
        """False when the database is away: then the batch waits again, or its patience is over."""
        for _ in range(MOST_ROUNDS):
            try:
                await self._commit(batch)
            except RefusedItems as refused:
                batch = _without(batch, refused)
                if not batch:
                    return True
            except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits for the answer
                if isinstance(error, Overloaded) or is_unavailable(error):
                    self._wait_again(batch, error)
                    return False
                if len(batch) == 1:
                    _fail(batch[0], error)
                    return True
                break
            else:
                return True
        return await self._write_each(batch)

    async def _write_each(self, batch: list[_Waiting]) -> bool:
        """One of them is at fault, or one refusal follows from another: each on its own."""
        for index, entry in enumerate(batch):
            try:
                await self._commit([entry])
            except Exception as error:  # noqa: BLE001 - as above
                if isinstance(error, Overloaded) or is_unavailable(error):
                    self._wait_again(batch[index:], error)
                    return False
                _fail(entry, error.problems[0] if isinstance(error, RefusedItems) else error)
        return True

    async def _commit(self, batch: list[_Waiting]) -> None:
        started = time.monotonic()
        by_kind: dict[str, list[_Waiting]] = {}
        for entry in batch:
            by_kind.setdefault(entry.kind, []).append(entry)
        results: list[tuple[list[_Waiting], list[Any]]] = []
        async with self._transaction() as tx:
            for kind, entries in by_kind.items():
                try:
                    values = await self._kinds[kind].apply(tx, [entry.item for entry in entries])
                except RefusedItems as refused:
                    raise RefusedItems(
                        {batch.index(entries[i]): problem for i, problem in refused.problems.items()}
                    ) from None
                results.append((entries, values))
        seconds = time.monotonic() - started
        weight = sum(entry.weight for entry in batch) or 1
        self._seconds_per_weight += 0.2 * (seconds / weight - self._seconds_per_weight)
        for entries, values in results:
            self._observe(entries[0].kind, sum(entry.weight for entry in entries), seconds)
            for entry, value in zip(entries, values, strict=True):
                if not entry.done.done():
                    entry.done.set_result(value)

    def _wait_again(self, batch: list[_Waiting], error: Exception) -> None:
        now = time.monotonic()
        for entry in reversed(batch):
            patience = self._kinds[entry.kind].patience
            if patience is not None and now - entry.since >= patience:
                _fail(entry, error)
            else:
                self._waiting.appendleft(entry)
                self._weight += entry.weight


def _without(batch: list[_Waiting], refused: RefusedItems) -> list[_Waiting]:
    """The rest of the batch, once the refused items have heard of it."""
    for index, problem in refused.problems.items():
        _fail(batch[index], problem)
    return [entry for index, entry in enumerate(batch) if index not in refused.problems]


def _fail(entry: _Waiting, error: Exception) -> None:
    if not entry.done.done():
        entry.done.set_exception(error)

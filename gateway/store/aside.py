"""Work that nobody waits for, in transactions that hold nobody up.

On SQLite, where one transaction is written at a time, it joins one that is written anyway (`group_commit`):
that is hardly longer then, while a transaction apart from it would keep events waiting from its begin to its
commit. When no events come, and on PostgreSQL, where several are written side by side, it has a transaction
of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from gateway.errors import Overloaded
from gateway.store.engine import is_unavailable
from gateway.store.group_commit import GroupCommit, Kind, RefusedItems
from gateway.store.store import Store
from gateway.store.transaction import Transaction

KIND: Final = "aside"
LINGER_SECONDS: Final = 0.005
"""How long it waits for a transaction to join; then it is written alone."""

Result = TypeVar("Result")
Work = Callable[[Transaction], Awaitable[object]]


class Aside:
    """Runs such work. `commits` is what it joins, if anything, while `traffic()` says that events come in."""

    def __init__(self, store: Store, commits: GroupCommit | None, traffic: Callable[[], bool]) -> None:
        self._store = store
        self._commits = commits
        self._traffic = traffic
        if commits is not None:
            commits.add(KIND, Kind(_apply, patience=0.0, linger=LINGER_SECONDS))

    async def __call__(self, work: Callable[[Transaction], Awaitable[Result]]) -> Result:
        """What `work` returns, once it is committed. If it raises, nothing of it is written and the error is
        raised here; it may be called again then, in another transaction, before that is known."""
        if self._commits is not None and self._traffic():
            result: Result = await self._commits.submit(KIND, work)
            return result
        async with self._store.transaction() as tx:
            return await work(tx)


async def _apply(tx: Transaction, works: list[Work]) -> list[object]:
    done: list[object] = []
    for index, work in enumerate(works):
        try:
            done.append(await work(tx))
        except Exception as error:
            if isinstance(error, Overloaded) or is_unavailable(error):
                raise
            raise RefusedItems({index: error}) from error
    return done

"""Who may have a connection at this moment, of those who ask for what people do: few at once, and each
organization in turn.

What the gateway itself reads and writes does not come through here, and finds connections of its own.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.errors import RateLimited


class Shares:
    """Places for `most` at once, and of one organization for `share` of them. Those who find none wait, up to
    `waiting` of each organization; a place that becomes free goes to the next organization, not to whoever
    has waited longest: one that asks all the time delays nobody but itself."""

    def __init__(self, most: int, *, share: int, waiting: int) -> None:
        self._most = most
        self._share = share
        self._longest = waiting
        self._inside: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}  # the next organization first

    @asynccontextmanager
    async def place(self, org_id: str) -> AsyncIterator[None]:
        """A place, as soon as there is one. Raises RateLimited when so many of the organization wait."""
        await self._enter(org_id)
        try:
            yield
        finally:
            self._leave(org_id)

    async def _enter(self, org_id: str) -> None:
        queue = self._waiting.get(org_id)
        if queue is None and self._may_enter(org_id):
            self._inside[org_id] += 1
            return
        if queue is not None and len(queue) >= self._longest:
            raise RateLimited("too many requests of this organization are waiting", retry_after=1)
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(org_id, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # its place came at the same moment
                self._leave(org_id)
            elif turn in self._waiting.get(org_id, ()):
                self._forget(org_id, turn)
            raise

    def _may_enter(self, org_id: str) -> bool:
        return self._inside.total() < self._most and self._inside[org_id] < self._share

    def _leave(self, org_id: str) -> None:
        self._inside[org_id] -= 1
        if not self._inside[org_id]:
            del self._inside[org_id]
        self._have_had_their_turn(org_id)
        while (following := next(filter(self._may_enter, self._waiting), None)) is not None:
            turn = self._waiting[following][0]
            self._forget(following, turn)
            if turn.cancelled():  # who waited has gone, and not yet come to saying so
                continue
            self._have_had_their_turn(following)
            self._inside[following] += 1
            turn.set_result(None)

    def _have_had_their_turn(self, org_id: str) -> None:
        """Those of it that wait come after everybody else."""
        if org_id in self._waiting:
            self._waiting[org_id] = self._waiting.pop(org_id)

    def _forget(self, org_id: str, turn: asyncio.Future[None]) -> None:
        queue = self._waiting[org_id]
        queue.remove(turn)
        if not queue:
            del self._waiting[org_id]

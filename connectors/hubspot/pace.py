"""How often HubSpot may be asked: so many requests in any period, and the rest wait in line.

HubSpot counts for the whole account: 190 requests in 10 seconds, and searches apart, 4 in a second. Whoever
would wait longer than is worth it is told at once, with the seconds after which it is worth asking again.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable

from connectors.kit.failures import RateLimited


class Window:
    """At most `count` turns in any `period` seconds, first come, first served."""

    def __init__(
        self,
        count: int,
        period: float,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._count = count
        self._period = period
        self._monotonic = monotonic
        self._sleep = sleep
        self._starts: deque[float] = deque(maxlen=count)
        self._closed_until = 0.0
        self._waiting = 0
        self._first = asyncio.Lock()

    async def turn(self, patience: float) -> None:
        """Returns when it is the caller's turn. Raises RateLimited, without waiting, when that would take
        longer than `patience` seconds."""
        if (wait := self._expected_wait()) > patience:
            raise RateLimited("too many requests for HubSpot at once", retry_after=math.ceil(wait))
        self._waiting += 1
        try:
            async with self._first:
                while (wait := self._free_in(0)) > 0:
                    await self._sleep(wait)
                self._starts.append(self._monotonic())
        finally:
            self._waiting -= 1

    def close(self, seconds: float) -> None:
        """Nobody's turn for so long: HubSpot has said so."""
        self._closed_until = max(self._closed_until, self._monotonic() + seconds)

    def _expected_wait(self) -> float:
        return self._free_in(self._waiting)

    def _free_in(self, place: int) -> float:
        """Seconds until the turn of whoever stands at `place` in the line."""
        now = self._monotonic()
        rounds, place = divmod(place, self._count)
        unused = self._count - len(self._starts)
        at = now if place < unused else self._starts[place - unused] + self._period
        return max(at + rounds * self._period, self._closed_until, now) - now

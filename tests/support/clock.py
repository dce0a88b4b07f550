"""A clock that a test turns by hand, and waiting for what happens in real time.

    clock = ManualClock(busy=lambda: gateway.dispatcher.in_flight > 0)
    ... start what sleeps on `clock` ...
    await clock.advance(300)   # whoever sleeps wakes in order, each at the moment it asked for

Only time is virtual: databases and sockets work in real time. `busy` says whether some of that is still going
on; the clock stands still until it is over, so that nothing is late because a test turned the clock too fast.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import time
from collections.abc import Callable
from typing import Final

# Loop turns without work after which everybody has seen what happened and sleeps again.
_QUIET_TURNS: Final = 25
_PATIENCE_SECONDS: Final = 10.0


class ManualClock:
    """`gateway.clock.Clock`; wall time starts at `start` (ms), monotonic time at 1000 s. Sleepers wake
    `early` seconds too early, short ones by half: event loops that count in whole milliseconds do that. With
    `tick` so many seconds pass whenever the time is asked for, as they do while code runs."""

    def __init__(
        self,
        start: int = 1_795_208_709_123,
        *,
        busy: Callable[[], bool] = lambda: False,
        early: float = 0.0,
        tick: float = 0.0,
    ) -> None:
        self._start = start
        self._early = early
        self._tick = round(tick * 1e6)
        self._microseconds = 0  # integers: a sum of floats would wake sleepers a moment too early
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self.busy = busy

    def now(self) -> int:
        self._microseconds += self._tick
        return self._start + self._microseconds // 1000

    def monotonic(self) -> float:
        self._microseconds += self._tick
        return 1000.0 + self._microseconds / 1e6

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        seconds -= min(self._early, seconds / 2)
        at = self._microseconds + max(0, math.ceil(seconds * 1e6))
        heapq.heappush(self._sleepers, (at, next(self._order), woken))
        await woken

    @property
    def sleepers(self) -> int:
        """How many are asleep."""
        return sum(1 for _, _, woken in self._sleepers if not woken.done())

    async def advance(self, seconds: float) -> None:
        """Lets `seconds` pass: each sleeper wakes at its time, does what it does, and may sleep again."""
        end = self._microseconds + round(seconds * 1e6)
        await self._settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            at, _, woken = heapq.heappop(self._sleepers)
            if woken.done():
                continue
            self._microseconds = max(self._microseconds, at)
            woken.set_result(None)
            await self._settle()
        self._microseconds = max(self._microseconds, end)

    async def _settle(self) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        quiet = 0
        while quiet < _QUIET_TURNS:
            if self.busy():
                quiet = 0
                if time.monotonic() > deadline:
                    raise TimeoutError(f"still busy after {_PATIENCE_SECONDS} s")
                await asyncio.sleep(0.0002)  # real work in threads and sockets goes on meanwhile
            else:
                quiet += 1
                await asyncio.sleep(0)


async def until(condition: Callable[[], bool], what: str, *, timeout: float = 5.0) -> None:
    """Returns as soon as `condition` holds; TimeoutError naming `what` when it does not come to that."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout} s: {what}")
        await asyncio.sleep(0.005)

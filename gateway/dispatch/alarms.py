"""When a target is to be looked at again without anybody else touching it: a hold ends, a breaker probes, a
rate lets the next one through.

Neither timers nor clocks are exact: a timer may end a millisecond early, the wall clock may be set back. So
an alarm says nothing but "look": who is woken too early finds the target as it was, and sets the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, NamedTuple, Protocol

from gateway.clock import Clock

SHORTEST_SECONDS: Final = 0.002  # shorter ones would only be turns of the loop


class Alarm(NamedTuple):
    """It rings at the moment `at` (monotonic seconds)."""

    at: float
    task: asyncio.Task[None]


class Sleeper(Protocol):
    """A target, as far as alarms know it."""

    id: str
    alarm: Alarm | None


class Alarms:
    """One for each target, the earliest that was asked for. `ring` looks at the target; `spawn` runs the
    waiting in a task of the given name."""

    def __init__(
        self,
        clock: Clock,
        ring: Callable[[Any], None],
        spawn: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]],
    ) -> None:
        self._clock = clock
        self._ring = ring
        self._spawn = spawn

    def set(self, target: Sleeper, seconds: float) -> None:
        """Wakes the target in so many seconds, or before: at the time of the alarm that is set already."""
        seconds = max(seconds, SHORTEST_SECONDS)
        at = self._clock.monotonic() + seconds
        if target.alarm is not None:
            if target.alarm.at <= at:
                return
            target.alarm.task.cancel()
        target.alarm = Alarm(at, self._spawn(self._wait(target, seconds), f"wake {target.id}"))

    async def _wait(self, target: Sleeper, seconds: float) -> None:
        await self._clock.sleep(seconds)
        target.alarm = None
        self._ring(target)

"""What is left of this node for the deliveries that jobs made, beside events that come in just now.

Each delivery takes the node some of its time, and those of a job come by the thousand. While events come in
they start one by one, with a gap between them, and not all that have come into memory at once: whoever comes
meanwhile waits for one of them at most. When no event has come for a moment there is no gap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from math import inf
from typing import Any, Final

from gateway.clock import Clock
from gateway.dispatch.alarms import Alarm, Alarms
from gateway.dispatch.target import Target

GAP_SECONDS: Final = 0.07
EARLY_SECONDS: Final = 0.001  # so much before the time that it was set for, an alarm may ring
QUIET_SECONDS: Final = 2.0  # without an event: then nobody is held up


class Spare:
    """Lets the deliveries of jobs start. `resume(target)` is called when there is a turn for a target that
    was refused; `spawn` runs the waiting for it."""

    def __init__(
        self,
        clock: Clock,
        resume: Callable[[Target], None],
        spawn: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]],
    ) -> None:
        self.id = "for what jobs made"
        self._clock = clock
        self._resume = resume
        self._alarms = Alarms(clock, self._ring, spawn)
        self._waiting: dict[Target, None] = {}
        self._latest_event = -inf
        self._next_start = -inf
        self.alarm: Alarm | None = None

    def see_event(self) -> None:
        """An event was accepted, or something else handed over."""
        self._latest_event = self._clock.monotonic()

    @property
    def busy(self) -> bool:
        """Whether there is somebody who could be held up."""
        return self._clock.monotonic() - self._latest_event < QUIET_SECONDS

    def lets_start(self, target: Target, monotonic: float) -> bool:
        """Whether the next delivery of a target may start. If not, it is a job's, and called in its turn."""
        if target.waiting:
            return True
        if self.busy and monotonic < self._next_start - EARLY_SECONDS:
            self._waiting[target] = None
            self._alarms.set(self, self._next_start - monotonic)
            return False
        self._next_start = monotonic + GAP_SECONDS
        return True

    def _ring(self, _: object) -> None:
        """The turn of whoever has waited longest. One that has nothing to send any more lets it pass."""
        if self._waiting:
            target = next(iter(self._waiting))
            del self._waiting[target]
            self._resume(target)
        if self._waiting:
            self._alarms.set(self, GAP_SECONDS)

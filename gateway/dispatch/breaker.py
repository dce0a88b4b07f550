"""A circuit breaker for one target: stops trying where nobody answers, and burns no attempts meanwhile.

It counts only attempts without any HTTP answer: a receiver that answers 500 is there and must see its
retries. Ten in a row open it; while it is open one probe goes every so often; any answer closes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

OPENS_AFTER: Final = 10
LONGEST_PAUSE_SECONDS: Final = 30.0


@dataclass(slots=True)
class Breaker:
    """`pause` in seconds is min(30, the first wait of the retry schedule); times are monotonic seconds."""

    pause: float = 5.0
    silent: int = 0
    next_probe: float = 0.0

    @property
    def open(self) -> bool:
        return self.silent >= OPENS_AFTER

    def allows(self, now: float, in_flight: int) -> bool:
        """Whether an attempt may start: always when closed, one probe at a time when open."""
        return not self.open or (in_flight == 0 and now >= self.next_probe)

    def record(self, answered: bool, now: float) -> None:
        if answered:
            self.silent = 0
            return
        self.silent += 1
        if self.open:
            self.next_probe = now + min(self.pause, LONGEST_PAUSE_SECONDS)

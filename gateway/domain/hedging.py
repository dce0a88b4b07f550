"""When a question that is not answered yet is put once more beside itself, so that one slow answer among many
quick ones does not cost the caller. Times are seconds.

A second question goes when the first has taken longer than 19 of 20 before it; after a hundred of them, for
before that nobody knows what long is; and at most one to twenty questions, so that a CRM that becomes slow as
a whole does not get twice as many.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

LEAST_OBSERVED: Final = 100
REMEMBERED: Final = 500
RECKONED_EVERY: Final = 20
QUANTILE: Final = 0.95
SHARE: Final = 0.05
MOST_SAVED: Final = 5.0
"""How many second questions may come at once after a quiet time: those of a hundred questions."""

LEAST_WAIT: Final = 0.010
"""Nobody notices what could be gained below this."""


@dataclass(slots=True, eq=False)
class Hedging:
    """What is known of the answers of one connector's base URL, and how many second questions it may get."""

    _taken: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _since: int = 0
    _long: float | None = None
    _saved: float = 0.0

    def asked(self) -> None:
        """A first question goes."""
        self._saved = min(self._saved + SHARE, MOST_SAVED)

    def took(self, seconds: float) -> None:
        """It was answered, or given up, after so long."""
        self._taken.append(seconds)
        self._since += 1
        if len(self._taken) >= LEAST_OBSERVED and (self._long is None or self._since >= RECKONED_EVERY):
            self._since = 0
            self._long = sorted(self._taken)[int(len(self._taken) * QUANTILE)]

    def patience(self, left: float | None) -> float | None:
        """After how long a second question may go; None when not at all. `left` is how long somebody waits,
        None when nobody does: what comes too late for them is no use to them sooner either."""
        if self._long is None or left is None or self._saved < 1:
            return None
        wait = max(self._long, LEAST_WAIT)
        return wait if wait < left else None

    def take(self) -> bool:
        """Takes a second question out of what is saved; False when there is none left."""
        if self._saved < 1:
            return False
        self._saved -= 1
        return True

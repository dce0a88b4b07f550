"""How often a webhook may be called: a bucket of tokens, one for each attempt. The clock is an argument.

The bucket fills evenly and holds one token and half a second's worth. So whatever happened before, no ten
seconds see more than a tenth above the rate; and what a late timer or a busy moment misses is made up for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LOWEST: Final = 1
HIGHEST: Final = 10_000
SECONDS_HELD: Final = 0.5
_ALMOST: Final = 1 - 1e-6  # sums of fractions of a second come out a little short


@dataclass(slots=True)
class Bucket:
    """`rate` is attempts per second; `at` the moment (monotonic seconds) at which it held `tokens`."""

    rate: float
    at: float
    tokens: float = 1.0

    @property
    def most(self) -> float:
        return 1 + self.rate * SECONDS_HELD

    def holds(self, now: float) -> float:
        """How many tokens are in it."""
        return min(self.tokens + max(now - self.at, 0.0) * self.rate, self.most)

    def has_one(self, now: float) -> bool:
        return self.holds(now) >= _ALMOST

    def take(self, now: float) -> None:
        """One token, for an attempt that starts now."""
        self.tokens, self.at = self.holds(now) - 1, now

    def seconds_until_one(self, now: float) -> float:
        return max(1 - self.holds(now), 0.0) / self.rate

    def change(self, rate: float, now: float) -> None:
        """Another rate from now on; what has gathered under the old one is not more than fits the new one."""
        self.tokens, self.at, self.rate = self.holds(now), now, rate
        self.tokens = min(self.tokens, self.most)

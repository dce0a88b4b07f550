"""When a webhook that keeps failing is warned about, and when it is disabled.

It has been failing since the first failure after its last success. Warnings go out when that is one day old,
and three; when it is five days old the webhook is disabled, if it had failures enough on days enough. Both
happen at a failure, never by the clock alone: a receiver that nobody sends anything to is left in peace. A
held attempt is no failure.
"""

from __future__ import annotations

from typing import Final

import msgspec

DAY_MS: Final = 24 * 3_600_000
WARN_ON_DAYS: Final = (1, 3)
DISABLE_AFTER_DAYS: Final = 5
FEWEST_FAILURES: Final = 10
FEWEST_DAYS: Final = 3


class Warn(msgspec.Struct, frozen=True):
    """Tell of it: it has been failing for `day` days."""

    day: int


class Disable(msgspec.Struct, frozen=True):
    """It has failed for long enough."""


class Failing(msgspec.Struct, frozen=True):
    """How a target stands after a failure. `days` counts the days (UTC) with failures since `since` (ms);
    `warned_day` is the warning that was given last."""

    since: int
    failures: int
    days: int
    warned_day: int | None = None


def decide(failing: Failing, now: int) -> Warn | Disable | None:
    """What follows from a failure at `now`. A warning that came too late for its day is passed over for the
    next one."""
    age = (now - failing.since) // DAY_MS
    if age >= DISABLE_AFTER_DAYS and failing.failures >= FEWEST_FAILURES and failing.days >= FEWEST_DAYS:
        return Disable()
    reached = max((day for day in WARN_ON_DAYS if age >= day), default=0)
    return Warn(reached) if reached > (failing.warned_day or 0) else None


def day_of(moment: int) -> int:
    """The day (UTC) of a moment (ms), counted from 1970."""
    return moment // DAY_MS

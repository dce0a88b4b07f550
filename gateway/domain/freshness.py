"""How long what a connector has said of a person is of use. The clock and chance are arguments.

    age of "found"      what becomes of it
    up to 5 minutes     fresh: it is the answer
    up to 24 hours      stale: it is the answer at once, and the connector is asked behind it
    up to 7 days        a remnant: the connector is asked, and this counts if it fails
    older               forgotten

"Not found" is fresh for 30 to 120 seconds, by chance, so that numbers that were asked for together are not
asked for together again, and then forgotten. Failures are not kept at all.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal

State = Literal["found", "not_found"]

MINUTE_MS: Final = 60_000
FRESH_MS: Final = 5 * MINUTE_MS
USABLE_MS: Final = 24 * 60 * MINUTE_MS
KEPT_MS: Final = 7 * 24 * 60 * MINUTE_MS
NOT_FOUND_LEAST_MS: Final = 30_000
NOT_FOUND_MOST_MS: Final = 120_000


class Use(Enum):
    """What a kept answer is good for."""

    FRESH = "fresh"
    STALE = "stale"
    REMNANT = "remnant"
    NONE = "none"


FOUND: Final = ((FRESH_MS, Use.FRESH), (USABLE_MS, Use.STALE), (KEPT_MS, Use.REMNANT))


def use_of(state: State, fetched_at: int, expires_at: int, now: int) -> Use:
    """What the answer of `fetched_at` is good for at `now` (ms)."""
    if now >= expires_at:
        return Use.NONE
    if state == "not_found":
        return Use.FRESH
    age = now - fetched_at
    return next((use for limit, use in FOUND if age < limit), Use.NONE)


def expires_at(state: State, fetched_at: int, chance: float) -> int:
    """Until when (ms) it is kept; `chance` in [0, 1) is the jitter's."""
    if state == "found":
        return fetched_at + KEPT_MS
    return fetched_at + NOT_FOUND_LEAST_MS + round(chance * (NOT_FOUND_MOST_MS - NOT_FOUND_LEAST_MS))

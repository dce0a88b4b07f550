"""How many callers would be known if one waited so long: counted in buckets of time, kept by the hour.

A caller counts where somebody first knew them, whether that was in time or too late for the call. So the
counts say what a longer deadline would have given, and what a shorter one would cost.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import Final, NamedTuple

BOUNDS: Final = (
    50, 100, 150, 200, 300, 400, 500, 600, 750, 900, 1_200, 1_500, 2_000, 3_000, 5_000, 10_000, 30_000,
    70_000,
)  # fmt: skip
"""Upper bounds in ms, inclusive; what took longer than the last counts there."""

DEADLINES: Final = (300, 600, 900, 1_200, 1_500)
"""What is shown: bounds, so that nothing has to be guessed."""

KNOWN: Final = "known"
NOT_KNOWN: Final = "not_known"
FOUND: Final = "found"
NOT_FOUND: Final = "not_found"
FAILED: Final = "failed"


def callers_of(org_id: str) -> str:
    """Under which name an organization's callers are counted as a whole: no organization and nothing else can
    have it."""
    return f"callers:{org_id}"


def timed(word: str, seconds: float) -> str:
    """The counter's name: `found:300`."""
    milliseconds = round(seconds * 1000)
    return f"{word}:{BOUNDS[min(bisect_left(BOUNDS, milliseconds), len(BOUNDS) - 1)]}"


class Curve(NamedTuple):
    """Of so many callers so many were known in the end, and so many `within` each of DEADLINES."""

    callers: int
    known: int
    within: Mapping[int, int]


def curve(totals: Mapping[str, int], word: str) -> Curve:
    """Out of counters by name; `word` is the one for those who were known."""
    by_bound = {bound: totals.get(f"{word}:{bound}", 0) for bound in BOUNDS}
    within = {
        deadline: sum(count for bound, count in by_bound.items() if bound <= deadline)
        for deadline in DEADLINES
    }
    words = (KNOWN, NOT_KNOWN) if word == KNOWN else (FOUND, NOT_FOUND, FAILED)
    callers = sum(count for name, count in totals.items() if name.partition(":")[0] in words)
    return Curve(callers, sum(by_bound.values()), within)

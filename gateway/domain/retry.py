"""When an attempt is made again: the schedule, its jitter, and what a receiver's Retry-After asks for.

Time and chance are arguments. Waits are seconds, moments are milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

DEFAULT_SCHEDULE: Final[tuple[int, ...]] = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
JITTER: Final = 0.2
MAX_STEPS: Final = 20
MAX_WAIT_SECONDS: Final = 604_800
DEFAULT_LIFETIME_MS: Final = 30 * 86_400_000

_SECONDS = re.compile(r"[0-9]+\Z")
_LONGEST_ASKED: Final = 1e9


def wait_before_next(schedule: Sequence[int], steps_used: int, chance: float) -> float | None:
    """Seconds from the end of one failed attempt to the next, None when the schedule is used up.

    `steps_used` counts the waits already taken; `chance` is uniform in [0, 1) and spreads the wait by ±20 %.
    """
    if steps_used >= len(schedule):
        return None
    return schedule[steps_used] * (1 - JITTER + 2 * JITTER * chance)


def check_schedule(schedule: Sequence[int]) -> str | None:
    """What is wrong with a schedule, for a person; None when nothing is."""
    if not 1 <= len(schedule) <= MAX_STEPS:
        return f"must have 1 to {MAX_STEPS} entries"
    if any(not 1 <= wait <= MAX_WAIT_SECONDS for wait in schedule):
        return f"each wait must be 1 to {MAX_WAIT_SECONDS} seconds"
    return None


def retry_after(headers: Iterable[tuple[str, str]], now: int) -> float | None:
    """Seconds that a receiver asks to be left alone; None when it does not ask, or not understandably.

    Takes seconds or an HTTP date. Of several headers the longest understandable wait counts. Zero, the past
    and garbage are as good as no header: a pause of no length must not become an attempt that costs nothing.
    """
    waits = [
        wait
        for name, value in headers
        if name.lower() == "retry-after" and (wait := _one_retry_after(value.strip(), now)) is not None
    ]
    return max(waits, default=None)


def hold_seconds(asked: float, holds_in_a_row: int, cap: int) -> float:
    """How long a webhook is held: what was asked, growing when it is asked again and again, at most `cap`."""
    patience = float(2 ** min(holds_in_a_row, 6))
    return min(max(asked, patience), float(cap))


def _one_retry_after(value: str, now: int) -> float | None:
    if _SECONDS.match(value):  # only ASCII digits: int() would also take '٣' and '1_000'
        seconds = min(float(value), _LONGEST_ASKED)
        return seconds if seconds > 0 else None
    if not value.isascii() or len(value) > 64:
        return None
    try:
        moment = parsedate_to_datetime(value)
        if moment.tzinfo is None:  # '-0000' gives a naive time; HTTP dates are UTC
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - datetime.fromtimestamp(now / 1000, UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return seconds if seconds > 0 else None

"""Time as an argument: the system clock in production, a clock that tests turn by hand.

Wall time is an integer of milliseconds since 1970-01-01 UTC, everywhere: in the database, in rules, on the
wire (there formatted by `format_time`). Monotonic time is a float of seconds and only ever subtracted.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

SLICE_SECONDS: Final = 0.002

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """What the gateway asks about time."""

    def now(self) -> int:
        """Wall time in milliseconds."""

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back."""

    async def sleep(self, seconds: float) -> None:
        """Wait about so long, cancellably. It can end a millisecond early, as timers do: what must not come
        before its time asks the clock again."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def format_time(milliseconds: int) -> str:
    """`2026-11-20T21:05:09.123Z`."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{_format_second(seconds)}.{rest:03d}Z"


_second_cache: tuple[int, str] = (0, "1970-01-01T00:00:00")


def _format_second(seconds: int) -> str:
    # Nearly every call of one second formats that same second: once is enough.
    global _second_cache
    cached, text = _second_cache
    if cached != seconds:
        text = (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]
        _second_cache = (seconds, text)
    return text


def parse_time(text: str) -> int:
    """Milliseconds of an ISO 8601 time that names its offset.

    Raises ValueError for anything else, also for a time without an offset: guessing a zone would move events.
    """
    if not text.isascii() or len(text) > 40 or "T" not in text.upper():
        raise ValueError("must be an ISO 8601 time such as 2026-11-20T21:05:09.123Z")
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("must name its offset, such as Z or +01:00")
    try:
        moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("must be a time of the years 1 to 9999 in UTC") from None
    return (moment - _EPOCH) // timedelta(milliseconds=1)


class Slices:
    """Long work in the middle of everybody else's: after each slice of it, the others go on for as long as it
    has taken."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.begin()

    def begin(self) -> None:
        """Work begins now; what was before was waiting."""
        self._began = self._clock.monotonic()

    async def rest(self) -> None:
        """To be called often: rests when it is time."""
        took = self._clock.monotonic() - self._began
        if took > SLICE_SECONDS:
            await self._clock.sleep(took)
            self.begin()

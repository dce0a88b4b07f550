"""Times as people type them, in the form that the API takes. Whether one is a time, the API says."""

from __future__ import annotations

import re
from typing import Final

from gateway.clock import format_time

HINT: Final = "UTC: 2026-11-20 21:05, a day, or 6h for six hours ago"

TIMES: Final = ("since", "until")

_TYPED: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[ T]+(\d\d?:\d\d)(:\d\d(?:\.\d{1,6})?)?)? ?(?:Z|UTC)?\Z", re.ASCII
)
_AGO: Final = re.compile(r"(\d{1,6}) ?(s|m|min|h|d)(?: ago)?\Z", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400}


def api_time(text: str, now: int) -> str:
    """`2026-11-20 21:05`, a day (its beginning) and `6h` (before `now`, in ms) as the API writes times; any
    other text as it is."""
    text = text.strip()
    if found := _AGO.match(text):
        return format_time(max(0, now - 1_000 * int(found[1]) * _SECONDS[found[2]]))
    if found := _TYPED.match(text):
        return f"{found[1]}T{(found[2] or '00:00').zfill(5)}{found[3] or ':00'}Z"
    return text


def as_asked(typed: dict[str, str], now: int) -> dict[str, str | None]:
    """What was typed, as the API asks for it."""
    return {name: api_time(text, now) if name in TIMES else text for name, text in typed.items()}

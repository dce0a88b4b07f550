"""What is taken, and most likely not meant: the answer says so, and what was probably meant instead.

A type outside the catalogue is nobody's mistake by itself; one that is nearly a type of the catalogue is. A
pattern over the gateway's own events matches none of them. And no event happens the day after tomorrow.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import Final

from gateway.clock import parse_time
from gateway.domain.event_types import CATALOGUE, RESERVED_TYPES
from gateway.errors import Detail

_ALIKE: Final = 0.82  # call.complete and call.completed: 0.96; call.updated and call.created: 0.75
_DAY_MS: Final = 86_400_000


def near_misses(patterns: Sequence[str]) -> list[Detail]:
    """A hint for each pattern that is nearly, but not quite, a known one, or matches less than it seems."""
    found = []
    for index, pattern in enumerate(patterns):
        message = _hint_for_prefix(pattern) if pattern.endswith(".*") else hint_for_type(pattern)
        if message is not None:
            found.append(Detail(f"events[{index}]", message))
    return found


@lru_cache(maxsize=4096)  # asked for every event that is accepted
def hint_for_type(event_type: str) -> str | None:
    """What to say of a type that is nearly, but not quite, a known one."""
    return _hint(event_type, {*CATALOGUE, *RESERVED_TYPES}) if event_type != "*" else None


def hints_for_event(event_type: str, timestamp: str, accepted_at: str) -> list[Detail]:
    """What to say to the sender of an event that was accepted; the times as the answer tells them."""
    found = []
    hint = hint_for_type(event_type)
    if hint is not None:
        found.append(Detail("type", hint))
    # Both are written alike: mostly their order as text is enough to know.
    if timestamp > accepted_at and parse_time(timestamp) - parse_time(accepted_at) > _DAY_MS:
        found.append(Detail("occurred_at", "is more than a day in the future"))
    return found


def nearest(text: str, known: Collection[str]) -> str | None:
    """The one of `known` that was probably meant; None if `text` is one, or like none of them."""
    if text in known:
        return None
    near = difflib.get_close_matches(text, sorted(known), n=1, cutoff=_ALIKE)
    return near[0] if near else None


def _hint(text: str, known: Collection[str]) -> str | None:
    near = nearest(text, known)
    return None if near is None else f"{text} is not in the catalogue; did you mean {near}?"


def _hint_for_prefix(pattern: str) -> str | None:
    own = sorted(name for name in RESERVED_TYPES if name.startswith(pattern[:-1]))
    if own:
        return (
            f"{pattern} matches none of the gateway's own events: name those you want in full, such as"
            f" {', '.join(own)}"
        )
    return _hint(pattern, _prefixes(CATALOGUE))


def _prefixes(types: Iterable[str]) -> set[str]:
    return {f"{name.split('.')[0]}.*" for name in types}

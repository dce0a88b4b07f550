"""Patterns that are most likely misspelt: they are taken, and the answer says what was probably meant.

A type outside the catalogue is nobody's mistake by itself; one that is nearly a type of the catalogue is.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Final

from gateway.domain.event_types import CATALOGUE, RESERVED_TYPES
from gateway.errors import Detail

_ALIKE: Final = 0.82  # call.complete and call.completed: 0.96; call.updated and call.created: 0.75


def near_misses(patterns: Sequence[str]) -> list[Detail]:
    """A hint for each pattern that is nearly, but not quite, a known one."""
    types = {*CATALOGUE, *RESERVED_TYPES}
    found = []
    for index, pattern in enumerate(patterns):
        wild = pattern.endswith(".*")
        near = _nearest(pattern, _prefixes(types) if wild else types)
        if near is not None:
            message = f"{pattern} is not in the catalogue; did you mean {near}?"
            found.append(Detail(f"events[{index}]", message))
    return found


def _prefixes(types: Iterable[str]) -> set[str]:
    return {f"{name.split('.')[0]}.*" for name in types}


def _nearest(pattern: str, known: set[str]) -> str | None:
    if pattern in known or pattern == "*":
        return None
    near = difflib.get_close_matches(pattern, sorted(known), n=1, cutoff=_ALIKE)
    return near[0] if near else None

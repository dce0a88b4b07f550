"""Bounds of every request, whatever it asks for: what is over them is refused before each part of it is
looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

MOST_MEMBERS: Final = 200
"""Of one object in a request: more than any that is taken has."""

MOST_DETAILS: Final = 20
"""Of the mistakes in one request, those that are described; the message says how many there are."""

_DEEPEST: Final = 3
"""How deep in each other the objects stand that are looked at: deeper ones belong to no request."""


def crowded(value: Mapping[str, Any], deepest: int = _DEEPEST) -> tuple[str, int] | None:
    """Where in the value (`contact.fields`; empty: the value itself) an object has more than MOST_MEMBERS,
    and how many; None: nowhere."""
    if len(value) > MOST_MEMBERS:
        return "", len(value)
    if deepest == 0:
        return None
    for name, inner in value.items():
        if isinstance(inner, dict) and (found := crowded(inner, deepest - 1)) is not None:
            place, members = found
            return f"{name}.{place}" if place else name, members
    return None

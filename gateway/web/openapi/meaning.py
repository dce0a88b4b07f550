"""What a field of a request means, beyond its type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Meaning:
    """`rules` go with the type's own schema (for a field that may be null, with the part that is not);
    `whole` replaces it. Without `default` the type's default is not the API's."""

    text: str
    rules: Mapping[str, Any] = field(default_factory=dict)
    whole: Mapping[str, Any] | None = None
    default: bool = True


def or_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [dict(schema), {"type": "null"}]}


def patch(meaning: Meaning | None) -> Meaning:
    """In a merge patch a field that is missing stays as it is: no default is true of it."""
    assert meaning is not None
    return replace(meaning, default=False)

"""Which event types a webhook hears: exact types, `x.*`, or `*`.

`*` matches every type but the gateway's own; `x.*` matches one or more further segments, so `call.*` takes
`call.completed` and `call.a.b`, not `call`. The gateway's own events are delivered only where they are named
in full: no wildcard matches them, not even `webhook.*`, so that nobody starts to receive them by accident.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from gateway.domain.event_types import MAX_TYPE_LENGTH, check_type, is_reserved, is_segments


def check_pattern(text: str) -> None:
    """Raises ValueError with a sentence for a person when `text` is no pattern."""
    if text == "*":
        return
    if len(text) > MAX_TYPE_LENGTH:
        raise ValueError(f"must have at most {MAX_TYPE_LENGTH} characters")
    if text.endswith(".*"):
        if not is_segments(text[:-2]):
            raise ValueError("must have lower-case segments before .*, such as call.* or sms.*")
        return
    if "*" in text:
        raise ValueError("may have * only alone or as the last segment, such as call.*")
    if is_segments(text) and "." not in text:
        raise ValueError(f"is no event type: write {text}.* for all types that begin with {text}.")
    check_type(text)


class PatternSet:
    """The compiled patterns of one webhook. Does not check them; a malformed one matches nothing."""

    __slots__ = ("_all", "_exact", "_prefixes")

    def __init__(self, patterns: Iterable[str]) -> None:
        given = set(patterns)
        self._all = "*" in given
        self._exact = frozenset(one for one in given if "*" not in one)
        # `str.startswith` takes all prefixes at once, in C: quicker than a cache in front of it.
        self._prefixes = tuple(sorted(one[:-1] for one in given if one.endswith(".*")))

    def matches(self, event_type: str) -> bool:
        """Whether a valid event type is wanted."""
        if event_type in self._exact:
            return True
        if not (self._all or event_type.startswith(self._prefixes)):
            return False
        return not is_reserved(event_type)


def matches(patterns: Iterable[str], event_type: str) -> bool:
    """Whether any of the patterns wants the type; compiles each set of patterns once."""
    return _compiled(tuple(patterns)).matches(event_type)


@lru_cache(maxsize=4096)
def _compiled(patterns: tuple[str, ...]) -> PatternSet:
    return PatternSet(patterns)

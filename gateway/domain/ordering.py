"""The order of an ordered webhook: deliveries with the same key go one at a time, as they were accepted.

Whose turn it is follows from the rows alone. Of each key the *first* is the one with the lowest position that
is not over yet; it may go, whether it waits for its time, for its target, or is under way. Those behind it
wait in a queue of their own, so that however many they are, nobody has to look past them to find those of
other keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Protocol, TypeVar

_BEHIND: Final = "/behind"


class InLine(Protocol):
    """What of a delivery decides over its place."""

    @property
    def id(self) -> str: ...
    @property
    def ordering_key(self) -> str | None: ...
    @property
    def redelivery_of(self) -> str | None: ...


T = TypeVar("T", bound=InLine)


def key_of(delivery: InLine) -> str | None:
    """The key in whose line it stands; None for events without one and for redeliveries."""
    return delivery.ordering_key if delivery.redelivery_of is None else None


def parted(deliveries: Iterable[T], first: Mapping[str, str]) -> tuple[list[T], list[T]]:
    """Those that may go and those that must wait. `first`: key → id of its first unfinished delivery."""
    may_go: list[T] = []
    must_wait: list[T] = []
    for delivery in deliveries:
        key = key_of(delivery)
        free = key is None or first.get(key, delivery.id) == delivery.id
        (may_go if free else must_wait).append(delivery)
    return may_go, must_wait


def behind(target_id: str) -> str:
    """The queue of those that wait behind another of their key."""
    return target_id + _BEHIND


def target_of(queue: str) -> str:
    """The target whose own queue this is, or the queue of those behind."""
    return queue.removesuffix(_BEHIND)


def is_behind(queue: str) -> bool:
    return queue.endswith(_BEHIND)

"""What lies in this node's memory: the targets, the places their deliveries take, the bytes of payloads.

It is bounded, and each target has a share. What does not fit stays in the database; whose turn it is, and
what is sent, is the dispatcher's business.
"""

from __future__ import annotations

from typing import Final

from gateway.dispatch.target import Target
from gateway.domain.owed import Owed

MOST_IN_MEMORY: Final = 20_000
MOST_PER_TARGET: Final = 10_000
SHARE_OF_EACH: Final = 20  # places a target has even when memory is full
MOST_PAYLOAD_BYTES: Final = 64 * 1024 * 1024


class Stock:
    """`kept` counts the places taken: reserved, waiting, and `under_way` (by delivery id)."""

    __slots__ = ("_payload_bytes", "kept", "targets", "under_way")

    def __init__(self) -> None:
        self.targets: dict[str, Target] = {}
        self.under_way: set[str] = set()
        self.kept = 0
        self._payload_bytes = 0

    def room(self, target: Target) -> int:
        """How many more it may keep: a small share of the memory for certain, a larger one while there is
        room."""
        share = max(MOST_IN_MEMORY - self.kept, SHARE_OF_EACH - target.kept)
        return max(min(share, MOST_PER_TARGET - target.kept), 0)

    def keep(self, target: Target) -> None:
        """Takes a place for one delivery."""
        target.kept += 1
        self.kept += 1

    def let_go(self, target: Target) -> None:
        """Gives a place back."""
        target.kept -= 1
        self.kept -= 1

    def push(self, target: Target, owed: Owed) -> None:
        """Lets it wait for its target's turn; its payload only while there is room for payloads."""
        if owed.event is not None:
            size = len(owed.event.data)
            if self._payload_bytes + size > MOST_PAYLOAD_BYTES:
                owed.event = None  # it is read back when its turn comes
            else:
                self._payload_bytes += size
        target.push(owed)

    def pop(self, target: Target) -> Owed:
        """The next one of the target; it is under way from now on."""
        owed = target.pop()
        self._unload(owed)
        self.under_way.add(owed.id)
        return owed

    def take_all(self, target: Target) -> list[Owed]:
        """Everything that waits for the target, in the order in which it would have gone."""
        waiting = target.take_all()
        for owed in waiting:
            self._unload(owed)
        return waiting

    def empty(self, target: Target) -> None:
        """Drops what waits for the target, with its places."""
        for _ in self.take_all(target):
            self.let_go(target)

    def remove(self, target: Target, delivery_id: str) -> Owed | None:
        """Takes one that waits out of its queue; None when it does not wait here."""
        owed = target.remove(delivery_id)
        if owed is not None:
            self._unload(owed)
        return owed

    def waits(self, target_id: str, delivery_id: str) -> bool:
        """Whether it waits here for its target, and is not under way yet."""
        target = self.targets.get(target_id)
        return target is not None and any(
            owed.id == delivery_id for owed in (*target.urgent, *target.normal, *target.later)
        )

    def known(self) -> set[str]:
        """The ids of all deliveries in memory."""
        targets = self.targets.values()
        waiting = (owed.id for t in targets for owed in (*t.urgent, *t.normal, *t.later))
        return self.under_way.union(waiting)

    def _unload(self, owed: Owed) -> None:
        if owed.event is not None:
            self._payload_bytes -= len(owed.event.data)

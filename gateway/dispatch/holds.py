"""Which targets are to be left alone, and until when: as their answers told this node or another."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gateway.clock import Clock
from gateway.dispatch.target import Target


class Holds:
    """What the database says of holds, brought to the targets in memory."""

    def __init__(
        self, clock: Clock, wake: Callable[[Target], object], resume: Callable[[Target], None]
    ) -> None:
        self._clock = clock
        self._wake = wake
        self._resume = resume
        self._until: dict[str, int] | None = None

    @property
    def known(self) -> bool:
        """Whether the database has been asked yet; nothing is sent before."""
        return self._until is not None

    def see(self, until: dict[str, int], asked: float, targets: Iterable[Target]) -> None:
        """What the database knew at the moment `asked` (monotonic). A hold that it does not have, though this
        node had written it by then, was released by a person."""
        self._until = until
        for target in targets:
            if target.id in until:
                self.apply(target)
            elif target.hold_told < asked and target.held_until > self._clock.now():
                target.held_until = 0
                self._resume(target)

    def apply(self, target: Target) -> None:
        """To a target that comes into memory, or that another node was told to leave alone."""
        until = (self._until or {}).get(target.id, 0)
        if until > target.held_until:
            target.held_until = until
            target.start_slowly()
            self._wake(target)  # when the hold ends

"""A gate that lets a limited number through at once and remembers who waits: for a host, for the untried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Gate(Generic[T]):
    """`enter` either lets the visitor in or notes that it waits; who leaves makes room for the next."""

    limit: int
    inside: int = 0
    waiting: dict[T, None] = field(default_factory=dict)

    def enter(self, visitor: T) -> bool:
        if self.inside < self.limit:
            self.inside += 1
            self.waiting.pop(visitor, None)
            return True
        self.waiting[visitor] = None
        return False

    def leave(self, call: Callable[[T], bool]) -> None:
        """Makes room and calls those who wait, in order, until one says that it comes."""
        self.inside -= 1
        self.call(call)

    def call(self, call: Callable[[T], bool]) -> None:
        """Calls one who waits, if there is room; visitors that have lost interest are forgotten."""
        while self.waiting and self.inside < self.limit:
            visitor = next(iter(self.waiting))
            del self.waiting[visitor]
            if call(visitor):
                return

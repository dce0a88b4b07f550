"""Other nodes' answers, looked for in the database again and again: one look at a time for all who wait for
the same id, and only so many ids of one organization.

Whoever asks reads with the places that the organization has for reading, never with those that calls need.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from gateway.clock import Clock
from gateway.domain.room import Room
from gateway.enrich.flights import Flights
from gateway.errors import Problem

T = TypeVar("T")

MOST_LOOKED_FOR: Final = 64
"""Ids at once on this node; of one organization half of what the others leave."""


class NoRoom(Exception):
    """So many are looked for already that this one is not."""


class Polling(Generic[T]):
    """Whose looks these are, `read` says at each."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._room = Room(MOST_LOOKED_FOR)
        self._looks: Flights[tuple[str, str], T | Problem | NoRoom] = Flights("look for an answer")

    async def next(self, org_id: str, name: str, seconds: float, read: Callable[[], Awaitable[T]]) -> T:
        """What is there at the next look, in `seconds` or when one that others wait for is due. Raises
        NoRoom, and Problem when the database is away."""
        seen = await self._looks.join((org_id, name), lambda: self._look(org_id, seconds, read))
        if isinstance(seen, (Problem, NoRoom)):
            raise seen
        return seen

    async def stop(self) -> None:
        """Breaks off what is under way."""
        await self._looks.stop()

    async def _look(
        self, org_id: str, seconds: float, read: Callable[[], Awaitable[T]]
    ) -> T | Problem | NoRoom:
        with self._room.place(org_id) as there_is_one:
            if not there_is_one:
                return NoRoom()
            await self._clock.sleep(seconds)
            try:
                return await read()
            except Problem as problem:
                return problem

"""Places for questions: one organization never takes the last one; and one question for many who ask."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest

from gateway.domain.room import Room
from gateway.enrich.flights import Flights

pytestmark = pytest.mark.anyio


def take(stack: ExitStack, room: Room, org: str, wanted: int) -> int:
    """How many of the places that it wants an organization gets."""
    return sum(stack.enter_context(room.place(org)) for _ in range(wanted))


def test_one_organization_alone_gets_half_and_leaves_the_rest_to_others() -> None:
    room = Room(100)
    with ExitStack() as stack:
        assert take(stack, room, "greedy", 1_000) == 50
        assert take(stack, room, "second", 1_000) == 25
        assert take(stack, room, "third", 10) == 10
        for n in range(5):
            assert take(stack, room, f"small {n}", 1) == 1
    assert room.inside == 0
    with ExitStack() as stack:
        assert take(stack, room, "greedy", 60) == 50


def test_a_place_is_given_back_also_when_the_work_fails() -> None:
    room = Room(2)
    for _ in range(5):
        with pytest.raises(ZeroDivisionError), room.place("acme") as there_is_one:
            assert there_is_one
            raise ZeroDivisionError
    assert (room.inside, len(room._by_org)) == (0, 0)


async def test_one_piece_of_work_for_all_who_ask_at_the_same_time() -> None:
    flights: Flights[str, int] = Flights("test")
    begun, go = 0, asyncio.Event()

    async def work() -> int:
        nonlocal begun
        begun += 1
        await go.wait()
        return begun

    waiting = [asyncio.ensure_future(flights.join("a", work)) for _ in range(10)]
    other = asyncio.ensure_future(flights.join("b", work))
    await asyncio.sleep(0)
    waiting[0].cancel()
    go.set()
    assert await asyncio.gather(*waiting[1:]) == [2] * 9
    assert (await other, begun, len(flights)) == (2, 2, 0)
    assert await flights.join("a", work) == 3


async def test_what_is_under_way_is_broken_off_at_the_end() -> None:
    flights: Flights[str, None] = Flights("test")
    waiting = asyncio.ensure_future(flights.join("a", lambda: asyncio.sleep(60)))
    await asyncio.sleep(0)
    await flights.stop()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert len(flights) == 0

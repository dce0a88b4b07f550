"""HubSpot's limits are kept from this side, on a clock of the test."""

from __future__ import annotations

import asyncio

import pytest

from connectors.hubspot.pace import Window
from connectors.kit.failures import RateLimited
from tests.connectors.hubspot.double import Clock

pytestmark = pytest.mark.anyio


def window(count: int, period: float) -> tuple[Window, Clock]:
    clock = Clock()
    return Window(count, period, clock.monotonic, clock.sleep), clock


async def test_no_period_sees_more_than_its_count() -> None:
    four, clock = window(4, 1.0)
    turns = []
    for _ in range(41):
        await four.turn(10)
        turns.append(clock.now)
    assert turns[:4] == [0.0] * 4
    assert all(later - earlier >= 1.0 for earlier, later in zip(turns, turns[4:], strict=False))
    assert turns[-1] == 10.0, "and nothing is given away"


async def test_who_would_wait_too_long_is_told_at_once_and_when_to_come_back() -> None:
    two, clock = window(2, 10.0)
    await two.turn(1)
    clock.now = 4.0
    await two.turn(1)
    with pytest.raises(RateLimited) as refused:
        await two.turn(1)
    assert (refused.value.retry_after, clock.now) == (6, 4.0)
    await two.turn(6)
    assert clock.now == 10.0


async def test_the_expected_wait_counts_those_in_line() -> None:
    clock, go = Clock(), asyncio.Event()

    async def until_told(seconds: float) -> None:
        await go.wait()
        clock.now = 1.0

    two = Window(2, 1.0, clock.monotonic, until_told)
    waiting = [asyncio.create_task(two.turn(1.5)) for _ in range(6)]
    await asyncio.wait(waiting[4:])
    assert [task.done() for task in waiting] == [True, True, False, False, True, True]
    go.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [getattr(result, "retry_after", None) for result in results] == [None] * 4 + [2, 2]


async def test_the_line_is_served_in_order() -> None:
    one, clock = window(1, 1.0)
    served: list[int] = []

    async def wait(number: int) -> None:
        await one.turn(10)
        served.append(number)

    await asyncio.gather(*(wait(number) for number in range(5)))
    assert (served, clock.now) == ([0, 1, 2, 3, 4], 4.0)


async def test_who_hangs_up_uses_no_turn() -> None:
    clock = Clock()
    asleep = asyncio.Event()

    async def for_ever(seconds: float) -> None:
        asleep.set()
        await asyncio.Event().wait()

    one = Window(1, 1.0, clock.monotonic, for_ever)
    await one.turn(0)
    waiting = asyncio.create_task(one.turn(5))
    await asleep.wait()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    clock.now = 1.0
    await one.turn(0)


async def test_closed_for_everybody_until_hubspot_may_be_asked_again() -> None:
    many, clock = window(100, 1.0)
    many.close(10)
    many.close(3)
    with pytest.raises(RateLimited) as refused:
        await many.turn(5)
    assert refused.value.retry_after == 10
    clock.now = 6.0
    await many.turn(5)
    assert clock.now == 10.0

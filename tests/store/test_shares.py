"""Places for what people do: few at once, each organization in turn, and nobody's waiting is without end."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from gateway.errors import RateLimited
from gateway.store.shares import Shares

pytestmark = pytest.mark.anyio


class Somebody:
    """Who asks for a place and keeps it until told to go."""

    def __init__(self, shares: Shares, org: str, log: list[str]) -> None:
        self.org = org
        self._end = asyncio.Event()
        self.task = asyncio.create_task(self._be(shares, log))

    async def _be(self, shares: Shares, log: list[str]) -> None:
        async with shares.place(self.org):
            log.append(self.org)
            await self._end.wait()

    async def go(self) -> None:
        self._end.set()
        await asyncio.wait_for(self.task, 5)
        await asyncio.sleep(0)


async def asked(shares: Shares, orgs: str, log: list[str]) -> list[Somebody]:
    found = [Somebody(shares, org, log) for org in orgs]
    await asyncio.sleep(0)
    return found


async def test_one_organization_has_its_share_and_the_others_the_rest() -> None:
    log: list[str] = []
    readings = await asked(Shares(5, share=3, waiting=9), "aaaaabcd", log)
    assert log == ["a", "a", "a", "b", "c"]
    await readings[5].go()
    assert log[5:] == ["d"], "two of the first wait for one of their own"
    await readings[0].go()
    assert log[6:] == ["a"]
    for reading in readings[1:5] + readings[6:]:
        await reading.go()
    assert log == list("aaabcdaa")


async def test_a_place_goes_to_the_next_organization() -> None:
    log: list[str] = []
    readings = await asked(Shares(1, share=1, waiting=9), "aaaabbc", log)
    for _ in readings:
        await next(one for one in readings if one.org == log[-1] and not one.task.done()).go()
    assert log == list("abcabaa")


async def test_so_many_wait_and_the_next_is_refused() -> None:
    log: list[str] = []
    shares = Shares(1, share=1, waiting=2)
    readings = await asked(shares, "aaa", log)
    async with AsyncExitStack() as stack:
        with pytest.raises(RateLimited) as refused:
            await stack.enter_async_context(shares.place("a"))
    assert refused.value.retry_after == 1
    readings += await asked(shares, "b", log)
    for number in (0, 3, 1, 2):
        await readings[number].go()
    assert log == list("abaa")
    await (await asked(shares, "a", log))[0].go()


async def test_who_leaves_while_waiting_leaves_nothing() -> None:
    log: list[str] = []
    shares = Shares(1, share=1, waiting=2)
    first, second = await asked(shares, "ab", log)
    second.task.cancel()
    await asyncio.gather(second.task, return_exceptions=True)
    await first.go()
    # Also when its place comes at the same moment.
    await shares._enter("a")
    third = asyncio.create_task(shares._enter("c"))
    await asyncio.sleep(0)
    shares._leave("a")
    third.cancel()
    assert isinstance((await asyncio.gather(third, return_exceptions=True))[0], asyncio.CancelledError)
    assert (shares._inside, shares._waiting) == ({}, {})
    await (await asked(shares, "d", log))[0].go()
    assert log == ["a", "d"]


async def test_who_leaves_at_the_moment_when_a_place_becomes_free_does_not_get_it() -> None:
    """Its going is known to nobody yet when the place is given away."""
    log: list[str] = []
    shares = Shares(1, share=1, waiting=9)
    first, second, third, fourth = await asked(shares, "abbc", log)
    for one in (first, second, third):
        one.task.cancel()
    gone = await asyncio.gather(first.task, second.task, third.task, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) for one in gone)
    await fourth.go()
    assert log == ["a", "c"]
    assert (shares._inside, shares._waiting) == ({}, {})

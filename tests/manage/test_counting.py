"""How a range is counted: with rests beside events, which have an end."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.domain.job import JobKind, Span
from gateway.manage import ranges
from gateway.manage.ranges import MOST_RESTED_COUNTING, Matching
from gateway.store.store import Store

pytestmark = pytest.mark.anyio

SECONDS_OF_A_SLICE = 0.01


class Clock:
    """Stands still but for what slices take and for the rests between them."""

    def __init__(self) -> None:
        self.time = self.rested = 0.0

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds
        self.rested += seconds


async def counted(monkeypatch: pytest.MonkeyPatch, slices: int, *, busy: bool) -> tuple[int, float]:
    """How many there are in so many slices of a thousand, and how long it rested."""
    clock = Clock()

    async def found(*_: Any) -> AsyncGenerator[int, None]:
        for _ in range(slices):
            clock.time += SECONDS_OF_A_SLICE
            yield 1_000

    monkeypatch.setattr(ranges.ranges, "counts", found)
    to = cast(Any, SimpleNamespace(id="whk_1", org_id="acme"))
    matching = Matching(JobKind.REDELIVER, to, Span(0), cast(Any, None))
    store = cast(Store, SimpleNamespace(clock=clock))
    return await matching.count(store, lambda: busy), clock.rested


async def test_it_rests_beside_events_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await counted(monkeypatch, 10, busy=False) == (10_000, 0)
    total, rested = await counted(monkeypatch, 10, busy=True)
    assert (total, rested) == (10_000, pytest.approx(10 * 10 * SECONDS_OF_A_SLICE))


async def test_others_do_not_wait_for_the_rests_of_a_very_long_range(monkeypatch: pytest.MonkeyPatch) -> None:
    total, rested = await counted(monkeypatch, 10_000, busy=True)
    assert total == 10_000_000
    assert MOST_RESTED_COUNTING <= rested < MOST_RESTED_COUNTING + 1

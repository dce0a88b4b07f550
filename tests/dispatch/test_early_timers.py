"""Timers end a little too early: nothing is sent before its time for that, and nothing is left lying.

Nobody looks around here: what is not woken by its own timer stays where it is.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from gateway.dispatch import lease as lease_module
from gateway.domain.exchange import Exchange
from tests.dispatch.test_schedule import Log, rig
from tests.support.clock import ManualClock

pytestmark = pytest.mark.anyio

ODDITIES = pytest.mark.parametrize(
    "odd",
    [{}, {"early": 0.0003}, {"early": 0.0015}, {"early": 0.00045, "tick": 0.0001}],
    ids=["exact", "early", "earlier", "while code runs"],
)


@pytest.fixture(autouse=True)
def _nobody_looks_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_module, "TRUSTED_SECONDS", 1e9)
    monkeypatch.setattr("gateway.app.LOOK_EVERY_ALONE", 40_000.0)


@dataclass
class Scripted(Log):
    """Answers its first requests as told, all others with 200."""

    script: Sequence[dict[str, Any]] = ()

    async def post(self, url: str, *, headers: Sequence[tuple[str, str]], **_: Any) -> Exchange:
        number = len(self.moments)
        await super().post(url, headers=headers)
        told = self.script[number] if number < len(self.script) else {"status_code": 200}
        return Exchange(self.clock.now(), 0, **told)

    @property
    def moments(self) -> list[int]:
        """When each request came, in ms."""
        return sorted(moment for each in self.at.values() for moment in each)


def receiver(odd: dict[str, float], *script: dict[str, Any]) -> Scripted:
    return Scripted(ManualClock(**odd), random.Random(1), script=script)


async def send(node: Any, count: int) -> None:
    events = [{"type": "t.x", "data": {}, "ordering_key": f"k{number}"} for number in range(count)]
    answer = await node.call("POST", "/api/events/batch", json={"events": events})
    assert answer.status_code == 202, answer.text


@ODDITIES
@pytest.mark.parametrize("ordered", [False, True])
async def test_a_rate_goes_on(sqlite_database: str, odd: dict[str, float], ordered: bool) -> None:
    log = receiver(odd)
    async with rig(sqlite_database, log) as node:
        await node.webhook("http://127.0.0.1:9/", rate_limit_per_second=10, ordered=ordered)
        begun = log.clock.now()
        await send(node, 30)
        await log.clock.advance(4)
    assert len(log.moments) == 30
    assert log.moments[-1] - begun <= 3_100, "slower than ten a second"
    assert all(sum(at <= m < at + 1000 for m in log.moments) <= 16 for at in log.moments)


@ODDITIES
async def test_a_hold_ends(sqlite_database: str, odd: dict[str, float]) -> None:
    held = {"status_code": 429, "response_headers": [("Retry-After", "60")]}
    log = receiver(odd, {"status_code": 200}, held)
    async with rig(sqlite_database, log) as node:
        await node.webhook("http://127.0.0.1:9/")
        await send(node, 1)
        await log.clock.advance(1)
        await send(node, 1)
        await log.clock.advance(1)
        began = log.moments[-1]
        await send(node, 20)
        await log.clock.advance(70)
    assert len(log.moments) == 23
    assert min(log.moments[2:]) >= began + 60_000, "sent while it was held"
    assert max(log.moments) <= began + 61_000


@ODDITIES
async def test_a_breaker_probes(sqlite_database: str, odd: dict[str, float]) -> None:
    silent: dict[str, Any] = {"error": "connect_refused"}
    log = receiver(odd, {"status_code": 200}, *[silent] * 12)
    async with rig(sqlite_database, log) as node:
        await node.webhook("http://127.0.0.1:9/", retry_schedule=[20] + [3600] * 9)
        await send(node, 1)
        await log.clock.advance(1)
        await send(node, 30)
        await log.clock.advance(1)
        quick = len(log.moments)
        await log.clock.advance(70)
    assert quick < 31, "the breaker did not open"
    assert log.moments[quick] - log.moments[quick - 1] >= 19_990, "probed too early"
    assert len(log.moments) > 31, "the others never came"


@ODDITIES
async def test_a_retry_comes_and_not_before_its_time(sqlite_database: str, odd: dict[str, float]) -> None:
    log = receiver(odd, {"status_code": 500}, {"status_code": 500})
    async with rig(sqlite_database, log) as node:
        await node.webhook("http://127.0.0.1:9/", retry_schedule=[10, 10])
        await send(node, 1)
        await log.clock.advance(30)
    [moments] = log.at.values()
    [chances] = log.chances.values()
    assert len(moments) == 3
    for before, after, chance in zip(moments, moments[1:], chances, strict=False):
        assert 0 <= (after - before) / 1000 - 10 * (0.8 + 0.4 * chance) + 0.001 <= 0.1

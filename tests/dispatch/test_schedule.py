"""Proof C3 on a virtual clock: every attempt at its time, jitter uniform, exhausted after exactly ten."""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.app import open_gateway
from gateway.config import Settings
from gateway.dispatch import lease as lease_module
from gateway.domain import outcome as outcome_module
from gateway.domain.exchange import Exchange
from gateway.domain.retry import DEFAULT_SCHEDULE, wait_before_next
from gateway.store import deliveries as delivery_rows
from gateway.store.tables import deliveries
from tests.support.clock import ManualClock, until
from tests.support.node import MASTER_KEY, Node

pytestmark = pytest.mark.anyio

LONGEST = round(sum(DEFAULT_SCHEDULE) * 1.2) + 60


@pytest.fixture
def quick_database() -> Iterator[str]:
    """In memory where the system has a place for that: thousands of commits, none about durability."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as directory:
        yield f"sqlite:///{directory}/gateway.db"


@dataclass
class Log:
    """A receiver that always answers 500, in no time; it and the jitter's chance write down what happened."""

    clock: ManualClock
    rng: random.Random
    at: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    chances: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    current: str = ""
    end: list[tuple[Any, ...]] = field(default_factory=list)

    async def post(self, url: str, *, headers: Sequence[tuple[str, str]], **_: Any) -> Exchange:
        self.current = dict(headers)["X-HUM-Delivery"]
        self.at[self.current].append(self.clock.now())
        return Exchange(self.clock.now(), 0, status_code=500)

    def chance(self) -> float:  # asked for in the same turn of the loop in which `post` answered
        value = self.rng.random()
        self.chances[self.current].append(value)
        return value

    async def close(self) -> None:
        pass


@asynccontextmanager
async def rig(url: str, log: Log) -> AsyncIterator[Node]:
    """A gateway's dispatcher, claims and committer on the virtual clock; nothing else that would tick."""
    environ = {
        "HUM_GATEWAY_DATABASE_URL": url,
        "HUM_GATEWAY_MASTER_KEY": MASTER_KEY,
        "HUM_GATEWAY_ALLOW_NETWORKS": "127.0.0.0/8",
    }
    gateway = await open_gateway(Settings.load(environ), log.clock)
    attempts: Any = gateway.dispatcher._attempts
    attempts.client, attempts.chance = log, log.chance
    committer = gateway.records
    log.clock.busy = lambda: (
        gateway.dispatcher.in_flight > 0 or not committer._idle.is_set() or log.clock.sleepers == 0
    )
    await gateway.lease.take()
    committer.start()
    work = asyncio.create_task(gateway.claims.run())
    try:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=gateway.app), base_url="http://gateway.test"
        ) as http:
            node = Node(gateway, http, "")
            node.key = await node.new_key(None, scopes=["all"])
            yield node
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await committer.close()
        await gateway.store.close()


async def run(url: str, count: int, monkeypatch: pytest.MonkeyPatch, *, hints: bool = True) -> Log:
    """`count` deliveries over the whole schedule; the database's state at the end is checked here."""
    # Nobody renews here, nobody else looks: what is not told must not be found by luck.
    monkeypatch.setattr(lease_module, "TRUSTED_SECONDS", 1e9)
    monkeypatch.setattr("gateway.app.LOOK_EVERY_ALONE", 40_000.0)
    clock = ManualClock()
    log = Log(clock, random.Random(20261120))
    async with rig(url, log) as node:
        if not hints:
            node.gateway.dispatcher.due_hint = lambda at: None
        for number in range(4):
            await node.webhook(f"http://127.0.0.1:9/{number}", [f"t{number}.x"])
        for first in range(0, count, 20):
            events = [{"type": f"t{n % 4}.x", "data": {}} for n in range(first, first + 20)]
            answer = await node.call("POST", "/api/events/batch", json={"events": events})
            assert answer.status_code == 202, answer.text
            await clock.advance(7)
        await clock.advance(LONGEST)
        async with node.gateway.store.reading() as conn:
            column = deliveries.c
            query = select(column.status, column.reason, func.count()).group_by(column.status, column.reason)
            log.end = [tuple(row) for row in await conn.execute(query)]
    return log


def lateness(log: Log, schedule: Sequence[int] = DEFAULT_SCHEDULE) -> list[float]:
    """Seconds by which each retry came after its time: the end of the one before, plus the jittered wait."""
    late = []
    for delivery, moments in log.at.items():
        for step, (before, after) in enumerate(pairwise(moments)):
            wait = schedule[step] * (0.8 + 0.4 * log.chances[delivery][step])
            late.append((after - before) / 1000 - wait)
    return late


def spread(log: Log) -> list[float]:
    """Where in its ±20 % each wait lay, 0 to 1, as seen from outside."""
    return [
        ((after - before) / 1000 / DEFAULT_SCHEDULE[step] - 0.8) / 0.4
        for moments in log.at.values()
        for step, (before, after) in enumerate(pairwise(moments))
    ]


def kolmogorov_smirnov(values: Sequence[float]) -> float:
    """The largest distance between the values' distribution and the uniform one, times the root of n."""
    ordered, n = sorted(values), len(values)
    distance = max(max((i + 1) / n - value, value - i / n) for i, value in enumerate(ordered))
    return float(distance * n**0.5)


def p99(values: Sequence[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]


def faults(log: Log, count: int) -> list[str]:
    """What contradicts the claim."""
    late, found = lateness(log), []
    if {len(moments) for moments in log.at.values()} != {10} or len(log.at) != count:
        found.append("attempts")
    if p99(late) > 1.0 or min(late) < -0.002:
        found.append("late")
    if kolmogorov_smirnov(spread(log)) > 1.63:  # 1 % by chance; the seed is fixed
        found.append("jitter")
    return found


@pytest.mark.proof
async def test_the_schedule_is_kept_over_75_hours(
    quick_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 100
    log = await run(quick_database, count, monkeypatch)
    late = lateness(log)
    hours = max(m[-1] - m[0] for m in log.at.values()) / 3_600_000
    print(
        f"C3 {count} deliveries, {sum(map(len, log.at.values()))} attempts over {hours:.0f} virtual hours:"
        f" late p99 {p99(late):.3f} s, max {max(late):.3f} s; jitter KS {kolmogorov_smirnov(spread(log)):.2f}"
        " (< 1.63)"
    )
    assert faults(log, count) == []
    assert log.end == [("failed", "exhausted", count)]


def without_jitter(schedule: Sequence[int], steps_used: int, chance: float) -> float | None:
    return float(schedule[steps_used]) if steps_used < len(schedule) else None


def off_by_one(schedule: Sequence[int], steps_used: int, chance: float) -> float | None:
    return wait_before_next(schedule, steps_used + 1, chance)


def lopsided(schedule: Sequence[int], steps_used: int, chance: float) -> float | None:
    return wait_before_next(schedule, steps_used, chance**2)


@pytest.mark.proof
@pytest.mark.parametrize(
    ("broken", "hints", "caught"),
    [
        (without_jitter, True, "jitter"),
        (lopsided, True, "jitter"),
        (off_by_one, True, "attempts"),
        (wait_before_next, False, "late"),
    ],
    ids=["no jitter", "lopsided jitter", "schedule off by one", "nobody tells when the next is due"],
)
async def test_control_a_broken_schedule_is_caught(
    broken: Callable[[Sequence[int], int, float], float | None],
    hints: bool,
    caught: str,
    quick_database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outcome_module, "wait_before_next", broken)
    log = await run(quick_database, 20, monkeypatch, hints=hints)
    assert caught in faults(log, 20)


async def test_a_retry_put_down_while_the_next_time_is_read_is_not_forgotten(
    quick_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claims read when the next retry is due, see none, and then another's failure is written."""
    monkeypatch.setattr(lease_module, "TRUSTED_SECONDS", 1e9)
    monkeypatch.setattr("gateway.app.LOOK_EVERY_ALONE", 40_000.0)
    log = Log(ManualClock(), random.Random(1))
    read = delivery_rows.next_due
    async with rig(quick_database, log) as node:

        async def read_too_early(conn: AsyncConnection) -> int | None:
            value = await read(conn)
            if len(log.at) == 1:
                await node.send()
                await until(lambda: node.gateway.dispatcher.kept == 0, "both are written down")
            return value

        await node.webhook("http://127.0.0.1:9/", ["*"], retry_schedule=[10, 1000])
        await node.send()
        await log.clock.advance(1)
        monkeypatch.setattr(delivery_rows, "next_due", read_too_early)
        await log.clock.advance(50)
    moments = list(log.at.values())
    assert [len(each) for each in moments] == [2, 2]
    assert moments[1][1] - moments[1][0] <= 12_000

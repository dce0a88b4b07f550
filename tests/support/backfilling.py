"""A backfill of the address book from a provider of telephone data, through deaths of the gateway that works
on it, and what became of it: real processes, and the provider's double, which counts.

    death = await filled_through_a_death("sqlite", directory, "lookup.before_keep:14", count=24)
    death.check()
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from gateway.demo.twilio import TwilioDouble
from gateway.manage.backfill_work import PART
from tests.support.under_load import Stage, open_stage


@dataclass
class Filled:
    """`twice`: what the provider was asked for more than once; `missing`: numbers it was never asked for.
    `deaths`: how many there were."""

    count: int
    job: dict[str, Any]
    deaths: int
    twice: set[tuple[str, str]] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)

    def check(self) -> None:
        assert not self.twice, f"{len(self.twice)} were asked for twice"
        job = self.job
        assert (job["status"], job["matched"]) == ("done", self.count), job
        # What was known when a node died, though its part was not over, is not counted by the next one.
        assert 0 <= self.count - job["done"] - job["failed"] <= self.deaths * PART, job
        # What was claimed at a death may have been asked for and cost something: it is not asked for again.
        assert len(self.missing) <= job["failed"] <= self.deaths * PART, job

    def __str__(self) -> str:
        return (
            f"{self.count} numbers through {self.deaths} deaths, {self.job['done']} done when it was over,"
            f" {self.job['failed']} whose answer nobody heard, asked for twice {len(self.twice)}"
        )


async def filled_through_a_death(
    kind: str, directory: Path, kill_at: str, *, count: int, taken_over_as: str | None = None
) -> Filled:
    """The gateway dies at the named place, and another takes over, when lease and claims are over: that is
    at once."""
    async with _stage(kind, directory) as (stage, twilio):
        await stage.start(kill_at=kill_at)
        numbers = await _write(stage, count)
        job = await _order(stage)
        await stage.died()
        await stage.end_leases()
        await _end_claims(stage)
        await stage.start(broken_as=taken_over_as)
        return _judge(twilio, numbers, await _over(stage, job, 60), 1)


async def filled_through_many_deaths(kind: str, directory: Path, *, count: int, deaths: int) -> Filled:
    """SIGKILL at moments chosen by chance; on PostgreSQL a second node is there all the while. Leases and
    claims take their time."""
    chance = random.Random(f"20261130 {kind}")
    async with _stage(kind, directory) as (stage, twilio):
        await stage.start()
        numbers = await _write(stage, count)
        job = await _order(stage)
        beside = None
        if kind == "postgresql":
            first = stage.process
            await stage.start()
            beside, stage.process = stage.process, first
        try:
            for number in range(deaths):
                await asyncio.sleep(chance.uniform(0.5, 2.5))
                if beside is not None and number % 2:
                    beside, stage.process = stage.process, beside
                await stage.crash()
                await stage.start()
            return _judge(twilio, numbers, await _over(stage, job, 300), deaths)
        finally:
            if beside is not None:
                await asyncio.to_thread(beside.kill)


@asynccontextmanager
async def _stage(kind: str, directory: Path) -> AsyncIterator[tuple[Stage, TwilioDouble]]:
    with TwilioDouble() as twilio:
        async with open_stage(kind, directory, rate=None, count=0) as stage:
            stage.settings |= {name.lower(): value for name, value in twilio.settings.items()}
            yield stage, twilio


async def _write(stage: Stage, count: int) -> set[str]:
    """Writes so many people into the address book."""
    numbers = {f"+1317555{number:04}" for number in range(count)}
    await _ask(stage, "POST", "/api/events", json={"type": "load.tick", "data": {}})  # makes the organization
    for number in sorted(numbers):
        await _ask(stage, "PATCH", f"/api/contacts/{number}", json={"name": "Ada Example"})
    return numbers


async def _order(stage: Stage) -> str:
    order = {"source": "twilio"}
    shown = await _ask(stage, "POST", "/api/contacts/backfill", json={**order, "dry_run": True})
    order["confirm_cost"] = shown["cost"]["amount"]
    return str((await _ask(stage, "POST", "/api/contacts/backfill", json=order))["id"])


async def _over(stage: Stage, job_id: str, seconds: float) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while (job := await _ask(stage, "GET", f"/api/jobs/{job_id}"))["status"] == "running":
        assert time.monotonic() < deadline, job
        await asyncio.sleep(0.1)
    return job


def _judge(twilio: TwilioDouble, numbers: set[str], job: dict[str, Any], deaths: int) -> Filled:
    charged = twilio.charged()
    return Filled(
        len(numbers), job, deaths,
        twice={key for key, times in charged.items() if times > 1},
        missing=numbers - {phone for phone, _ in charged},
    )  # fmt: skip


async def _end_claims(stage: Stage) -> None:
    """What a dead node was asking for is free after half a minute: here it is now."""
    change = "UPDATE number_lookups SET claimed_until = 0"
    if stage.kind == "sqlite":
        with sqlite3.connect(Path(stage.url.removeprefix("sqlite:///"))) as db:
            db.execute(change)
        db.close()
        return
    conn = await asyncpg.connect(stage.url)
    try:
        await conn.execute(change)
    finally:
        await conn.close()


async def _ask(stage: Stage, method: str, path: str, **kw: Any) -> dict[str, Any]:
    answer = await stage.call(method, path, **kw)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found

"""Several jobs side by side: at most so many, and never one of them twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from sqlalchemy import select

from gateway.domain.backfill import KIND
from gateway.manage.jobs import Jobs, Part
from gateway.store import jobs as rows
from gateway.store.aside import Aside
from gateway.store.tables import jobs
from gateway.store.transaction import Transaction
from tests.support.clock import until
from tests.support.node import Node, running_node

pytestmark = pytest.mark.anyio

PARTS = 3
AT_ONCE = 4


class Counting:
    """A kind of job that counts what is worked on, and how much of it at once. No part ends before `enough`
    have been at work together."""

    def __init__(self, enough: int) -> None:
        self.enough = enough
        self.together = asyncio.Event()
        self.begun: Counter[str] = Counter()
        self.at_work: Counter[str] = Counter()
        self.most = 0
        self.twice = 0

    async def open(self, job: Any) -> _Work:
        return _Work(self, job.id)

    async def undo(self, job: Any) -> None: ...


class _Work:
    def __init__(self, kind: Counting, job_id: str) -> None:
        self.kind, self.job_id = kind, job_id

    async def count(self) -> int:
        return PARTS

    async def parts(self, cursor: str | None) -> AsyncGenerator[Part, None]:
        kind, job_id = self.kind, self.job_id
        for number in range(int(cursor or 0), PARTS):
            kind.begun[job_id] += 1
            kind.at_work[job_id] += 1
            kind.most = max(kind.most, kind.at_work.total())
            kind.twice += kind.at_work[job_id] > 1
            if kind.at_work.total() >= kind.enough:
                kind.together.set()
            try:
                await kind.together.wait()
            finally:
                kind.at_work[job_id] -= 1
            yield Part(str(number + 1), (), 1)

    async def write(self, tx: Transaction, part: Part) -> None: ...

    def written(self, part: Part) -> None: ...


class Careless(Jobs):
    """The control: each of its workers takes what is this node's, whoever has it in hand."""

    async def _turn(self, ending: bool) -> bool:
        job = await self._take(ending)
        if job is not None:
            await self._work(job)
        return job is not None


async def worked(node: Node, loop: type[Jobs], count: int, enough: int) -> Counting:
    gateway, kind = node.gateway, Counting(enough)
    await gateway.backfill_jobs.stop()  # these are worked on here
    await gateway.directory.ensure("acme")
    async with gateway.store.transaction() as tx:
        for number in range(count):
            await rows.add(
                tx, id=f"job_{loop.__name__.lower()}{number}", org_id="acme", kind=KIND, object_id=None,
                matched=PARTS, params=b"", actor="test", created_at=gateway.clock.now() + number,
            )  # fmt: skip
    several = loop(
        gateway.store, gateway.clock, gateway._lease_for_work, {KIND: kind},
        Aside(gateway.store, None, lambda: False), look_every=0.05, at_once=AT_ONCE,
    )  # fmt: skip
    running = asyncio.create_task(several.run())

    async def left() -> int:
        async with gateway.store.reading() as conn:
            found = await conn.execute(select(jobs.c.id).where(jobs.c.status == "running"))
            return len(found.all())

    try:
        async with asyncio.timeout(30):
            while await left():
                await asyncio.sleep(0.05)
        await until(lambda: not kind.at_work.total(), "nobody is at work")
    finally:
        await several.stop()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return kind


async def test_several_jobs_go_side_by_side_and_each_of_them_once(any_database: str) -> None:
    async with running_node(any_database) as node:
        kind = await worked(node, Jobs, 7, AT_ONCE)
        assert set(kind.begun.values()) == {PARTS} and len(kind.begun) == 7
        assert (kind.most, kind.twice) == (AT_ONCE, 0)
        async with node.gateway.store.reading() as conn:
            ended = [(row.status, row.done) for row in await conn.execute(select(jobs))]
        assert ended == [("done", PARTS)] * 7


async def test_workers_that_do_not_look_do_the_same_twice(sqlite_database: str) -> None:
    """The control."""
    async with running_node(sqlite_database) as node:
        kind = await worked(node, Careless, 1, 2)
        assert kind.twice > 0 and kind.begun.total() > PARTS

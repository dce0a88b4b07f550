"""A redelivery of a range through the death of the gateway that works on it, and what became of it.

    outcome = await through_a_death("sqlite", directory, "job.before_commit:8", count=2000)
    outcome.check()

Everything that was delivered is made to have failed, by plain SQL while no gateway runs. Then a gateway gets
the order, dies at the named place, and another one finishes the job.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from tests.support.oracle import Verdict, _read
from tests.support.under_load import Stage, open_stage

_FAIL = (
    "UPDATE deliveries SET status = 'failed', reason = 'exhausted', queue = NULL, due_at = NULL,"
    " completed_at = created_at WHERE status IN ('delivered', 'pending')"
)
_OF_JOBS = "SELECT id, event_id, status FROM deliveries WHERE job_id IS NOT NULL"


@dataclass
class Outcome:
    """`promised`: what the dry run said. `missing`: events that got no new delivery, or whose new delivery
    never arrived. `doubled`: events that got more than one. `again`: deliveries that arrived again although
    they were not in flight at the death."""

    promised: int
    job: dict[str, Any]
    events: int
    done_at_death: int
    missing: set[str] = field(default_factory=set)
    doubled: set[str] = field(default_factory=set)
    again: set[str] = field(default_factory=set)
    in_flight: int = 0

    def check(self) -> None:
        assert self.promised == self.events
        standing = (self.job["status"], self.job["matched"], self.job["done"], self.job["failed"])
        assert standing == ("done", self.events, self.events, 0), self.job
        assert not self.missing, f"{len(self.missing)} were lost"
        assert not self.doubled, f"{len(self.doubled)} were doubled"
        assert not self.again, f"{len(self.again)} arrived again"

    def verdict(self) -> Verdict:
        """As the other proofs of deaths have it."""
        return Verdict(acknowledged=self.events, received=self.events, in_flight_at_crashes=self.in_flight)

    def __str__(self) -> str:
        return (
            f"{self.events} failed, the dry run said {self.promised}, {self.done_at_death} done at the "
            f"death, lost {len(self.missing)}, doubled {len(self.doubled)}, arrived again {len(self.again)}"
        )


async def fail_everything(url: str) -> None:
    """Every delivery has failed. No gateway may run."""
    if url.startswith("sqlite"):
        with sqlite3.connect(Path(url.removeprefix("sqlite:///"))) as db:
            db.execute(_FAIL)
        db.close()
        return
    conn = await asyncpg.connect(url)
    try:
        await conn.execute(_FAIL)
    finally:
        await conn.close()


async def through_a_death(
    kind: str,
    directory: Path,
    kill_at: str,
    *,
    count: int,
    broken_as: str | None = None,
    patience: float = 20,
) -> Outcome:
    async with open_stage(kind, directory, rate=None, count=0) as stage:
        events = await _delivered(stage, count)
        await stage.stop()
        await fail_everything(stage.url)
        await stage.start(kill_at=kill_at, broken_as=broken_as)
        hook = await _webhook(stage)
        promised = await _ask(stage, "POST", f"/api/webhooks/{hook}/redeliver", json={"dry_run": True})
        job = await _order(stage, hook)
        await stage.died()
        done_at_death = (await _rows(stage, "SELECT done FROM jobs"))[0][0]
        await stage.end_leases()
        await stage.start()
        found = await _over(stage, job)
        outcome = Outcome(promised["matched"], found, count, done_at_death)
        await _settle(stage, count, patience)
        await stage.stop()
        await _judge(stage, events, outcome)
        return outcome


async def _delivered(stage: Stage, count: int) -> set[str]:
    """The ids of so many events that the one webhook has got."""
    await stage.start()
    await stage.add_webhooks(1)
    events: set[str] = set()
    for first in range(0, count, 1000):
        batch = [{"type": "load.tick", "data": {"n": n}} for n in range(first, min(first + 1000, count))]
        answer = await _ask(stage, "POST", "/api/events/batch", json={"events": batch})
        events |= {event["id"] for event in answer["data"]}
    await stage.sink.wait_until(lambda: len(stage.sink.accepted) >= count, timeout=30)
    return events


async def _order(stage: Stage, hook: str) -> str:
    """The id of the job; the gateway may die of it before it can answer."""
    try:
        return str((await _ask(stage, "POST", f"/api/webhooks/{hook}/redeliver"))["id"])
    except httpx.TransportError:
        return str((await _rows(stage, "SELECT id FROM jobs"))[0][0])


async def _over(stage: Stage, job_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while True:
        job = await _ask(stage, "GET", f"/api/jobs/{job_id}")
        if job["status"] != "running":
            return job
        assert time.monotonic() < deadline, job
        await asyncio.sleep(0.05)


async def _settle(stage: Stage, count: int, patience: float) -> None:
    """Waits for all that is to come; what does not, the judgement names."""
    with contextlib.suppress(TimeoutError):
        await stage.sink.wait_until(lambda: len(stage.sink.accepted) >= 2 * count, timeout=patience)


async def _judge(stage: Stage, events: set[str], outcome: Outcome) -> None:
    rows = await _rows(stage, _OF_JOBS)
    made = Counter(event_id for _, event_id, _ in rows)
    arrived = {event_id for id_, event_id, _ in rows if id_ in stage.sink.accepted}
    in_flight = stage.deaths[-1].in_flight
    outcome.missing = events - arrived
    outcome.doubled = {event_id for event_id, times in made.items() if times > 1}
    outcome.again = {id_ for id_, got in stage.sink.accepted.items() if len(got) > 1} - in_flight
    outcome.in_flight = len(in_flight)


async def _webhook(stage: Stage) -> str:
    return str((await _ask(stage, "GET", "/api/webhooks"))["data"][0]["id"])


async def _ask(stage: Stage, method: str, path: str, **kw: Any) -> dict[str, Any]:
    answer = await stage.call(method, path, **kw)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def _rows(stage: Stage, query: str) -> list[Any]:
    return [tuple(row) for row in (await _read(stage.url, [query]))[query]]

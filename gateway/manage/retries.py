"""The work of trying at once what waits for its next attempt: for a receiver that is well again.

It changes when deliveries are tried, and nothing else: what is brought forward goes the way of every retry
that is due, with its fair turn and its limits, behind a hold or an open breaker as well. An attempt that
fails counts, and the schedule goes on from there.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy.engine import Row

from gateway.domain.addressee import Addressee
from gateway.manage.jobs import REST, Part, Work
from gateway.manage.ranges import disabled, refuse_unless_it_takes
from gateway.store import retries
from gateway.store.directory import Directory
from gateway.store.retries import Place
from gateway.store.store import Store
from gateway.store.transaction import Transaction

PART: Final = 100  # rows of one transaction
SLICE_BESIDE_TRAFFIC: Final = 200
APART_BESIDE_TRAFFIC_MS: Final = 140  # so that a part falls due until the next one comes


def refuse_unless_it_is_sent_to(found: Addressee | None, target_id: str) -> Addressee:
    """The webhook or connector, if retries go out to it. Raises Conflict for one that is disabled, whoever
    did it, or deleted: what is brought forward would only wait elsewhere."""
    to = refuse_unless_it_takes(found, target_id)
    if not to.enabled:
        raise disabled(target_id)
    return to


async def count(store: Store, target_id: str, traffic: Callable[[], bool] = lambda: False) -> int:
    """How many deliveries wait for their time now. While events come in (`traffic`), it rests in between."""
    total = 0
    async for rows, _ in retries.waiting(store, target_id, None, rest=_resting(traffic)):
        total += len(rows)
    return total


def _resting(traffic: Callable[[], bool]) -> Callable[[float], float]:
    return lambda took: took * REST if traffic() else 0.0


@dataclass(frozen=True, slots=True)
class RetryWork:
    """The work of one such job. `due(at)` is told that something is due at a time (ms)."""

    store: Store
    job: Row[object]
    due: Callable[[int], None]
    traffic: Callable[[], bool]

    async def count(self) -> int:
        return await count(self.store, self.job.object_id, self.traffic)

    async def parts(self, cursor: str | None) -> AsyncGenerator[Part, None]:
        after = None if cursor is None else Place.parse(cursor)
        slice_ = SLICE_BESIDE_TRAFFIC if self.traffic() else retries.SLICE
        job = self.job
        found = retries.waiting(
            self.store, job.object_id, after, ordered_at=job.created_at, ceiling=job.position, slice_=slice_,
            rest=_resting(self.traffic),
        )  # fmt: skip
        async for rows, end in found:
            for first in range(0, len(rows), PART):
                some = rows[first : first + PART]
                last = some[-1]
                place = end if first + PART >= len(rows) else Place(end.priority, last.due_at, last.id)
                yield Part(str(place), some, len(some))

    async def write(self, tx: Transaction, part: Part) -> None:
        apart = APART_BESIDE_TRAFFIC_MS if self.traffic() else 0
        await retries.bring_forward(tx.conn, part.items, self.store.clock.now(), apart=apart)

    def written(self, part: Part) -> None:
        self.due(self.store.clock.now())


@dataclass(frozen=True, slots=True)
class RetryJobs:
    """The kind of job."""

    store: Store
    directory: Directory
    due: Callable[[int], None]
    traffic: Callable[[], bool]

    async def open(self, job: Row[object]) -> Work:
        org = await self.directory.living(job.org_id)
        refuse_unless_it_is_sent_to(org.addressee(job.object_id), job.object_id)
        return RetryWork(self.store, job, self.due, self.traffic)

    async def undo(self, job: Row[object]) -> None:
        """Nothing is taken back: what is due is due."""

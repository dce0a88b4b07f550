"""Works on jobs: one node at a time on each, in many short transactions.

Each transaction does a part of the work and moves the job on by exactly that part. A process that dies leaves
nothing half done and nothing twice: whoever takes the job over goes on where it stands.
Between two parts it rests for three times as long as the part took, so that the database is mostly there for
others; while events come in, for more than a second: hardly one of them in a hundred meets a part.
Several jobs take turns; a loop may work on some of them side by side.

What the parts of a kind are, is that kind's business (`Kind`, `Work`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sqlalchemy.engine import Row

from gateway.checkpoints import reached
from gateway.clock import Clock
from gateway.domain.job import JobStatus
from gateway.errors import Overloaded, Problem
from gateway.store import jobs
from gateway.store.aside import Aside
from gateway.store.store import Store
from gateway.store.transaction import Transaction

log = logging.getLogger("gateway.jobs")

REST: Final = 3.0  # how much longer than the work
SHORTEST_REST: Final = 0.002
REST_BESIDE_TRAFFIC_SECONDS: Final = 1.4
TURN_SECONDS: Final = 2.0  # then it is another job's turn
PAUSE_AFTER_TROUBLE_SECONDS: Final = 1.0
STOP_PATIENCE_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Part:
    """What one transaction does: `done` of it will succeed and `failed` cannot; afterwards the job stands at
    `cursor`."""

    cursor: str
    items: Sequence[Any]
    done: int
    failed: int = 0


class Work(Protocol):
    """One job of some kind."""

    async def count(self) -> int:
        """How much there is to do; asked before the first part."""

    def parts(self, cursor: str | None) -> AsyncGenerator[Part, None]:
        """The parts that follow `cursor`, in order."""

    async def write(self, tx: Transaction, part: Part) -> None:
        """Does a part. A Problem ends the job as failed, with the problem's code."""

    def written(self, part: Part) -> None:
        """The part is committed."""


class Kind(Protocol):
    """What is known of a kind of job."""

    async def open(self, job: Row[Any]) -> Work:
        """The work of a job. A Problem says that it cannot be done any more, and ends it as failed."""

    async def undo(self, job: Row[Any]) -> None:
        """The job was cancelled: takes back what has not had its effect yet. May be done again."""


class NotOurs(Exception):
    """Another node has the job, or it is to end."""


class _Fault(Exception):
    """The job had to be given up: a mistake of ours, which is in the log."""


class Jobs:
    """A loop of a node, for the kinds of jobs that it knows: those that wait for somebody outside have one of
    their own, so that nobody else waits with them. `lease()` is the node's lease, None while it may take
    nothing up; `at_once` is how many jobs it works on side by side; `traffic()` says whether there are
    events that a part could hold up."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        lease: Callable[[], str | None],
        kinds: Mapping[str, Kind],
        aside: Aside,
        *,
        look_every: float,
        but: Sequence[str] = (),
        at_once: int = 1,
        traffic: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store = store
        self._clock = clock
        self._lease = lease
        self._kinds = kinds
        self._aside = aside
        self._look_every = look_every
        self._traffic = traffic
        # One loop takes all that no other does: also what this version does not know, to end it.
        self._but = but
        self._only = () if but else tuple(kinds)
        self._woken, self._woken_to_end = asyncio.Event(), asyncio.Event()
        self._stopping = False
        self._at_once = at_once
        self._under_way: set[str] = set()
        self._taking = asyncio.Lock()
        self._busy = 0
        self._looked_after = False
        self._idle = asyncio.Event()
        self._idle.set()

    def wake(self) -> None:
        """There is something to do, or to end."""
        self._woken.set()
        self._woken_to_end.set()

    async def stop(self) -> None:
        """Begins nothing more, and waits for the transactions that are open."""
        self._stopping = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), STOP_PATIENCE_SECONDS)

    async def run(self) -> None:
        """Until cancelled."""
        workers = [self._run() for _ in range(self._at_once)]
        if self._at_once > 1:  # they may all have to wait for somebody: who ends a job does not wait for them
            workers.append(self._run(ending=True))
        await asyncio.gather(*workers)

    async def _run(self, *, ending: bool = False) -> None:
        """One job after the other, with `ending` only those that are to end. After trouble of any kind comes
        a pause: nothing is tried in a circle."""
        while not self._stopping:
            self._busy += 1
            self._idle.clear()
            try:
                worked = await self._turn(ending)
            except _Fault:
                worked = None
            except Overloaded as problem:
                log.warning("put off: %s", problem.message)
                worked = None
            except Exception:
                log.exception("jobs failed")
                worked = None
            finally:
                self._busy -= 1
                if not self._busy:
                    self._idle.set()
            if worked is None:
                await self._clock.sleep(PAUSE_AFTER_TROUBLE_SECONDS)
            elif not worked:
                await self._wait(ending)

    async def _turn(self, ending: bool) -> bool:
        """One job's turn; False when there is none."""
        async with self._taking:  # or two would take the same, for it is this node's already
            job = await self._take(ending)
            if job is None:
                return False
            self._under_way.add(job.id)
        self._look_too()
        try:
            await self._work(job)
        finally:
            self._under_way.discard(job.id)
        return True

    def _look_too(self) -> None:
        """Who took a job does not look for the next: another must."""
        if self._at_once > 1:
            self._woken.set()

    async def _wait(self, ending: bool) -> None:
        """Until there is something to do, or it is time to look; of several that wait one looks by time."""
        if ending:
            await self._woken_or(self._woken_to_end, self._look_every)
        elif self._looked_after:
            await self._woken_or(self._woken, None)
        else:
            self._looked_after = True
            try:
                await self._woken_or(self._woken, self._look_every)
            finally:
                self._looked_after = False

    async def _woken_or(self, woken: asyncio.Event, seconds: float | None) -> None:
        waiting: list[asyncio.Future[Any]] = [asyncio.ensure_future(woken.wait())]
        if seconds is not None:
            waiting.append(asyncio.ensure_future(self._clock.sleep(seconds)))
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()
        woken.clear()

    async def _take(self, ending: bool) -> Row[Any] | None:
        lease = self._lease()
        if lease is None or self._stopping or (ending and len(self._under_way) < self._at_once):
            return None
        only, but, beside = self._only, self._but, tuple(self._under_way)
        async with self._store.looking_up() as conn:
            if not await jobs.any_running(conn, only=only, but=but, beside=beside, ending=ending):
                return None
        async with self._store.transaction() as tx:
            now = self._clock.now()
            return await jobs.take(tx.conn, lease, now, only=only, but=but, beside=beside, ending=ending)

    async def _work(self, job: Row[Any]) -> None:
        """Works on the job for its turn. Whatever goes wrong ends it, except that the database is away."""
        try:
            kind = self._kinds[job.kind]
            if job.cancel_requested:
                await kind.undo(job)
                await self._finish(job, JobStatus.CANCELLED)
            elif await self._go_on(job, await kind.open(job)):
                await self._finish(job, JobStatus.DONE)
        except NotOurs:
            return
        except Overloaded:
            raise
        except Problem as problem:
            log.warning("job given up: %s", problem.message, extra={"job": job.id, "error": problem.code})
            await self._finish(job, JobStatus.FAILED, problem.code)
        except Exception as fault:
            log.exception("job given up", extra={"job": job.id})
            await self._finish(job, JobStatus.FAILED, "internal_error")
            raise _Fault from fault

    async def _go_on(self, job: Row[Any], work: Work) -> bool:
        """Counts, then does part after part; False when its turn was over before its work was."""
        turn_ends = self._clock.monotonic() + TURN_SECONDS
        if job.matched is None:
            matched = await work.count()
            async with self._store.transaction() as tx:
                if not await jobs.set_matched(tx.conn, job, matched, self._clock.now()):
                    raise NotOurs
        cursor: str | None = job.cursor
        async with contextlib.aclosing(work.parts(cursor)) as parts:
            async for part in parts:
                await self._write(job, work, part, cursor)
                cursor = part.cursor
                if self._clock.monotonic() >= turn_ends:
                    return False
        return True

    async def _write(self, job: Row[Any], work: Work, part: Part, cursor: str | None) -> None:
        if self._lease() != job.lease or self._stopping:
            raise NotOurs
        begun = self._clock.monotonic()

        async def write(tx: Transaction) -> None:
            await self._move(tx, job, part, cursor)
            await work.write(tx, part)
            reached("job.before_commit")

        await self._aside(write)
        reached("job.after_commit")
        work.written(part)
        await self._clock.sleep(rest_after(self._clock.monotonic() - begun, self._traffic()))

    async def _move(self, tx: Transaction, job: Row[Any], part: Part, cursor: str | None) -> None:
        moved = await jobs.advance(
            tx.conn, job, cursor, to=part.cursor, done=part.done, failed=part.failed, now=self._clock.now()
        )
        if not moved:
            raise NotOurs

    async def _finish(self, job: Row[Any], status: JobStatus, error: str | None = None) -> None:
        async with self._store.transaction() as tx:
            await jobs.finish(tx.conn, job, status.value, self._clock.now(), error)


def rest_after(took: float, busy: bool) -> float:
    """How long a job rests after a part that took so long, in seconds."""
    return max(took * REST, REST_BESIDE_TRAFFIC_SECONDS if busy else SHORTEST_REST)

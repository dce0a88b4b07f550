"""What the database has for this node: deliveries that fall due, that a dead node left, that did not fit.

Direct hand-over never comes through here. The loop sleeps until the first retry falls due, until memory has
room for a target that waits in the database, or until it is time to look at what other nodes may have left.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from sqlalchemy.engine import Row

from gateway.checkpoints import reached
from gateway.clock import Clock
from gateway.dispatch.dispatcher import LOW_WATER, Dispatcher
from gateway.dispatch.lanes import Lanes, owed
from gateway.dispatch.lease import NodeLease
from gateway.dispatch.target import Target
from gateway.domain.delivery import DUE_QUEUE, LATER, home_queue, is_leased, target_of_later
from gateway.domain.ordering import behind, target_of
from gateway.domain.owed import Owed
from gateway.errors import Overloaded
from gateway.metrics import Metrics
from gateway.store import deliveries, lanes, leases
from gateway.store.aside import Aside
from gateway.store.directory import Directory
from gateway.store.store import Store
from gateway.store.transaction import Transaction

log = logging.getLogger("gateway.claims")

BATCH: Final = 500
REFILL: Final = 500
PAUSE_WITHOUT_LEASE: Final = 0.2

Claimed = tuple[Row[Any], str]
"""A row, and the lease under which it was taken."""

Prepare = Callable[[Sequence[Owed]], Awaitable[None]]


class Claims:
    """The loop. `look_every` (seconds) is how often it looks for what it was not told of."""

    def __init__(
        self,
        store: Store,
        directory: Directory,
        dispatcher: Dispatcher,
        lease: NodeLease,
        aside: Aside,
        clock: Clock,
        metrics: Metrics,
        *,
        look_every: float,
    ) -> None:
        self._store = store
        self._directory = directory
        self._dispatcher = dispatcher
        self._lease = lease
        self._aside = aside
        self._clock = clock
        self._metrics = metrics
        self._look_every = look_every
        self._next_look = 0.0
        self._next_due: int | None = 0
        self._left_behind: set[str] = set()
        self._missing: set[str] = set()
        self._woken = asyncio.Event()
        self.see_later: Callable[[set[str]], None] = lambda target_ids: None
        self._lanes = Lanes(store, dispatcher, lease, clock)
        dispatcher.due_hint = self.due
        dispatcher.wake_claims = self._woken.set
        dispatcher.look_again = self._look_again

    def due(self, at: int) -> None:
        """A delivery was put down for `at` (ms)."""
        if self._next_due is None or at < self._next_due:
            self._next_due = at
            self._woken.set()

    def _look_again(self) -> None:
        """Something has changed in the database that concerns the targets."""
        self._next_look = 0.0
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if self._dispatcher.stopping or not self._lease.holds():
                await self._clock.sleep(PAUSE_WITHOUT_LEASE)  # nothing may be taken up
                continue
            try:
                await self._look_around()
                await self._claim_due()
                await self._refill()
            except Overloaded as problem:
                log.warning("not claiming: %s", problem.message)
                await self._after_trouble(0.5)
            except Exception:
                log.exception("claiming failed")
                await self._after_trouble(1)
            self._dispatcher.pump()
            await self._wait()

    async def _after_trouble(self, seconds: float) -> None:
        """Then looks anew: what was known of the next due time may be gone, and what was claimed unknown."""
        self._dispatcher.in_doubt = True
        await self._clock.sleep(seconds)
        self._next_look = 0.0

    async def _wait(self) -> None:
        seconds = self._next_look - self._clock.monotonic()
        if self._next_due is not None:
            seconds = min(seconds, (self._next_due - self._clock.now()) / 1000)
        if seconds > 0 and not self._woken.is_set():
            sleep = asyncio.ensure_future(self._clock.sleep(seconds))
            woken = asyncio.ensure_future(self._woken.wait())
            try:
                await asyncio.wait((sleep, woken), return_when=asyncio.FIRST_COMPLETED)
            finally:
                sleep.cancel()
                woken.cancel()
        else:
            await asyncio.sleep(0)
        self._woken.clear()

    async def _look_around(self) -> None:
        """Which queues hold something: dead nodes' leases, targets with a backlog, holds of other nodes."""
        if self._clock.monotonic() < self._next_look:
            return
        asked = self._clock.monotonic()
        self._next_look = asked + self._look_every
        now = self._clock.now()
        async with self._store.looking_up() as conn:
            queues = set(await deliveries.waiting_queues(conn))
            live = await leases.live(conn, now)
            ended = await leases.ended(conn, now)
            held = await lanes.held(conn, now)
            next_due = await deliveries.next_due(conn) if DUE_QUEUE in queues else None
        if next_due is not None:
            self.due(next_due)
        self._left_behind = {queue for queue in queues if is_leased(queue)} - live - {self._lease.id}
        empty = ended - queues
        if empty:
            async with self._store.transaction() as tx:
                await leases.forget(tx.conn, empty, now)
        self._dispatcher.see_holds(held, asked)
        later = {queue: target_of_later(queue) for queue in queues}
        self.see_later({target_id for target_id in later.values() if target_id is not None})
        waiting = {q for q in queues if q != DUE_QUEUE and not is_leased(q) and later[q] is None}
        await self._note_backlogs(waiting)
        await self._lanes.look(waiting)
        if self._dispatcher.in_doubt:
            await self._find_forgotten()

    async def _find_forgotten(self) -> None:
        """Takes what is leased to this node without being in its memory: the answer to a commit was lost.

        Only what is missing at two looks: at one, a commit may be on its way into memory.
        """
        lease = self._lease.id
        async with self._store.looking_up() as conn:
            leased = await deliveries.leased(conn, lease)
        known = self._dispatcher.known()
        missing = {row.id for row in leased if row.id not in known}
        await self._place([(row, lease) for row in leased if row.id in missing & self._missing])
        self._missing = missing - self._missing
        self._dispatcher.in_doubt = bool(self._missing)

    async def _note_backlogs(self, queues: set[str]) -> None:
        for target_id in {target_of(queue) for queue in queues} - self._dispatcher.targets.keys():
            async with self._store.looking_up() as conn:
                org_id = await deliveries.organization_of_queue(conn, target_id)
            view = await self._directory.organization(org_id) if org_id else None
            addressee = view.addressee(target_id) if view else None
            if addressee is not None:
                self._dispatcher.target(addressee)
            elif org_id is not None:
                # Its target was deleted while this was being accepted.
                async with self._store.transaction() as tx:
                    await deliveries.cancel_pending(tx.conn, target_id, self._clock.now())
        for target_id in queues & self._dispatcher.targets.keys():
            target = self._dispatcher.targets[target_id]
            target.backlog = target.backlog or 1
        backlogs = sum(1 for target in self._dispatcher.targets.values() if target.backlog)
        self._metrics.backlog_targets.set(backlogs)

    async def _claim_due(self) -> None:
        for queue in sorted(self._left_behind):
            taken = await self._claim(queue, BATCH)
            self._metrics.duplicates_possible.labels("rescue").inc(len(taken))
            await self._place(taken)
            if len(taken) < BATCH:
                self._left_behind.discard(queue)
            else:
                self._woken.set()
        now = self._clock.now()
        if self._next_due is None or now < self._next_due:
            return
        taken = await self._claim(DUE_QUEUE, BATCH)
        await self._place(taken)
        if len(taken) == BATCH:
            return
        # Forgotten before it is read anew: what is put down during the reading must not be overwritten.
        self._next_due = None
        async with self._store.looking_up() as conn:
            next_due = await deliveries.next_due(conn)
        if next_due is not None:
            self.due(next_due)

    async def _refill(self) -> None:
        """Brings targets' backlogs in, a small number at a time each, so that none crowds out another."""
        now, monotonic = self._clock.now(), self._clock.monotonic()
        served_alone: list[Target] = []
        for target in list(self._dispatcher.targets.values()):
            if target.lane is not None:
                served_alone.append(target)
                continue
            if not target.backlog or target.waiting >= LOW_WATER or target.blocked(now, monotonic):
                continue
            # Behind an open breaker one delivery is the probe; the others stay where they are.
            limit = 1 if target.breaker.open else min(REFILL, self._dispatcher.room(target))
            if limit == 0:
                continue
            marks = target.backlog
            if await self.bring_in(target, target.id, limit) < limit and target.backlog == marks:
                target.backlog = 0
            self._dispatcher.pump()
        if served_alone:
            await self._lanes.serve(served_alone)

    async def bring_in(self, target: Target, queue: str, limit: int, prepare: Prepare | None = None) -> int:
        """Moves up to `limit` deliveries of the target from a queue of its own into memory; `prepare` has a
        look at them all before."""
        taken = [owed(row, lease) for row, lease in await self._claim(queue, limit)]
        if prepare is not None:
            await prepare(taken)
        for one in taken:
            self._dispatcher.take(target, one)
        return len(taken)

    async def _claim(self, queue: str, limit: int) -> Sequence[Claimed]:
        if self._dispatcher.stopping or not self._lease.holds():
            return []
        lease = self._lease.id  # another one may be taken meanwhile

        async def claim(tx: Transaction) -> Sequence[Row[Any]]:
            taken = await deliveries.claim(tx.conn, queue, lease, now=self._clock.now(), limit=limit)
            reached("claim.before_commit")
            return taken

        if target_of_later(queue) is not None:  # of jobs: nobody waits for them
            taken = await self._aside(claim)
        else:
            async with self._store.transaction() as tx:
                taken = await claim(tx)
        reached("claim.after_commit")
        return [(row, lease) for row in taken]

    async def _place(self, taken: Sequence[Claimed]) -> None:
        """Into memory, or into the target's own queue when it can take nothing at the moment."""
        put_off: list[tuple[str, str, str]] = []
        targets = [await self._target_of(row) for row, _ in taken]
        must_wait = await self._lanes.must_wait([row for row, _ in taken])
        now, monotonic = self._clock.now(), self._clock.monotonic()
        for (row, lease), target in zip(taken, targets, strict=True):
            home = home_queue(row.target_id, row.priority)
            if target is None:
                put_off.append((home, row.id, lease))
            elif row.id in must_wait:
                put_off.append((behind(target.id), row.id, lease))
            elif self._has_room(target, row) and not target.blocked(now, monotonic):
                self._dispatcher.take(target, owed(row, lease))
            else:
                target.backlog += home == target.id
                put_off.append((home, row.id, lease))
        if put_off:
            async with self._store.transaction() as tx:
                await deliveries.move(tx.conn, put_off)
            aside = {target_of_later(home) for home, _, _ in put_off}
            self.see_later({target_id for target_id in aside if target_id is not None})

    def _has_room(self, target: Target, row: Row[Any]) -> bool:
        """What jobs made goes last, and slowly beside events: what is too much of it `later` brings in."""
        if row.priority == LATER and not target.room_for_later:
            return False
        return self._dispatcher.has_room(target)

    async def _target_of(self, row: Row[Any]) -> Target | None:
        target = self._dispatcher.targets.get(row.target_id)
        if target is not None:
            return target
        view = await self._directory.organization(row.org_id)
        addressee = view.addressee(row.target_id) if view else None
        return self._dispatcher.target(addressee) if addressee else None

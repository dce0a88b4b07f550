"""Targets that one node serves alone: becoming their owner, and bringing in what they are owed, in its order.

The owner is whoever's lease stands in the lane's row; other nodes leave what they accept for such a target in
its queue. Of an ordered target only the first of each key comes into memory. Those behind it wait in a queue
of their own; when the first is over, its key is `freed` and the next is brought forward. That happens in the
memory of one node, so what may have been missed (a crash, a cancellation elsewhere) is looked for besides,
key by key. All of it runs in the loop of `claims`, one step after the other.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock
from gateway.dispatch.dispatcher import LOW_WATER, Dispatcher
from gateway.dispatch.lane import Lane
from gateway.dispatch.lease import NodeLease
from gateway.dispatch.target import Target
from gateway.domain.ordering import behind, is_behind, key_of, parted, target_of
from gateway.domain.owed import Owed
from gateway.store import deliveries, lanes, order
from gateway.store.store import Store

BATCH: Final = 500
PROBES: Final = 50  # looked at to find one that may probe whether the target answers again
KEYS_AT_A_LOOK: Final = 2_000
UNSETTLED_SECONDS: Final = 0.05
MOVED_AT_ONCE: Final = 5_000


class Lanes:
    """What `claims` does for targets with a lane."""

    def __init__(self, store: Store, dispatcher: Dispatcher, lease: NodeLease, clock: Clock) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._lease = lease
        self._clock = clock
        self._owned: set[str] = set()

    async def look(self, queues: Collection[str]) -> None:
        """At every look at the database, which has something in these queues."""
        await self._give_up()
        lines = {target_of(queue) for queue in queues if is_behind(queue)}
        keys = KEYS_AT_A_LOOK
        for target in tuple(self._dispatcher.targets.values()):
            lane = target.lane
            if lane is None or not lane.ordered:
                if target.id in lines:
                    await self._end_order(target)
            else:
                lane.behind = target.id in lines
                keys -= await self._look_through(target, keys)
            if lane is not None and not lane.owned:
                lane.elsewhere = lane.aside = False
                target.backlog = target.backlog if target.id in queues else 0

    async def serve(self, targets: Sequence[Target]) -> None:
        """Becomes the owner of those that nobody serves, and brings in what its own are owed."""
        await self._take(targets)
        for target in targets:
            if target.owned and not self._blocked(target):
                await self._bring_in(target)
                await self._bring_forward(target)

    async def must_wait(self, rows: Sequence[Row[Any]]) -> set[str]:
        """Which of these, claimed after a retry or from a dead node, are not the first of their key."""
        lined_up = [row for row in rows if key_of(row) is not None and self._keeps_order_of(row.target_id)]
        if not lined_up:
            return set()
        async with self._store.looking_up() as conn:
            first = await order.first_of(conn, {(row.target_id, row.ordering_key) for row in lined_up})
        waiting = [row for row in lined_up if first.get((row.target_id, row.ordering_key), row.id) != row.id]
        for row in waiting:
            lane = self._lane(row.target_id)
            if lane is not None:
                lane.behind = True
        return {row.id for row in waiting}

    # Owners.

    async def _take(self, targets: Sequence[Target]) -> None:
        sought = [target for target in targets if target.sought and _has_work(target)]
        if not sought or not self._lease.holds():
            return
        lease = self._lease.id
        async with self._store.transaction() as tx:
            wanted = {target.id: target.org_id for target in sought}
            taken = await lanes.take(tx.conn, wanted, lease, self._clock.now())
        for target in sought:
            if target.lane is None or self._lease.id != lease:
                continue
            if target.id in taken:
                target.lane.own(self._clock.monotonic())
                target.backlog = target.backlog or 1
                self._owned.add(target.id)
            else:
                target.lane.elsewhere = True

    async def _give_up(self) -> None:
        """What was switched off leaves the target to every node."""
        known = self._dispatcher.targets
        over = {id_ for id_ in self._owned if id_ not in known or not known[id_].owned}
        if over:
            async with self._store.transaction() as tx:
                await lanes.give_up(tx.conn, over, self._lease.id)
        self._owned -= over

    # What they are owed.

    async def _bring_in(self, target: Target) -> None:
        """What waits in the target's queue, oldest first; of an ordered one the first of each key."""
        if not target.backlog or target.waiting >= LOW_WATER:
            return
        limit, most = self._how_many(target)
        if most == 0:
            return
        marks, lease = target.backlog, self._lease.id
        async with self._store.transaction() as tx:
            ordered = self._keeps_order_of(target.id)
            below = await self._store.positions.horizon(tx.conn) if ordered else None
            taken = await deliveries.claim_own(
                tx.conn, target.id, target.id, lease, now=self._clock.now(), limit=limit, below=below
            )
            may_go = await self._line_up(tx.conn, target, taken, lease, most)
            unsettled = below is not None and len(taken) < limit
            unsettled = unsettled and await deliveries.anything_in(tx.conn, target.id)
        self._into_memory(target, may_go, lease)
        if unsettled:
            self._dispatcher.resume_later(UNSETTLED_SECONDS, target)
        elif len(taken) < limit and target.backlog == marks:
            target.backlog = 0
        elif target.waiting < LOW_WATER:
            self._dispatcher.wake_claims()  # most of them stood behind others

    def _how_many(self, target: Target) -> tuple[int, int]:
        """How many to look at, and how many of them to keep. Behind an open breaker one is the probe."""
        if not target.breaker.open:
            room = min(BATCH, self._dispatcher.room(target))
            return room, room
        return (PROBES if self._keeps_order_of(target.id) else 1), min(1, self._dispatcher.room(target))

    async def _line_up(
        self, conn: AsyncConnection, target: Target, taken: Sequence[Row[Any]], lease: str, most: int
    ) -> Sequence[Row[Any]]:
        """Sends those behind others of their key into the queue behind, and what is too much back."""
        lane = target.lane
        if lane is None or not lane.ordered or not taken:
            return taken
        lines = {(target.id, key) for row in taken if (key := key_of(row)) is not None}
        first = {key: id_ for (_, key), id_ in (await order.first_of(conn, lines)).items()}
        may_go, must_wait = parted(taken, first)
        moves = [(behind(target.id), row.id, lease) for row in must_wait]
        moves += [(target.id, row.id, lease) for row in may_go[most:]]
        await deliveries.move(conn, moves)
        lane.behind = lane.behind or bool(must_wait)
        return may_go[:most]

    async def _bring_forward(self, target: Target) -> None:
        """The next of the keys of which one is over."""
        lane = target.lane
        if lane is None:  # switched off a moment ago
            return
        if not lane.behind:
            lane.freed.clear()
        if lane.freed and not target.breaker.open:
            keys = list(lane.freed)[: min(BATCH, self._dispatcher.room(target))]
            for key in keys:
                del lane.freed[key]
            await self._forward(target, keys)

    async def _look_through(self, target: Target, most: int) -> int:
        """Looks for keys whose next nobody has brought forward, some at a time; how many it has looked at."""
        lane = target.lane
        most = min(most, self._dispatcher.room(target))
        if lane is None or not (lane.owned and lane.behind and most > 0):
            return 0
        if self._blocked(target) or target.breaker.open:
            return 0
        async with self._store.looking_up() as conn:
            keys = await order.keys_after(conn, target.id, lane.after, most)
        lane.after = keys[-1] if len(keys) == most else ""
        await self._forward(target, keys)
        return len(keys)

    async def _forward(self, target: Target, keys: Sequence[str]) -> None:
        if not keys or not self._lease.holds():
            return
        lease = self._lease.id
        async with self._store.transaction() as tx:
            taken = await order.bring_forward(tx.conn, target.id, keys, lease)
        self._into_memory(target, taken, lease)

    async def _end_order(self, target: Target) -> None:
        """The target is not ordered any more: what waited behind others waits for the target alone."""
        async with self._store.transaction() as tx:
            await deliveries.claim(
                tx.conn, behind(target.id), target.id, now=self._clock.now(), limit=MOVED_AT_ONCE
            )
        target.backlog = target.backlog or 1

    def _into_memory(self, target: Target, rows: Sequence[Row[Any]], lease: str) -> None:
        for row in rows:
            self._dispatcher.take(target, owed(row, lease))
        self._dispatcher.pump()

    def _keeps_order_of(self, target_id: str) -> bool:
        lane = self._lane(target_id)
        return lane is not None and lane.owned and lane.ordered

    def _lane(self, target_id: str) -> Lane | None:
        """None where there is none any more: while the database was asked, the target may have been deleted,
        or its order switched off."""
        target = self._dispatcher.targets.get(target_id)
        return None if target is None else target.lane

    def _blocked(self, target: Target) -> bool:
        return target.blocked(self._clock.now(), self._clock.monotonic())


def _has_work(target: Target) -> bool:
    """Whether the database has something for it, in any of its queues."""
    lane = target.lane
    return target.backlog > 0 or (lane is not None and (lane.behind or lane.aside))


def owed(row: Row[Any], lease: str) -> Owed:
    """A claimed row as the dispatcher holds it."""
    return Owed(
        id=row.id,
        org_id=row.org_id,
        target_id=row.target_id,
        event=None,
        queue=lease,
        attempts_made=row.attempts_made,
        steps_used=row.steps_used,
        expires_at=row.expires_at,
        priority=row.priority,
        created_at=row.created_at,
        event_id=row.event_id,
        event_type=row.event_type,
        redelivery_of=row.redelivery_of,
        ordering_key=row.ordering_key,
    )

"""Brings in what jobs have put aside: slowly, oldest first, and never before what is owed anyway.

A redelivery of a range makes more deliveries at once than a receiver, or this node, can take beside its daily
traffic. They wait in the database, in a queue of their own for each target, and come into memory a few at a
time: none while the target has other deliveries waiting in the database, few while events are being accepted,
more when nothing else is going on. In memory they go last (`target`), and one by one beside events (`spare`).
Which targets have something put aside is learnt from whoever made it on this node, and from `claims` when it
looks around.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from gateway.clock import Clock
from gateway.dispatch.claims import Claims
from gateway.dispatch.dispatcher import Dispatcher
from gateway.dispatch.payloads import Payloads
from gateway.dispatch.target import Target
from gateway.domain.delivery import later_queue
from gateway.errors import Overloaded
from gateway.store import deliveries
from gateway.store.directory import Directory
from gateway.store.store import Store

log = logging.getLogger("gateway.later")

TURN_SECONDS: Final = 0.1
ALONE: Final = 400  # brought in at one turn when no events come
# And while they do: so few that nobody notices who waits for it.
TURN_SECONDS_BESIDE_TRAFFIC: Final = 1.4
BESIDE_TRAFFIC: Final = 20
PAUSE_AFTER_TROUBLE_SECONDS: Final = 1.0


class Later:
    """The loop. It sleeps until something is put aside."""

    def __init__(
        self,
        store: Store,
        directory: Directory,
        dispatcher: Dispatcher,
        claims: Claims,
        payloads: Payloads,
        clock: Clock,
    ) -> None:
        self._store = store
        self._payloads = payloads
        self._directory = directory
        self._dispatcher = dispatcher
        self._claims = claims
        self._clock = clock
        self._aside: dict[str, int] = {}  # target → how often it was said that something waits for it
        self._woken = asyncio.Event()
        claims.see_later = self.see

    def see(self, target_ids: set[str]) -> None:
        """Something waits for these targets."""
        for target_id in target_ids:
            self._aside[target_id] = self._aside.get(target_id, 0) + 1
        if target_ids:
            self._woken.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if not self._aside:
                self._woken.clear()
                await self._woken.wait()
                if self._dispatcher.spare.busy:  # not right behind the transaction of whoever says so
                    await self._clock.sleep(TURN_SECONDS_BESIDE_TRAFFIC / 2)
            try:
                await self._turn()
            except Overloaded as problem:
                log.warning("put off: %s", problem.message)
                await self._after_trouble()
            except Exception:
                log.exception("not brought in")
                await self._after_trouble()
            busy = self._dispatcher.spare.busy
            await self._clock.sleep(TURN_SECONDS_BESIDE_TRAFFIC if busy else TURN_SECONDS)

    async def _after_trouble(self) -> None:
        self._dispatcher.in_doubt = True  # what was claimed is unknown
        await self._clock.sleep(PAUSE_AFTER_TROUBLE_SECONDS)

    async def _turn(self) -> None:
        """A share for each target, in turn; who had the first begins last the next time."""
        left = self._share()
        for target_id in list(self._aside):
            if left <= 0:
                break
            marks = self._aside.pop(target_id)
            target = self._dispatcher.targets.get(target_id) or await self._find(target_id)
            if target is None or self._is_anothers(target):
                continue
            room = self._room(target, left)
            queue, read = later_queue(target_id), self._payloads.read_for
            taken = await self._claims.bring_in(target, queue, room, read) if room else 0
            left -= taken
            if taken == room > 0 or not room or target_id in self._aside:
                self._aside[target_id] = self._aside.get(target_id, 0) + marks
        self._dispatcher.pump()

    def _is_anothers(self, target: Target) -> bool:
        """Whether another node serves it, which finds what is put aside by itself. One that nobody serves
        must be taken first, and this may be all that it is owed."""
        lane = target.lane
        if lane is None or lane.owned:
            return False
        if lane.sought and not lane.aside:
            lane.aside = True
            self._dispatcher.wake_claims()
        return lane.elsewhere

    def _share(self) -> int:
        """How many may come in at this turn, for all targets together."""
        return BESIDE_TRAFFIC if self._dispatcher.spare.busy else ALONE

    def _room(self, target: Target, left: int) -> int:
        """How many of this target; none while it gets nothing, or others wait for it in the database."""
        if target.backlog or target.blocked(self._clock.now(), self._clock.monotonic()):
            return 0
        if target.breaker.open:
            return 1 - min(1, target.kept)  # the probe
        return min(left, target.room_for_later, self._dispatcher.room(target))

    async def _find(self, target_id: str) -> Target | None:
        """A target of which this node has not heard yet; of one that was deleted, nothing is left to send."""
        queue = later_queue(target_id)
        async with self._store.looking_up() as conn:
            org_id = await deliveries.organization_of_queue(conn, queue)
        view = await self._directory.organization(org_id) if org_id else None
        addressee = view.addressee(target_id) if view else None
        if addressee is not None:
            return self._dispatcher.target(addressee)
        if org_id is not None:
            async with self._store.transaction() as tx:
                await deliveries.cancel_pending(tx.conn, target_id, self._clock.now())
        return None

"""What is to be sent, in memory: who is next, how many at once, and what does not fit.

Memory is a short cut. Every delivery in it is a row leased to this node; losing it loses nothing. It is
bounded: what does not fit stays in the database, in its target's queue, and `claims` brings it in later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from math import inf
from typing import Any, Final
from urllib.parse import urlsplit

from gateway.clock import Clock
from gateway.dispatch.alarms import Alarms
from gateway.dispatch.attempt import Attempts
from gateway.dispatch.breaker import LONGEST_PAUSE_SECONDS
from gateway.dispatch.fairness import Turns
from gateway.dispatch.holds import Holds
from gateway.dispatch.lane import followed
from gateway.dispatch.lease import NodeLease
from gateway.dispatch.places import SLOW_AFTER, Place, Places
from gateway.dispatch.spare import Spare
from gateway.dispatch.stock import Stock
from gateway.dispatch.target import Target
from gateway.domain.addressee import Addressee
from gateway.domain.delivery import DUE_QUEUE
from gateway.domain.owed import Owed
from gateway.errors import Overloaded
from gateway.metrics import Metrics
from gateway.store.directory import Directory

log = logging.getLogger("gateway.dispatch")

MOST_UNRECORDED: Final = 5_000  # then nothing more is sent until the database has caught up
LOW_WATER: Final = 250  # with fewer waiting in memory, more is brought in from the database
PAUSE_AFTER_TROUBLE_SECONDS: Final = 1.0
LONGEST_PAUSE_AFTER_TROUBLE_SECONDS: Final = 300.0


class Dispatcher:
    """The node's queue and its senders. `wake_claims` is called when the database may have work for it;
    `in_doubt` says that rows may be leased to this node of which it does not know."""

    def __init__(
        self,
        attempts: Attempts,
        lease: NodeLease,
        directory: Directory,
        clock: Clock,
        metrics: Metrics,
        default_schedule: tuple[int, ...],
    ) -> None:
        self._attempts = attempts
        self._lease = lease
        self._directory = directory
        self._clock = clock
        self._metrics = metrics
        self._default_schedule = default_schedule
        self._stock = Stock()
        self.targets = self._stock.targets
        self._turns = Turns()
        self._places = Places(self._wake)
        self._tasks: set[asyncio.Task[None]] = set()
        self.in_flight = 0
        self.stopping = False
        self.in_doubt = False
        self._waits_for_records = False
        self._pump_is_due = False
        self._alarms = Alarms(clock, self._resume, self._spawn)
        self._holds = Holds(clock, self._wake, self._resume)
        self.spare = Spare(clock, self._resume, self._spawn)
        self.see_events = self.spare.see_event  # jobs give way, also to those that are owed to nobody
        self.due_hint: Callable[[int], None] = lambda due_at: None
        self.wake_claims: Callable[[], None] = lambda: None
        self.look_again: Callable[[], None] = lambda: None
        # Asked for when somebody looks, not told at every change.
        metrics.queue_depth.set_function(lambda: self.kept - self.in_flight)
        metrics.in_flight.set_function(lambda: self.in_flight)
        directory.on_change(self._organization_changed)

    @property
    def kept(self) -> int:
        """How many deliveries have a place in memory."""
        return self._stock.kept

    # What ingest asks (ingest.plan.Handover).

    def reserve(self, addressee: Addressee) -> str:
        """This node's lease, with a place kept in memory; or the queue in which the delivery is to wait."""
        target = self.target(addressee)
        if not addressee.enabled or target.backlog:
            return target.id
        if addressee.one_voice and not (target.owned and not addressee.ordered):
            return target.id  # its order comes from the database, its pace from the node that serves it
        if self.stopping or not self._lease.holds():
            return DUE_QUEUE
        if self._blocked(target) or not self.has_room(target):
            return target.id
        self._stock.keep(target)
        return self._lease.id

    def release(self, queue: str, target_id: str) -> None:
        self.in_doubt = True  # it may have been committed all the same
        if queue not in (DUE_QUEUE, target_id):
            self._stock.let_go(self.targets[target_id])

    def offer(self, owed: Owed) -> None:
        """Takes a committed delivery for which a place is kept, or notes where else it waits."""
        self.spare.see_event()
        target = self.targets.get(owed.target_id)
        if target is None:  # deleted a moment ago
            self.in_doubt = True
            return
        if owed.queue == self._lease.id and not self.stopping:
            self._enqueue(target, owed)
        elif owed.queue == DUE_QUEUE:
            self.due_hint(self._clock.now())
        elif owed.queue == target.id:
            target.backlog += 1
            if target.waiting < LOW_WATER and (target.sought or not self._blocked(target)):
                self.wake_claims()
        else:
            self._stock.let_go(target)  # the lease changed meanwhile: it is claimed from the old one

    # What claims asks.

    def target(self, addressee: Addressee) -> Target:
        """The memory of a target, made when it is first needed."""
        target = self.targets.get(addressee.id)
        if target is None:
            target = self.targets[addressee.id] = Target(addressee.id, addressee.org_id)
            self._apply(target, addressee)
            self._holds.apply(target)
        return target

    def room(self, target: Target) -> int:
        """How many more it may keep."""
        return self._stock.room(target)

    def has_room(self, target: Target) -> bool:
        return self.room(target) > 0

    def take(self, target: Target, owed: Owed) -> None:
        """Puts a claimed delivery into memory."""
        self._stock.keep(target)
        self._enqueue(target, owed)

    def known(self) -> set[str]:
        """The ids of all deliveries in memory."""
        return self._stock.known()

    def pump(self) -> None:
        """Starts what may start; also who was called to a place and did not come."""
        self._places.call_everybody()
        self._pump()

    def see_holds(self, holds: dict[str, int], asked: float) -> None:
        self._holds.see(holds, asked, tuple(self.targets.values()))

    # Sending.

    def _enqueue(self, target: Target, owed: Owed) -> None:
        self._stock.push(target, owed)
        self._turns.enlist(target)
        self._pump_soon()

    def _wake(self, target: Target) -> bool:
        """Gives the target its turn if there is something it could send; says whether there is."""
        now, monotonic = self._clock.now(), self._clock.monotonic()
        ready = target.ready(now, monotonic)
        if ready:
            self._turns.enlist(target)
        else:
            self._pause(target, now, monotonic)
        return ready

    def _pause(self, target: Target, now: int, monotonic: float) -> None:
        """When time alone was in its way at this moment, it is looked at again when that is over. It must be
        the moment at which it was found not ready: at a later one nothing may be in its way any more."""
        seconds = target.shut_for(now, monotonic)
        if seconds > 0:
            self.resume_later(seconds, target)

    def _pump_soon(self) -> None:
        """Once for all that happens in this turn of the loop."""
        if not self._pump_is_due:
            self._pump_is_due = True
            asyncio.get_running_loop().call_soon(self._pump)

    def _pump(self) -> None:
        """Starts whatever may start. Bounded by the places in flight; each start is one task."""
        self._pump_is_due = False
        if self.stopping or not self._holds.known or not self._lease.holds():
            return
        now, monotonic = self._clock.now(), self._clock.monotonic()
        self._waits_for_records = self._attempts.commits.waiting > MOST_UNRECORDED
        if self._waits_for_records:
            return
        while not self._places.full and (target := self._turns.next()) is not None:
            ready = target.ready(now, monotonic) and self.spare.lets_start(target, monotonic)
            if ready and (place := self._places.enter(target, monotonic)):
                if target.lane is not None:
                    target.lane.start(monotonic)
                self._start(target, place)
                if target.ready(now, monotonic):
                    self._turns.enlist(target)
            if not target.enlisted and not target.idle:
                self._pause(target, now, monotonic)

    async def part_the_slow(self) -> None:
        """Until cancelled: those that have been on the wire for long make room for others."""
        while True:
            await self._clock.sleep(SLOW_AFTER / 4)
            self._places.part_the_slow(self._clock.monotonic())
            self._pump_soon()

    def _start(self, target: Target, place: Place) -> None:
        owed = self._stock.pop(target)
        target.in_flight += 1
        self.in_flight += 1
        self._spawn(self._run(target, owed, place))

    def _spawn(self, work: Coroutine[Any, Any, None], name: str | None = None) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(self, target: Target, owed: Owed, place: Place) -> None:
        def place_is_free() -> None:
            target.in_flight -= 1
            self.in_flight -= 1
            self._places.leave(place)
            now, monotonic = self._clock.now(), self._clock.monotonic()
            if target.blocked(now, monotonic):
                self._send_home(target)
                self._pause(target, now, monotonic)
            elif not target.idle:
                self._turns.enlist(target)
            self._pump_soon()

        if owed.queue != self._lease.id:  # of a lease that was lost: the delivery is claimed anew
            place_is_free()
            self._over(target, owed)
            return
        try:
            outcome = await self._attempts.make(owed, target, place_is_free)
        except Exception:
            log.exception("attempt broken off", extra={"delivery": owed.id})
            # It may have been sent: what fails again and again must not reach the receiver every second.
            pause = PAUSE_AFTER_TROUBLE_SECONDS * 2**owed.troubles
            owed.troubles += 1
            await self._clock.sleep(min(pause, LONGEST_PAUSE_AFTER_TROUBLE_SECONDS))
            self._stock.under_way.discard(owed.id)
            self._enqueue(target, owed)
            return
        if target.hold_told == inf:
            target.hold_told = self._clock.monotonic()  # written, or somebody else's to write
        self._over(target, owed)
        if outcome is not None and outcome.due_at is not None:
            self.due_hint(outcome.due_at)
        if self._waits_for_records:
            self._pump_soon()
        if target.backlog and target.waiting < LOW_WATER:
            self.wake_claims()

    def _blocked(self, target: Target) -> bool:
        return target.blocked(self._clock.now(), self._clock.monotonic())

    def resume_later(self, seconds: float, target: Target) -> None:
        """The target is looked at again in so many seconds, though nobody else touches it."""
        self._alarms.set(target, seconds)

    def _resume(self, target: Target) -> None:
        self._wake(target)
        if target.backlog or target.lane is not None:
            self.wake_claims()
        self._pump_soon()

    def _over(self, target: Target, owed: Owed) -> None:
        self._stock.under_way.discard(owed.id)
        self._stock.let_go(target)
        if target.lane is not None and target.lane.over(owed.ordering_key):
            self.wake_claims()

    # Changes from outside.

    def _apply(self, target: Target, addressee: Addressee) -> bool:
        """True when what waits in memory was taken up under rules that do not hold any more."""
        first_wait = (addressee.retry_schedule or self._default_schedule)[0]
        target.membership = self._places.join(urlsplit(addressee.url).netloc, target.org_id)
        if addressee.enabled and not target.enabled:
            target.start_slowly()
        target.enabled = addressee.enabled
        target.proven = target.proven or addressee.first_success_at is not None
        target.failing = addressee.failing_since is not None
        target.breaker.pause = min(float(first_wait), LONGEST_PAUSE_SECONDS)
        target.lane, stricter = followed(target.lane, addressee, self._clock.monotonic())
        return stricter

    def _organization_changed(self, org_id: str) -> None:
        affected = [target for target in self.targets.values() if target.org_id == org_id]
        if affected and not self.stopping:
            self._spawn(self._see_changes(org_id, affected), f"see {org_id}")

    async def _see_changes(self, org_id: str, affected: list[Target]) -> None:
        while True:
            try:
                view = await self._directory.organization(org_id)
                break
            except Overloaded:  # a change that is never seen would leave a target disabled for ever
                await self._clock.sleep(PAUSE_AFTER_TROUBLE_SECONDS)
        for target in affected:
            addressee = view.addressee(target.id) if view else None
            if addressee is None:
                self._cancel(target)
                self._forget_if_idle(target)
                continue
            if self._apply(target, addressee) or not target.enabled:
                self._send_home(target)
            self._resume(target)
        if any(target.held_until > self._clock.now() for target in affected):
            self.look_again()  # the change may be the end of the hold

    def _send_home(self, target: Target) -> None:
        """What a target is owed that gets nothing at present waits in the database, not in places that others
        need; there it can be seen waiting, and expires in time."""
        for owed in self._stock.take_all(target):
            self._stock.under_way.add(owed.id)
            self._spawn(self._put_back(target, owed))

    async def _put_back(self, target: Target, owed: Owed) -> None:
        try:
            await self._attempts.put_back(owed, target)
        except Exception:
            log.exception("not put back", extra={"delivery": owed.id})
            self.in_doubt = True
        finally:
            self._over(target, owed)

    def waits(self, target_id: str, delivery_id: str) -> bool:
        """Whether the delivery waits in this node's memory, and has not begun."""
        return self._stock.waits(target_id, delivery_id)

    def _cancel(self, target: Target) -> None:
        """The target was deleted. What was accepted while that was being committed, it has not cancelled."""
        for owed in self._stock.take_all(target):
            self._stock.under_way.add(owed.id)
            self._spawn(self._drop(target, owed))

    async def _drop(self, target: Target, owed: Owed) -> None:
        try:
            await self._attempts.drop(owed)
        except Exception:
            log.exception("not cancelled", extra={"delivery": owed.id})
            self.in_doubt = True
        finally:
            self._over(target, owed)
            self._forget_if_idle(target)

    def forget(self, target_id: str, delivery_id: str) -> None:
        """It was cancelled: if it waits here, it is not sent."""
        target = self.targets.get(target_id)
        owed = self._stock.remove(target, delivery_id) if target else None
        if target is not None and owed is not None:
            self._over(target, owed)

    def _forget_if_idle(self, target: Target) -> None:
        if target.kept == 0:
            self.targets.pop(target.id, None)

    async def lose(self) -> None:
        """The lease is gone: what waits in memory is no longer ours to send."""
        for target in self.targets.values():
            self._stock.empty(target)
            if target.lane is not None:
                target.lane.lose()

    def break_off(self) -> None:
        """Ends what is on the wire at this moment."""
        if self._attempts.sending:
            log.warning("breaking off %d attempts", self._attempts.break_off())

    async def stop(self, patience: float) -> None:
        """Starts nothing more, waits `patience` seconds for what is on the wire, then breaks it off."""
        self.stopping = True
        for target in self.targets.values():
            self._stock.empty(target)
        deadline = self._clock.monotonic() + patience
        while self.in_flight and self._clock.monotonic() < deadline:
            await self._clock.sleep(0.02)
        self.break_off()
        pending = [task for task in self._tasks if not (task.get_name().startswith(("wake", "see")))]
        if pending:
            await asyncio.wait(pending, timeout=2)
        for task in tuple(self._tasks):
            task.cancel()

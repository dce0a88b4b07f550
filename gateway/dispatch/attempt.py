"""One attempt as a pipeline: load, look up, prepare, build, send, judge, record.

A remote failure is a value on its way through; exceptions are this gateway's own trouble, and leave the
delivery leased, to be taken up again when the lease ends.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

import msgspec

from gateway.checkpoints import reached
from gateway.clock import Clock, format_time
from gateway.dispatch import call_sync
from gateway.dispatch.call_sync import NOTHING_SENT, CallSyncs, Sync
from gateway.dispatch.payloads import Payloads
from gateway.dispatch.record import KIND, Recording, recording
from gateway.dispatch.rotating import Turn, turn_of, turn_since
from gateway.dispatch.target import Target
from gateway.dispatch.webhook import build_request
from gateway.domain import outcome as outcomes
from gateway.domain.addressee import Addressee
from gateway.domain.connector import Connector
from gateway.domain.delivery import Reason, Status, Step, after
from gateway.domain.event import Event
from gateway.domain.exchange import Exchange, Request
from gateway.domain.outcome import Outcome, Verdict
from gateway.domain.owed import Owed
from gateway.domain.rotation import may_be_refusal
from gateway.domain.url import origin
from gateway.metrics import Metrics
from gateway.store.directory import Directory, OrgView
from gateway.store.group_commit import GroupCommit
from gateway.store.health import Health

log = logging.getLogger("gateway.attempt")

HEALTH_EVERY_MS: Final = 1000
_LEVELS: Final = {
    Verdict.DELIVERED: logging.DEBUG,
    Verdict.FAILED: logging.WARNING,  # given up for good
    Verdict.GONE: logging.WARNING,
}


class Post(Protocol):
    """The guarded HTTP client (`gateway.egress`)."""

    async def post(
        self,
        url: str,
        *,
        body: bytes,
        headers: list[tuple[str, str]],
        timeout: float,  # noqa: ASYNC109
        org_id: str,
    ) -> Exchange: ...


class Asked(NamedTuple):
    """What was sent last, as the addressee was then, and what came back; `turn` during a rotation, `contact`
    of a connector."""

    addressee: Addressee
    request: Request
    exchange: Exchange
    turn: Turn | None
    contact: bytes = b""


# What a request is built from: an event as it is, or the sync of a call.
Letter = Event | Sync


@dataclass(slots=True)
class Attempts:
    """Makes attempts. `learned(target)` is called when the exchange is over and its place is free again;
    what follows is only writing it down."""

    directory: Directory
    payloads: Payloads
    call_syncs: CallSyncs
    client: Post
    commits: GroupCommit
    clock: Clock
    metrics: Metrics
    default_schedule: tuple[int, ...]
    cdn_loop: str
    chance: Callable[[], float] = random.random
    sending: set[asyncio.Task[object]] = field(default_factory=set)

    async def make(self, owed: Owed, target: Target, learned: Callable[[], None]) -> Outcome | None:
        """Returns the outcome that was recorded; None when it was stale or the delivery is no more."""
        try:
            addressee, org = await self._look_up(owed)
            # Nothing is waited for between here and the signing, but the payload, where it must be read.
            event = None if owed.event is None or self._outdated(owed.event, owed) else owed.event
            if event is None:
                owed.event = None
                event = await self.payloads.get(owed.event_id)
                addressee, org = await self._look_up(owed)
            if addressee is None or org is None:
                return await self.drop(owed)
            if self.clock.now() >= owed.expires_at:
                return await self._record(Recording(owed, outcomes.expire(owed.progress), self.clock.now()))
            if not addressee.enabled:
                target.enabled = False
                return await self.put_back(owed, target)
            if event is None:
                return await self._record(Recording(owed, outcomes.expire(owed.progress), self.clock.now()))
            if isinstance(addressee, Connector):
                asked = await self._tell_of_call(addressee, org, event, owed, target)
            else:
                asked = await self._ask(addressee, event, owed, target)
            if isinstance(asked, Reason):
                skipped = outcomes.skip(owed.progress, asked)
                return await self._record(Recording(owed, skipped, self.clock.now()))
            made = self._judge(owed, target, org, asked)
        finally:
            learned()
        owed.event = None  # sent; while it waits to be recorded its payload need not
        outcome = await self._record(made)
        if asked.turn is not None and made.accepted is not None and outcome is not None:
            asked.turn.memory.written(made.accepted)
        if made.queue == target.id:
            target.backlog += 1
        self._log(made, counted=outcome is not None)
        return outcome

    def break_off(self) -> int:
        """Aborts what is on the wire at this moment; each is given back without using an attempt."""
        for task in self.sending:
            task.cancel()
        return len(self.sending)

    async def _look_up(self, owed: Owed) -> tuple[Addressee | None, OrgView | None]:
        """The addressee as it is now: current URL, headers and secrets."""
        org = self.directory.known(owed.org_id) or await self.directory.organization(owed.org_id)
        return (org.addressee(owed.target_id) if org else None), org

    def _has_moved(self, addressee: Addressee) -> bool:
        """Whether it is at another origin than when it was asked."""
        org = self.directory.known(addressee.org_id)
        current = org.addressee(addressee.id) if org else None
        return current is not None and origin(current.url) != origin(addressee.url)

    def _outdated(self, event: Event, owed: Owed) -> bool:
        """Whether its payload must be read anew: the event's organization, or a person of it, was erased
        since. The platform's deliveries are of other organizations' events."""
        org = self.directory.known(event.org_id)
        return org is None or org.organization.outdated(owed.created_at)

    async def _tell_of_call(
        self, connector: Connector, org: OrgView, event: Event, owed: Owed, target: Target
    ) -> Asked | Reason:
        """What a connector makes of the call; or why it is not told."""
        sync = await self.call_syncs.prepare(connector, org, event)
        if isinstance(sync, Reason):
            return sync
        if isinstance(sync, Exchange):
            return Asked(connector, NOTHING_SENT, sync, None)
        asked = await self._ask(connector, sync, owed, target)
        return asked._replace(exchange=call_sync.read(asked.exchange), contact=sync.contact)

    async def _ask(self, addressee: Addressee, letter: Letter, owed: Owed, target: Target) -> Asked:
        """One exchange. While the addressee's secret is being rotated, and the receiver refuses the one that
        leads, a second one with the other: of the same attempt, and within its time."""
        begun = self.clock.monotonic()
        turn = turn_of(target, addressee, owed, self.clock.now())
        request = self._build(addressee, letter, owed, turn)
        exchange = await self._send(request, owed, addressee.timeout_ms / 1000)
        first = Asked(addressee, request, exchange, turn)
        if not may_be_refusal(exchange.status_code):
            return first
        current, _ = await self._look_up(owed)  # a rotation may have begun or ended meanwhile
        turn = turn or turn_since(target, addressee, current, owed, self.clock.now())
        left = addressee.timeout_ms / 1000 - (self.clock.monotonic() - begun)
        if current is None or turn is None or left <= 0:
            return first
        if not turn.asks_again(exchange, current, self.clock.now()):
            return first
        turn.swap()
        reached("attempt.between_exchanges")
        request = self._build(current, letter, owed, turn, timestamp=request.timestamp)
        second = await self._send(request, owed, left)
        elapsed = round((self.clock.monotonic() - begun) * 1000)
        both = msgspec.structs.replace(second, started_at=exchange.started_at, duration_ms=elapsed)
        return Asked(current, request, both, turn)

    def _build(
        self,
        addressee: Addressee,
        letter: Letter,
        owed: Owed,
        turn: Turn | None,
        timestamp: int | None = None,
    ) -> Request:
        leading = None if turn is None else turn.leading
        if isinstance(letter, Event):
            return build_request(
                addressee, letter, owed, now=self.clock.now(), cdn_loop=self.cdn_loop, leading=leading,
                timestamp=timestamp,
            )  # fmt: skip
        assert isinstance(addressee, Connector)
        return call_sync.build(
            addressee, letter, owed, now=self.clock.now(), cdn_loop=self.cdn_loop, leading=leading,
            timestamp=timestamp,
        )  # fmt: skip

    async def _send(self, request: Request, owed: Owed, seconds: float) -> Exchange:
        started, begun = self.clock.now(), self.clock.monotonic()
        reached("attempt.before_send")
        task = asyncio.current_task()
        assert task is not None
        self.sending.add(task)
        try:
            exchange = await self.client.post(
                request.url,
                body=request.body,
                headers=request.headers,
                timeout=seconds,
                org_id=owed.org_id,
            )
        except asyncio.CancelledError:
            # The gateway is stopping: the receiver may or may not have got it.
            elapsed = round((self.clock.monotonic() - begun) * 1000)
            exchange = Exchange(started, elapsed, error="aborted", error_detail="the gateway is stopping")
        finally:
            self.sending.discard(task)
        reached("attempt.after_send")
        return exchange

    def _judge(self, owed: Owed, target: Target, org: OrgView, asked: Asked) -> Recording:
        addressee, request, exchange, turn, contact = asked
        now = self.clock.now()
        outcome = outcomes.judge(
            exchange,
            owed.progress,
            addressee.policy(self.default_schedule),
            now=now,
            holds_in_a_row=target.holds_in_a_row,
            chance=self.chance(),
        )
        if outcome.verdict in (Verdict.HELD, Verdict.GONE) and self._has_moved(addressee):
            outcome = outcomes.of_another(outcome, now)
        proven_before = target.proven
        if outcome.verdict is not Verdict.ABORTED:
            target.learn(exchange, outcome, self.clock.monotonic())
        news = self._news(owed, target, exchange, outcome, now, first=target.proven and not proven_before)
        made = recording(
            owed, outcome, now, addressee, request, exchange, org.organization.cipher,
            None if turn is None else turn.swapped_from, contact,
        )  # fmt: skip
        made.accepted = None if turn is None else turn.learn(exchange, now)
        made.news = news
        made.queue = owed.home if outcome.verdict is Verdict.GONE else None
        return made

    def _news(
        self, owed: Owed, target: Target, exchange: Exchange, outcome: Outcome, now: int, *, first: bool
    ) -> Health | None:
        """What is worth writing about the target: every failure, each first success, else one in a while."""
        if outcome.verdict in (Verdict.ABORTED, Verdict.HELD):
            return None
        failed = outcome.verdict is not Verdict.DELIVERED
        if not (failed or first or target.failing) and now - target.health_written < HEALTH_EVERY_MS:
            return None
        target.failing = failed
        target.health_written = now
        return Health(
            target.id,
            target.org_id,
            success_at=None if failed else now,
            first_success_at=now if first else None,
            failing_since=now if failed else None,
            failures=int(failed),
            delivery_id=owed.id,
            delivery_at=now,
            status_code=exchange.status_code,
            error=exchange.error,
        )

    async def _record(self, made: Recording) -> Outcome | None:
        reached("attempt.before_record")
        counted = await self.commits.submit(KIND, made)
        reached("attempt.after_record")
        self._measure(made, counted=counted)
        return made.outcome if counted else None

    async def drop(self, owed: Owed) -> Outcome | None:
        """The addressee was deleted, which has cancelled what it was owed then; this may have come later."""
        progress = owed.progress
        cancelled = Outcome(
            Verdict.FAILED,
            after(Status.IN_FLIGHT, Step.CANCEL),
            None,
            progress.attempts_made,
            progress.steps_used,
        )
        return await self._record(Recording(owed, cancelled, self.clock.now()))

    async def put_back(self, owed: Owed, target: Target) -> Outcome | None:
        """A disabled addressee keeps its deliveries in its own queue in the database."""
        now = self.clock.now()
        outcome = await self._record(
            Recording(owed, outcomes.give_back(owed.progress, now), now, queue=owed.home)
        )
        if owed.home == target.id:
            target.backlog += 1  # not before it is there: it would be looked for, and forgotten
        return outcome

    def _measure(self, made: Recording, *, counted: bool) -> None:
        if not made.sent:
            return
        verdict, metrics = made.outcome.verdict, self.metrics
        metrics.attempts_by_outcome[verdict.value if counted else "stale"].inc()
        metrics.attempt_seconds.observe(made.duration_ms / 1000)
        if verdict is Verdict.DELIVERED:
            elapsed = made.started_at + made.duration_ms - made.owed.created_at
            metrics.accept_to_delivered_seconds.observe(max(elapsed, 0) / 1000)
        elif verdict is Verdict.ABORTED:
            metrics.duplicates_possible.labels("shutdown").inc()

    def _log(self, made: Recording, *, counted: bool) -> None:
        level = _LEVELS.get(made.outcome.verdict, logging.INFO)
        if not log.isEnabledFor(level):
            return
        owed, outcome = made.owed, made.outcome
        log.log(
            level,
            "attempt",
            extra={
                "org": owed.org_id,
                "target": owed.target_id,
                "event": owed.event_id,
                "delivery": owed.id,
                "attempt": owed.attempts_made + 1,
                "outcome": outcome.verdict.value if counted else "stale",
                "status": made.status_code,
                "error": made.error,
                "duration_ms": made.duration_ms,
                "next_at": None if outcome.due_at is None else format_time(outcome.due_at),
            },
        )

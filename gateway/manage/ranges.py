"""The work of redelivering a range of the failed events of a webhook or connector, and of replaying those
that a webhook never got: of its organization, or for a platform's webhook of all or the listed ones.

Both make new deliveries, oldest event first, that wait in the database until there is nothing else for their
target (`domain.delivery.LATER`). What matches is decided in one place (`Matching.wanted`), for the work, its
count and a dry run alike.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
from sqlalchemy.engine import Row

from gateway.clock import Slices
from gateway.domain.addressee import Addressee, kind_of
from gateway.domain.delivery import LATER, later_queue
from gateway.domain.event import Event
from gateway.domain.filter import Filter, Reading
from gateway.domain.ids import new_id
from gateway.domain.job import JobKind, Span
from gateway.domain.retry import DEFAULT_LIFETIME_MS
from gateway.domain.webhook import Webhook
from gateway.errors import Conflict
from gateway.manage.jobs import Part, Work
from gateway.store import addressees, deliveries, ranges
from gateway.store.deliveries import insert_deliveries
from gateway.store.directory import Directory, OrgView
from gateway.store.ranges import HIGHEST, Range
from gateway.store.store import Store
from gateway.store.transaction import Transaction

PART: Final = 100  # rows of one transaction: on SQLite, events wait that long to be accepted
PART_BESIDE_TRAFFIC: Final = 20  # so, when there are events
SLICE_BESIDE_TRAFFIC: Final = 200
REST_OF_COUNT: Final = 10.0  # how much longer than the work
LONGEST_REST_OF_COUNT: Final = 1.0  # seconds
MOST_RESTED_COUNTING: Final = 20.0  # seconds
_CANCELLED_AT_ONCE: Final = 500


def refuse_unless_it_takes(found: Addressee | None, target_id: str) -> Addressee:
    """The webhook or connector, if it is owed new deliveries. Raises Conflict for one that a person disabled,
    and for one that is deleted: nothing would become of them."""
    if found is None:
        raise deleted(target_id)
    if not found.collects:
        raise disabled(target_id)
    return found


def deleted(target_id: str) -> Conflict:
    if kind_of(target_id) == "connector":
        return Conflict(f"the connector {target_id} was deleted", code="connector_deleted")
    return Conflict(f"the webhook {target_id} was deleted", code="webhook_deleted")


def disabled(target_id: str) -> Conflict:
    if kind_of(target_id) == "connector":
        return Conflict(f"the connector {target_id} is disabled: enable it first", code="connector_disabled")
    return Conflict(f"the webhook {target_id} is disabled: enable it first", code="webhook_disabled")


@dataclass(frozen=True, slots=True)
class Matching:
    """Which events of a range are meant."""

    kind: JobKind
    to: Addressee
    span: Span
    directory: Directory
    ceiling: int = HIGHEST

    @property
    def replayed(self) -> Webhook | None:
        """The webhook whose patterns and filter are asked: of a replay. What has failed was wanted once: a
        redelivery does not ask again."""
        return self.to if self.kind is JobKind.REPLAY and isinstance(self.to, Webhook) else None

    @property
    def condition(self) -> Filter | None:
        return None if self.replayed is None else self.replayed.condition

    @property
    def range(self) -> Range:
        patterns = ("*",) if self.replayed is None else self.replayed.events
        return Range(
            "replay" if self.kind is JobKind.REPLAY else "redeliver",
            self.to.org_id,
            self.to.id,
            self.span,
            patterns,
            self.ceiling,
            self.condition is not None,
            None if self.replayed is None else self.replayed.organizations,
        )

    async def wanted(self, rows: Sequence[Row[Any]], slices: Slices) -> list[Row[Any]]:
        """Those that are meant, of the events that the database found. Each may have to be opened, decoded
        and filtered: others have their turn in between."""
        found = []
        for row in rows:
            if await self._wants(row):
                found.append(row)
            await slices.rest()
        return found

    async def _wants(self, row: Row[Any]) -> bool:
        if self.replayed is not None and not self.replayed.patterns.matches(row.event_type):
            return False
        return self.span.wants(row.event_type) and await self._passes(row)

    async def _passes(self, row: Row[Any]) -> bool:
        """What the filter says. Without its payload an event cannot be asked; it cannot be sent either."""
        if self.condition is None or row.payload is None:
            return True
        org = await self.directory.organization(row.org_id)
        if org is None or org.organization.erased_at is not None:
            return False
        data = org.organization.cipher.open(row.event_id, "payload", row.payload)
        event = Event(row.event_id, row.org_id, row.event_type, row.timestamp, data)
        return Reading(event).matches(self.condition)

    async def count(self, store: Store, traffic: Callable[[], bool] = lambda: False) -> int:
        """How many there are. While events come in (`traffic`), it rests for long after each slice, though
        not so long altogether that other jobs wait for it."""
        total, rested, begun = 0, 0.0, store.clock.monotonic()
        async for found in self._counts(store):
            total += found
            if traffic() and rested < MOST_RESTED_COUNTING:
                rest = min((store.clock.monotonic() - begun) * REST_OF_COUNT, LONGEST_REST_OF_COUNT)
                await store.clock.sleep(rest)
                rested += rest
            begun = store.clock.monotonic()
        return total

    async def _counts(self, store: Store) -> AsyncGenerator[int, None]:
        if self.replayed is None and self.span.types is None:  # nothing is left to decide
            async for found in ranges.counts(store, self.range):
                yield found
            return
        slices = Slices(store.clock)
        async for rows, _ in ranges.slices(store, self.range, None):
            slices.begin()
            yield len(await self.wanted(rows, slices))


class RangeWork:
    """The work of one such job."""

    def __init__(
        self,
        store: Store,
        job: Row[Any],
        matching: Matching,
        put_aside: Callable[[set[str]], None],
        traffic: Callable[[], bool],
    ) -> None:
        self._store = store
        self._job = job
        self._matching = matching
        self._put_aside = put_aside
        self._traffic = traffic

    async def count(self) -> int:
        return await self._matching.count(self._store, self._traffic)

    async def parts(self, cursor: str | None) -> AsyncGenerator[Part, None]:
        after, slices = None if cursor is None else int(cursor), Slices(self._store.clock)
        size, range_ = PART, self._matching.range
        if self._traffic():
            size, range_ = PART_BESIDE_TRAFFIC, replace(range_, at_once=SLICE_BESIDE_TRAFFIC)
        async for rows, last in ranges.slices(self._store, range_, after):
            slices.begin()
            wanted = await self._matching.wanted(rows, slices)
            for first in range(0, len(wanted), size):
                some = wanted[first : first + size]
                whole = first + size >= len(wanted)
                yield _part(some, last if whole else some[-1].position)
            if not wanted:
                yield Part(str(last), (), 0)

    async def write(self, tx: Transaction, part: Part) -> None:
        target_id = self._matching.to.id
        standing = await addressees.standing(tx.conn, target_id)
        if standing is None:
            raise deleted(target_id)
        if standing == ("disabled", "by_user"):
            raise disabled(target_id)
        kept = [row for row in part.items if row.kept]
        position = await tx.positions.take(tx, max(len(kept), 1))
        now = self._store.clock.now()
        rows = [self._delivery(row, position + number, now) for number, row in enumerate(kept)]
        await insert_deliveries(tx.conn, rows)

    def written(self, part: Part) -> None:
        if part.done:
            self._put_aside({self._matching.to.id})

    def _delivery(self, row: Row[Any], position: int, now: int) -> tuple[Any, ...]:
        to, job_id = self._matching.to, self._job.id
        # Its place in the queue is the event's: the oldest goes first. Redeliveries are outside the order of
        # `ordering_key`.
        return (
            new_id("dlv", now), position, self._job.org_id, row.event_id, row.event_type, to.kind,
            to.id, "pending", later_queue(to.id), min(row.accepted_at, now), 0, 0, None, LATER,
            now + DEFAULT_LIFETIME_MS, now, job_id, job_id, False,
        )  # fmt: skip


class RangeJobs:
    """One of the two kinds of job. `put_aside` is told of each target for which deliveries now wait;
    `traffic()` says whether events come in."""

    def __init__(
        self,
        store: Store,
        directory: Directory,
        kind: JobKind,
        put_aside: Callable[[set[str]], None],
        traffic: Callable[[], bool],
    ) -> None:
        self._store = store
        self._directory = directory
        self._kind = kind
        self._put_aside = put_aside
        self._traffic = traffic

    async def open(self, job: Row[Any]) -> Work:
        org = await self._directory.living(job.org_id)
        to = refuse_unless_it_takes(org.addressee(job.object_id), job.object_id)
        matching = Matching(self._kind, to, span_of(org, job), self._directory, job.position)
        return RangeWork(self._store, job, matching, self._put_aside, self._traffic)

    async def undo(self, job: Row[Any]) -> None:
        """Cancels those of its deliveries that no node has taken up yet."""
        after: int | None = job.position
        while after is not None:
            async with self._store.transaction() as tx:
                after = await deliveries.cancel_of_job(
                    tx.conn, job.object_id, job.id, after, _CANCELLED_AT_ONCE, self._store.clock.now()
                )


def seal_span(org: OrgView, job_id: str, span: Span) -> bytes:
    return org.organization.cipher.seal(job_id, "params", msgspec.json.encode(span.as_json()))


def span_of(org: OrgView, job: Row[Any]) -> Span:
    return Span.from_json(msgspec.json.decode(org.organization.cipher.open(job.id, "params", job.params)))


def _part(rows: list[Row[Any]], cursor: int) -> Part:
    kept = sum(1 for row in rows if row.kept)
    return Part(str(cursor), rows, kept, len(rows) - kept)

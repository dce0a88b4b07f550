"""Sending again what a person asks for: one delivery, or a range as a job; trying at once what waits; and
cancelling.

A redelivery is a delivery of its own: same event and `webhook-id`, current URL and secret, a schedule that
begins anew. One alone goes like any other delivery, at once; those of a job give way (`manage.ranges`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from sqlalchemy.engine import Row

from gateway.domain.addressee import Addressee, kind_of
from gateway.domain.delivery import Status
from gateway.domain.ids import new_id
from gateway.domain.job import RANGES, UNDONE, JobKind, JobStatus, Span
from gateway.domain.owed import Owed
from gateway.domain.retry import DEFAULT_LIFETIME_MS
from gateway.domain.room import Room
from gateway.errors import Conflict, NotFound, RateLimited
from gateway.manage import retries
from gateway.manage.ranges import Matching, refuse_unless_it_takes, seal_span
from gateway.store import addressees, deliveries, events, jobs, organizations
from gateway.store.deliveries import insert_deliveries
from gateway.store.directory import Directory, OrgView
from gateway.store.store import Store
from gateway.store.transaction import Transaction

MOST_COUNTING: Final = 4


class Handover(Protocol):
    """The dispatcher, as far as redeliveries know it."""

    def reserve(self, addressee: Addressee) -> str:
        """The queue for a new delivery: this node's lease, with a place kept in its memory, or the target."""

    def release(self, queue: str, target_id: str) -> None:
        """Gives back what `reserve` kept: the commit failed."""

    def offer(self, owed: Owed) -> None:
        """Takes a delivery that is committed."""

    def forget(self, target_id: str, delivery_id: str) -> None:
        """Does not send what was cancelled and waits in memory."""


class Redeliveries:
    """`wake_jobs` is called when there is a job to work on."""

    def __init__(
        self, store: Store, directory: Directory, handover: Handover, wake_jobs: Callable[[], None]
    ) -> None:
        self._store = store
        self._directory = directory
        self._handover = handover
        self._wake_jobs = wake_jobs
        self._counting = Room(MOST_COUNTING)

    async def redeliver(self, tx: Transaction, org: OrgView, delivery_id: str) -> Row[Any]:
        """A new delivery of the same event to the same webhook or connector. Raises NotFound, and Conflict
        when nothing would come of it."""
        before = await _find(tx, org, delivery_id)
        if before.test:
            raise Conflict("this was a test: send another one", code="test_delivery")
        # The organization first, as whoever deletes webhooks does: nothing is made for one that is going.
        await organizations.lock(tx.conn, org.id)
        cipher = org.organization.cipher
        found = await addressees.find(tx.conn, cipher, org.id, before.target_id)
        to = refuse_unless_it_takes(found, before.target_id)
        whose = None if org.id == organizations.PLATFORM else org.id  # the platform's may be anybody's
        event = await events.find(tx.conn, whose, before.event_id)
        if event is None or event.payload is None:
            raise Conflict("the event's payload is past its retention", code="payload_expired")
        owed = self._owed(to, before, event.priority)
        tx.on_rollback(lambda: self._handover.release(owed.queue, owed.target_id))
        tx.on_commit(lambda: self._handover.offer(owed))
        await insert_deliveries(tx.conn, [_row(owed, before, await tx.position())])
        made = await deliveries.find(tx.conn, org.id, owed.id)
        assert made is not None
        return made

    async def cancel(self, tx: Transaction, org: OrgView, delivery_id: str) -> Row[Any]:
        """Cancels a delivery that is not over. An attempt of it that is on the wire is not broken off: it is
        kept, and changes nothing any more."""
        cancelled = await deliveries.cancel(tx.conn, org.id, delivery_id, self._store.clock.now())
        if cancelled is not None:
            tx.on_commit(lambda: self._handover.forget(cancelled.target_id, delivery_id))
            return cancelled
        standing = await _find(tx, org, delivery_id)
        if standing.status != Status.CANCELLED:
            raise Conflict(f"the delivery is over: {standing.status}", code="delivery_over")
        return standing

    async def order(
        self, tx: Transaction, org: OrgView, target_id: str, kind: JobKind, span: Span, actor: str
    ) -> Row[Any]:
        """A job that redelivers or replays this range, or retries. Raises Conflict while one of the kind is
        at work on the same target: two would make the same deliveries."""
        await organizations.lock(tx.conn, org.id)
        found = await addressees.find(tx.conn, org.organization.cipher, org.id, target_id)
        _refuse(_known(found, target_id), target_id, kind)
        alike = RANGES if kind in RANGES else (kind,)
        other = await jobs.running_on(tx.conn, target_id, alike)
        if other is not None:
            raise Conflict(
                f"the job {other} is at work on {target_id}: wait for it, or cancel it", code="job_running"
            )
        now = self._store.clock.now()
        job_id = new_id("job", now)
        job = await jobs.add(
            tx, id=job_id, org_id=org.id, kind=kind.value, object_id=target_id,
            params=seal_span(org, job_id, span), actor=actor, created_at=now,
        )  # fmt: skip
        tx.on_commit(self._wake_jobs)
        return job

    async def count(self, org: OrgView, target_id: str, kind: JobKind, span: Span) -> int:
        """How many events, or deliveries, a job ordered now would match. Reads in slices, outside of any
        transaction. Raises RateLimited while others are being counted."""
        to = _refuse(_known(org.addressee(target_id), target_id), target_id, kind)
        with self._counting.place(org.id) as there_is:
            if not there_is:
                raise RateLimited("too many dry runs at once", retry_after=5)
            if kind is JobKind.RETRY:
                return await retries.count(self._store, to.id)
            return await Matching(kind, to, span, self._directory).count(self._store)

    async def cancel_job(self, tx: Transaction, org: OrgView, job_id: str) -> Row[Any]:
        """Ends a job and cancels what it has made, as far as no node has taken that up; also a job that is
        done, while its deliveries wait. Raises Conflict for one that is over for good."""
        now = self._store.clock.now()
        job = await jobs.request_cancel(tx.conn, org.id, job_id, now, undone=UNDONE)
        if job is not None:
            tx.on_commit(self._wake_jobs)
            return job
        job = await jobs.find(tx.conn, org.id, job_id)
        if job is None:
            raise NotFound(f"there is no job {job_id}")
        if job.status == JobStatus.FAILED:
            raise Conflict(f"the job is over: it failed with {job.error}", code="job_over")
        if job.status == JobStatus.DONE:
            raise Conflict(f"the job is over: what a job of the kind {job.kind} did stays", code="job_over")
        return job

    def _owed(self, to: Addressee, before: Row[Any], priority: int) -> Owed:
        now = self._store.clock.now()
        return Owed(
            id=new_id("dlv", now),
            org_id=before.org_id,
            target_id=to.id,
            event=None,
            queue=self._handover.reserve(to),
            attempts_made=0,
            steps_used=0,
            expires_at=now + DEFAULT_LIFETIME_MS,
            priority=priority,
            created_at=now,
            event_id=before.event_id,
            redelivery_of=before.id,
        )


def _refuse(found: Addressee, target_id: str, kind: JobKind) -> Addressee:
    if kind is JobKind.RETRY:
        return retries.refuse_unless_it_is_sent_to(found, target_id)
    return refuse_unless_it_takes(found, target_id)


def _known(found: Addressee | None, target_id: str) -> Addressee:
    if found is None:
        raise NotFound(f"there is no {kind_of(target_id)} {target_id}")
    return found


async def _find(tx: Transaction, org: OrgView, delivery_id: str) -> Row[Any]:
    found = await deliveries.find(tx.conn, org.id, delivery_id)
    if found is None:
        raise NotFound(f"there is no delivery {delivery_id}")
    return found


def _row(owed: Owed, before: Row[Any], position: int) -> tuple[Any, ...]:
    # Outside the order of `ordering_key`: a redelivery comes when it is asked for.
    return (
        owed.id, position, owed.org_id, owed.event_id, before.event_type, before.target_type, owed.target_id,
        "pending", owed.queue, owed.created_at, 0, 0, None, owed.priority, owed.expires_at, owed.created_at,
        owed.redelivery_of, None, False,
    )  # fmt: skip

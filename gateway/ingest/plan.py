"""The rows of an event: itself, the people it names and the call it tells of, and one delivery for each
webhook and connector that is owed it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from gateway.checkpoints import reached
from gateway.clock import format_time
from gateway.domain.addressee import Addressee
from gateway.domain.call import call_id_of
from gateway.domain.event import Event, NewEvent, people
from gateway.domain.ids import delivery_id
from gateway.domain.owed import Owed
from gateway.domain.webhook import Webhook
from gateway.errors import Problem
from gateway.ingest.receivers import Filtered, as_event, has_filters
from gateway.store import events as event_rows
from gateway.store.deliveries import insert_deliveries
from gateway.store.directory import OrgView
from gateway.store.idempotency import Claim
from gateway.store.transaction import Transaction


class Handover(Protocol):
    """The dispatcher, as far as ingest knows it."""

    def reserve(self, addressee: Addressee) -> str:
        """The queue for a new delivery: this node's lease, with a place kept in its memory, or the target."""

    def release(self, queue: str, target_id: str) -> None:
        """Gives back what `reserve` kept: the commit failed."""

    def offer(self, owed: Owed) -> None:
        """Takes a delivery that is committed; one that is not leased to this node only wakes its target."""

    def see_events(self) -> None:
        """Events are committed, to whomever they are owed, if to anybody."""


class Answer(msgspec.Struct):
    """What a client is told of an accepted event."""

    id: str
    type: str
    timestamp: str
    accepted_at: str
    deliveries: int


@dataclass(slots=True)
class Planned:
    """One event on its way into the transaction; `result` is what its client will hear;
    `filtered` what filters have said of it already."""

    id: str
    at: int
    org: OrgView
    new: NewEvent
    claim: Claim | None
    result: Answer | Problem | None = None
    receivers: list[Webhook] | None = None  # where they are not simply those who want the type
    filtered: Filtered | None = None


@dataclass(slots=True)
class Rows:
    """What one transaction writes, and what it hands over once it is committed."""

    handover: Handover
    events: list[tuple[Any, ...]] = field(default_factory=list)
    people: list[tuple[Any, ...]] = field(default_factory=list)
    deliveries: list[tuple[Any, ...]] = field(default_factory=list)
    owed: list[Owed] = field(default_factory=list)

    async def write(self, tx: Transaction, fresh: list[Planned]) -> None:
        """Inserts everything that the new events make."""
        if not fresh:
            return
        events = [as_event(plan.id, plan.at, plan.org.id, plan.new) for plan in fresh]
        receivers = [self._addressees(plan, event) for plan, event in zip(fresh, events, strict=True)]
        position = await tx.positions.take(tx, len(fresh) + sum(map(len, receivers)))
        for plan, event, addressees in zip(fresh, events, receivers, strict=True):
            self._add_event(plan, event, position, _own(plan.org, addressees))
            for offset, addressee in enumerate(addressees, 1):
                self._add_delivery(plan, event, addressee, position + offset)
            position += 1 + len(addressees)
        reached("accept.before_insert")
        await event_rows.insert_events(tx.conn, self.events)
        reached("accept.after_events")
        await insert_deliveries(tx.conn, self.deliveries)
        await event_rows.insert_people(tx.conn, self.people)

    def hand_over(self) -> None:
        reached("accept.after_commit")
        for owed in self.owed:
            self.handover.offer(owed)

    def release(self) -> None:
        for owed in self.owed:
            self.handover.release(owed.queue, owed.target_id)

    def _addressees(self, plan: Planned, event: Event) -> Sequence[Addressee]:
        """To whom the event is owed. An event of a call that connectors hear of is entered under its call."""
        webhooks = _webhooks(plan, event)
        if not plan.org.connectors or not (connectors := plan.org.syncing()):
            return webhooks
        call_id = call_id_of(event.type, event.data)
        if call_id is None:
            return webhooks
        self.people.append((plan.org.id, plan.org.organization.cipher.call(call_id), plan.id))
        return [*webhooks, *connectors]

    def _add_event(self, plan: Planned, event: Event, position: int, deliveries: int) -> None:
        new, now, org, timestamp = plan.new, plan.at, plan.org, event.timestamp
        cipher = org.organization.cipher
        self.events.append(
            (
                plan.id, position, org.id, new.type, timestamp, now, new.external_id, new.ordering_key,
                new.priority, now + new.lifetime_ms if new.expires else None, new.verified, new.schema_valid,
                new.traceparent, deliveries, cipher.seal(plan.id, "payload", new.data),
            )
        )  # fmt: skip
        for phone in people(new.data, org.organization.settings.region):
            self.people.append((org.id, cipher.person(phone), plan.id))
        plan.result = Answer(plan.id, new.type, format_time(timestamp), format_time(now), deliveries)

    def _add_delivery(self, plan: Planned, event: Event, addressee: Addressee, position: int) -> None:
        new, now = plan.new, plan.at
        owed = Owed(
            id=delivery_id(event.id, addressee.id),
            org_id=addressee.org_id,  # the platform's deliveries are its own
            target_id=addressee.id,
            event=event,
            queue=self.handover.reserve(addressee),
            attempts_made=0,
            steps_used=0,
            expires_at=now + new.lifetime_ms,
            priority=new.priority,
            created_at=now,
        )
        self.owed.append(owed)
        self.deliveries.append(
            (
                owed.id, position, owed.org_id, event.id, event.type, addressee.kind, addressee.id, "pending",
                owed.queue, now, 0, 0, new.ordering_key, new.priority, owed.expires_at, now,
                None, None, False,
            )
        )  # fmt: skip


def _own(org: OrgView, addressees: Sequence[Addressee]) -> int:
    """How many of the deliveries are the organization's: it hears nothing of the platform's."""
    if not org.platform:
        return len(addressees)
    return sum(addressee.org_id == org.id for addressee in addressees)


def _webhooks(plan: Planned, event: Event) -> list[Webhook]:
    webhooks = plan.org.owed(event.type) if plan.receivers is None else plan.receivers
    if not has_filters(webhooks):
        return webhooks
    return (plan.filtered or Filtered(event)).receivers(webhooks)

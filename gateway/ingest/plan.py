"""The rows of an event: itself, the people it names, and one delivery for each webhook that is owed it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from gateway.checkpoints import reached
from gateway.clock import format_time
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

    def reserve(self, webhook: Webhook) -> str:
        """The queue for a new delivery: this node's lease, with a place kept in its memory, or the target."""

    def release(self, queue: str, target_id: str) -> None:
        """Gives back what `reserve` kept: the commit failed."""

    def offer(self, owed: Owed) -> None:
        """Takes a delivery that is committed; one that is not leased to this node only wakes its target."""


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
        receivers = [_receivers(plan, event) for plan, event in zip(fresh, events, strict=True)]
        position = await tx.positions.take(tx, len(fresh) + sum(map(len, receivers)))
        for plan, event, webhooks in zip(fresh, events, receivers, strict=True):
            self._add_event(plan, event, position, len(webhooks))
            for offset, webhook in enumerate(webhooks, 1):
                self._add_delivery(plan, event, webhook, position + offset)
            position += 1 + len(webhooks)
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
        for phone in people(new.data):
            self.people.append((org.id, cipher.person(phone), plan.id))
        plan.result = Answer(plan.id, new.type, format_time(timestamp), format_time(now), deliveries)

    def _add_delivery(self, plan: Planned, event: Event, webhook: Webhook, position: int) -> None:
        new, now = plan.new, plan.at
        owed = Owed(
            id=delivery_id(event.id, webhook.id),
            org_id=event.org_id,
            target_id=webhook.id,
            event=event,
            queue=self.handover.reserve(webhook),
            attempts_made=0,
            steps_used=0,
            expires_at=now + new.lifetime_ms,
            priority=new.priority,
            created_at=now,
        )
        self.owed.append(owed)
        self.deliveries.append(
            (
                owed.id, position, owed.org_id, event.id, event.type, "webhook", webhook.id, "pending",
                owed.queue, now, 0, 0, new.ordering_key, new.priority, owed.expires_at, now,
                None, None, False,
            )
        )  # fmt: skip


def _receivers(plan: Planned, event: Event) -> list[Webhook]:
    webhooks = plan.org.owed(event.type)
    if not has_filters(webhooks):
        return webhooks
    return (plan.filtered or Filtered(event)).receivers(webhooks)

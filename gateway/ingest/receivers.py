"""To whom an event is owed: the webhooks that want its type, less those whose filter it does not meet.

Filters are asked before the transaction, with rests after every few of them, so that costly ones hold up
nobody but the organization that has them. The transaction finds the answers here. It asks no filter itself:
a request whose organization has changed meanwhile is sent back to ask what is new (`AskAgain`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from weakref import WeakValueDictionary

from gateway.clock import Clock, Slices
from gateway.domain.event import Event, NewEvent
from gateway.domain.filter import Filter, Reading
from gateway.domain.webhook import Webhook
from gateway.errors import Overloaded
from gateway.store.directory import OrgView

Events = Sequence[tuple[OrgView, NewEvent]]


class AskAgain(Overloaded):
    """Filters have changed between the asking and the commit; there are some that nobody has asked."""


class Filtered:
    """An event and what filters have said of it; equal filters are asked once."""

    __slots__ = ("_event", "_known")

    def __init__(self, event: Event) -> None:
        self._event = event
        self._known: dict[str, bool] = {}

    def ask(self, webhooks: Sequence[Webhook]) -> Iterator[None]:
        """Asks the filters of these webhooks that have not been asked, one at each step."""
        reading: Reading | None = None  # decoded data is many times as large as its text: not kept
        for condition in self._unasked(webhooks):
            reading = reading or Reading(self._event)
            self._known[condition.text] = reading.matches(condition)
            yield

    def knows(self, webhooks: Sequence[Webhook]) -> bool:
        """Whether all filters of these webhooks have been asked."""
        return next(self._unasked(webhooks), None) is None

    def receivers(self, webhooks: Sequence[Webhook]) -> list[Webhook]:
        """Those that are owed the event."""
        for _ in self.ask(webhooks):
            pass
        return [one for one in webhooks if one.condition is None or self._known[one.condition.text]]

    def _unasked(self, webhooks: Sequence[Webhook]) -> Iterator[Filter]:
        for webhook in webhooks:
            if webhook.condition is not None and webhook.condition.text not in self._known:
                yield webhook.condition


class Filters:
    """Asks the filters of many events. One organization's are asked one event after the other, whoever has
    sent them: so much of its data is decoded at a time, and no more."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def ask(
        self, ids: Sequence[str], at: int, events: Events, asked: Mapping[str, Filtered] | None = None
    ) -> dict[str, Filtered]:
        """What the filters say of those events that come before one, by the event's id; what `asked` says of
        them already is not asked again."""
        answers, slices = dict(asked or {}), Slices(self._clock)
        for event_id, (org, new) in zip(ids, events, strict=True):
            webhooks = org.owed(new.type)
            if not has_filters(webhooks):
                continue
            filtered = answers.get(event_id) or Filtered(as_event(event_id, at, org.id, new))
            answers[event_id] = filtered
            turn = self._turns.setdefault(org.id, asyncio.Lock())
            waited = turn.locked()
            async with turn:
                if waited:
                    slices.begin()
                for _ in filtered.ask(webhooks):
                    await slices.rest()
        return answers


def are_answered(events: Events, ids: Sequence[str], asked: Mapping[str, Filtered]) -> bool:
    """Whether every filter that these events come before, as their organizations are, has been asked."""
    for event_id, (org, new) in zip(ids, events, strict=True):
        webhooks = org.owed(new.type)
        if has_filters(webhooks) and (event_id not in asked or not asked[event_id].knows(webhooks)):
            return False
    return True


def as_event(event_id: str, at: int, org_id: str, new: NewEvent) -> Event:
    """The event as it will be delivered, accepted at `at`."""
    timestamp = at if new.occurred_at is None else new.occurred_at
    return Event(event_id, org_id, new.type, timestamp, new.data, new.traceparent)


def has_filters(webhooks: Sequence[Webhook]) -> bool:
    return any(webhook.condition is not None for webhook in webhooks)

"""To whom an event is owed: the webhooks that want its type, less those whose filter it does not meet.

Filters are asked before the transaction, with rests, so that a large batch before costly filters holds up
nobody but its sender. The transaction finds the answers here; it asks again only for what has changed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from gateway.domain.event import Event, NewEvent
from gateway.domain.filter import Filter, Reading
from gateway.domain.webhook import Webhook
from gateway.store.directory import OrgView

_SLICE_SECONDS: Final = 0.002


class Filtered:
    """An event and what filters have said of it; equal filters are asked once."""

    __slots__ = ("_event", "_known", "_reading")

    def __init__(self, event: Event) -> None:
        self._event = event
        self._reading: Reading | None = None
        self._known: dict[str, bool] = {}

    def receivers(self, webhooks: Sequence[Webhook]) -> list[Webhook]:
        try:
            return [webhook for webhook in webhooks if self._passes(webhook.condition)]
        finally:
            self._reading = None  # decoded data is many times as large as its text

    def _passes(self, condition: Filter | None) -> bool:
        if condition is None:
            return True
        known = self._known.get(condition.text)
        if known is None:
            self._reading = self._reading or Reading(self._event)
            known = self._known[condition.text] = self._reading.matches(condition)
        return known


def as_event(event_id: str, at: int, org_id: str, new: NewEvent) -> Event:
    """The event as it will be delivered, accepted at `at`."""
    timestamp = at if new.occurred_at is None else new.occurred_at
    return Event(event_id, org_id, new.type, timestamp, new.data, new.traceparent)


def has_filters(webhooks: Sequence[Webhook]) -> bool:
    return any(webhook.condition is not None for webhook in webhooks)


async def ask_filters(
    ids: Sequence[str], at: int, events: Sequence[tuple[OrgView, NewEvent]]
) -> dict[str, Filtered]:
    """What the filters say of those events that come before one, by the event's id."""
    asked: dict[str, Filtered] = {}
    slice_began = time.monotonic()
    for event_id, (org, new) in zip(ids, events, strict=True):
        webhooks = org.owed(new.type)
        if not has_filters(webhooks):
            continue
        filtered = asked[event_id] = Filtered(as_event(event_id, at, org.id, new))
        filtered.receivers(webhooks)
        if time.monotonic() - slice_began > _SLICE_SECONDS:
            await asyncio.sleep(0)
            slice_began = time.monotonic()
    return asked

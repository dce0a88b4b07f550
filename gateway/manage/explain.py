"""Whether an event would make a delivery to a webhook as that is now, and why: status, types, filter.

Says what ingest would decide if the event came at this moment. The filter is looked at alone; at ingest all
filters of an event share its steps (`domain.filter`).
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.domain.event import Event
from gateway.domain.filter import Reading
from gateway.domain.filter_explain import Explanation
from gateway.domain.pattern import PatternSet
from gateway.domain.webhook import Webhook


@dataclass(frozen=True, slots=True)
class Part:
    """One of the questions: its answer, and a sentence for a person."""

    matches: bool
    because: str


@dataclass(frozen=True, slots=True)
class Explained:
    """`filter` is None when there is none, or when the event's type or the webhook's status has decided and
    its data is gone."""

    matches: bool
    because: str
    status: Part
    events: Part
    filter: Explanation | None


def explain(webhook: Webhook, event: Event, *, kept: bool, payload: bool) -> Explained:
    """`kept`: the event's data is still there; `payload`: values of it may be told."""
    status, events = _status(webhook), _events(webhook, event.type)
    condition = None
    if webhook.condition is not None:
        if kept or not webhook.condition.needs_data:
            condition = Reading(event).explain(webhook.condition, payload=payload)
        else:
            gone = "the filter looks into the event's data, which is past its retention"
            condition = Explanation(False, gone)
    parts = [status, events] + ([Part(condition.matches, condition.because)] if condition else [])
    against = [part.because for part in parts if not part.matches]
    because = (
        "; ".join(against)
        if against
        else "it is enabled, it wants the type"
        + (", and its filter holds" if condition else ", and it has no filter")
    )
    return Explained(not against, because, status, events, condition)


def _status(webhook: Webhook) -> Part:
    if webhook.enabled:
        return Part(True, "the webhook is enabled")
    if webhook.collects:
        return Part(
            True, f"the webhook is disabled ({webhook.disabled_reason}), but goes on collecting deliveries"
        )
    return Part(False, "the webhook was disabled by a person: it is owed nothing")


def _events(webhook: Webhook, event_type: str) -> Part:
    for pattern in webhook.events:
        if PatternSet((pattern,)).matches(event_type):
            return Part(True, f"{pattern} matches {event_type}")
    return Part(False, f"none of its events ({', '.join(webhook.events)}) matches {event_type}")

"""What the API answers about the history of webhooks, as types (see `web.answers`)."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from msgspec import Meta

from gateway.web.answers.fields import Count, DeliveryId, EventId, Milliseconds, Time, WebhookId


class ExplainedPart(TypedDict):
    """One of the questions that decide."""

    matches: bool
    because: Annotated[str, Meta(description="Why, in a sentence.")]


class FilterStep(TypedDict):
    """A piece of the filter, in the order of its text."""

    expression: str
    column: Annotated[int, Meta(ge=1)]
    depth: Annotated[int, Meta(ge=0, description="A piece of the piece before has a greater depth.")]
    holds: Annotated[bool | None, Meta(description="Null where it was not looked at, or has no answer.")]
    value: Annotated[
        str | None, Meta(description="Shortened. A platform key sees values only with `payload:read`.")
    ]
    because: str


class ExplainedFilter(ExplainedPart):
    """The filter's part."""

    steps: list[FilterStep]


class Explanation(TypedDict):
    """Whether the event would make a delivery to the webhook as that is now, and why."""

    event_id: EventId
    event_type: str
    webhook_id: WebhookId
    matches: Annotated[bool, Meta(description="Whether the event would make a delivery if it came now.")]
    because: Annotated[str, Meta(description="What decides, in a sentence.")]
    status: Annotated[ExplainedPart, Meta(description="Whether the webhook is owed anything.")]
    events: Annotated[ExplainedPart, Meta(description="Whether one of its patterns matches the type.")]
    filter: Annotated[ExplainedFilter | None, Meta(description="Null: it has no filter.")]
    delivery_id: Annotated[
        DeliveryId | None, Meta(description="The latest delivery of the event to it; null: there is none.")
    ]


class Results(TypedDict):
    """How often what happened. An attempt is one of them; a delivery may have several attempts."""

    delivered: Annotated[Count, Meta(description="Deliveries that arrived.")]
    failed: Annotated[Count, Meta(description="Deliveries that were given up.")]
    retried: Annotated[Count, Meta(description="Attempts that failed and are tried again.")]
    held: Annotated[Count, Meta(description="Attempts answered with a request for a pause.")]


class HourResults(Results):
    """One hour."""

    hour: Annotated[Time, Meta(description="When it begins.")]


class Durations(TypedDict):
    """How long attempts took, in milliseconds: upper bounds of buckets, so `at most`. Above 10 ms no bucket
    is wider than its lower bound. Null without attempts."""

    p50: Milliseconds | None
    p90: Milliseconds | None
    p95: Milliseconds | None
    p99: Milliseconds | None


class Stats(TypedDict):
    """What came of attempts, by whole hours (UTC)."""

    window: Literal["1h", "24h", "7d", "30d"]
    since: Annotated[Time, Meta(description="The beginning of the first hour.")]
    until: Annotated[Time, Meta(description="Now.")]
    attempts: Count
    totals: Results
    status_codes: Annotated[
        dict[str, Count], Meta(description="Status code → how many attempts were answered with it.")
    ]
    errors: Annotated[dict[str, Count], Meta(description="For attempts without an answer: error → how many.")]
    duration_ms: Durations
    hours: Annotated[list[HourResults], Meta(description="Every hour of the window, oldest first.")]


class WebhookStats(Stats):
    """What came of the attempts to a webhook, by whole hours (UTC). Tests are not counted."""

    webhook_id: WebhookId

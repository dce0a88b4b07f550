"""What the API answers about the history of webhooks, as types (see `client.types`)."""

from __future__ import annotations

from typing import Literal, TypedDict


class ExplainedPart(TypedDict):
    """One of the questions that decide."""

    matches: bool
    because: str


class FilterStep(TypedDict):
    """A piece of the filter, in the order of its text."""

    expression: str
    column: int
    depth: int
    holds: bool | None
    value: str | None
    because: str


class ExplainedFilter(ExplainedPart):
    """The filter's part."""

    steps: list[FilterStep]


class Explanation(TypedDict):
    """Whether the event would make a delivery to the webhook as that is now, and why."""

    event_id: str
    event_type: str
    webhook_id: str
    matches: bool
    because: str
    status: ExplainedPart
    events: ExplainedPart
    filter: ExplainedFilter | None
    delivery_id: str | None


class Results(TypedDict):
    """How often what happened."""

    delivered: int
    failed: int
    retried: int
    held: int


class HourResults(Results):
    """One hour."""

    hour: str


class Durations(TypedDict):
    """How long attempts took at most, in milliseconds: upper bounds of buckets."""

    p50: int | None
    p90: int | None
    p95: int | None
    p99: int | None


class Stats(TypedDict):
    """What came of attempts, by whole hours."""

    window: Literal["1h", "24h", "7d", "30d"]
    since: str
    until: str
    attempts: int
    totals: Results
    status_codes: dict[str, int]
    errors: dict[str, int]
    duration_ms: Durations
    hours: list[HourResults]


class WebhookStats(Stats):
    """What came of the attempts to a webhook, by whole hours."""

    webhook_id: str

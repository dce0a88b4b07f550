"""The gateway's own events: what each tells, as schema and example. They carry ids, types and reasons, never
payload, and go only to webhooks that name them.

One row per type that this version sends; other names of `event_types.RESERVED_TYPES` are kept free for it.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from msgspec import Meta, Struct, to_builtins

from gateway.domain.event_types import CATALOGUE, EventType, schema_of
from gateway.domain.event_types import example as catalogue_example
from gateway.domain.event_types import schema as catalogue_schema

WebhookId = Annotated[str, Meta(description="The webhook it is about")]
Moment = Annotated[str, Meta(description="ISO 8601 in UTC, such as 2026-11-20T21:05:09.123Z")]
StatusCode = Annotated[int | None, Meta(description="What the receiver answered last; null: nothing")]
ErrorWord = Annotated[str | None, Meta(description="As in an attempt, such as timeout or http_status")]


class WebhookCreated(Struct, kw_only=True):
    webhook_id: WebhookId
    events: Annotated[list[str], Meta(description="The types and patterns it wants")]


class WebhookUpdated(Struct, kw_only=True):
    webhook_id: WebhookId
    fields: Annotated[list[str], Meta(description="Which fields have other values; the values are not told")]


class WebhookFailing(Struct, kw_only=True):
    webhook_id: WebhookId
    day: Annotated[int, Meta(description="For how many days it has been failing: 1, then 3")]
    failing_since: Moment
    failures: Annotated[int, Meta(ge=1, description="Since then")]
    last_status_code: StatusCode
    last_error: ErrorWord


class WebhookDisabled(Struct, kw_only=True):
    webhook_id: WebhookId
    reason: Annotated[
        str,
        Meta(
            description="by_user: a person did it; gone: the receiver answered 410; failing: it failed for "
            "days; or a later value",
            examples=["by_user", "gone", "failing"],
        ),
    ]


class DeliveryFailed(Struct, kw_only=True):
    delivery_id: str
    event_id: str
    event_type: str
    webhook_id: WebhookId
    reason: Annotated[
        str | None, Meta(description="exhausted: its schedule is used up; expired: its time was over")
    ]
    attempts_made: Annotated[int, Meta(ge=0)]
    last_status_code: StatusCode
    last_error: ErrorWord


_WEBHOOK: Final = "whk_01k9h3tz40b2d4f6h8k1m3p5q7"
_EXAMPLES: Final[dict[str, Struct]] = {
    "webhook.created": WebhookCreated(webhook_id=_WEBHOOK, events=["call.completed", "sms.*"]),
    "webhook.updated": WebhookUpdated(webhook_id=_WEBHOOK, fields=["url", "timeout_ms"]),
    "webhook.failing": WebhookFailing(
        webhook_id=_WEBHOOK, day=1, failing_since="2026-11-19T20:41:30.002Z", failures=37,
        last_status_code=500, last_error="http_status",
    ),
    "webhook.disabled": WebhookDisabled(webhook_id=_WEBHOOK, reason="failing"),
    "delivery.failed": DeliveryFailed(
        delivery_id="dlv_01k9h3v5q8a7c9e1g3j5k7m9n1", event_id="evt_01k9h3v5q8x2m4n6p7r9s1t3w5",
        event_type="sms.received", webhook_id=_WEBHOOK, reason="exhausted", attempts_made=10,
        last_status_code=None, last_error="timeout",
    ),
}  # fmt: skip

OWN: Final = {
    name: EventType(name, description, documented=False, struct=type(_EXAMPLES[name]))
    for name, description in (
        ("webhook.created", "A webhook was registered"),
        ("webhook.updated", "Something about a webhook was changed"),
        ("webhook.failing", "A webhook has been failing for one day, or three"),
        ("webhook.disabled", "A webhook was disabled, by a person or by itself"),
        ("delivery.failed", "A delivery was given up"),
    )
}


def known(event_type: str) -> EventType | None:
    """The row of a type: of the catalogue, or of the gateway's own events."""
    return CATALOGUE.get(event_type) or OWN.get(event_type)


def schema(event_type: str) -> dict[str, Any]:
    """The JSON Schema of a known type's `data`; shared, not to be changed. Raises KeyError for others."""
    return schema_of(OWN[event_type]) if event_type in OWN else catalogue_schema(event_type)


def example(event_type: str) -> dict[str, Any]:
    """A realistic `{"type", "data"}` of a known type."""
    if event_type in OWN:
        return {"type": event_type, "data": to_builtins(_EXAMPLES[event_type])}
    return catalogue_example(event_type)

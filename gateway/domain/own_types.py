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
OfWebhook = Annotated[str | None, Meta(description="The webhook it is about, if it is one")]
OfConnector = Annotated[str | None, Meta(description="The connector it is about, if it is one")]
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


class RotationUnconfirmed(Struct, kw_only=True, omit_defaults=True):
    webhook_id: OfWebhook = None
    connector_id: OfConnector = None
    started_at: Moment
    ends_at: Annotated[str, Meta(description="When the old secret ends")]
    takes: Annotated[
        str | None,
        Meta(
            description="The secret that was accepted last since it began: old; null: none", examples=["old"]
        ),
    ]


class SecretRotated(Struct, kw_only=True, omit_defaults=True):
    webhook_id: OfWebhook = None
    connector_id: OfConnector = None
    started_at: Moment
    ends_at: Annotated[str, Meta(description="When the old secret ends")]


class ConnectorFailing(Struct, kw_only=True):
    connector_id: Annotated[str, Meta(description="The connector it is about")]
    day: Annotated[
        int | None,
        Meta(description="For how many days it has been failing: 1, then 3; null: it was disabled"),
    ]
    failing_since: Annotated[str | None, Meta(description="ISO 8601 in UTC")]
    failures: Annotated[int, Meta(ge=1, description="Since then")]
    last_status_code: StatusCode
    last_error: ErrorWord
    disabled_reason: Annotated[
        str | None,
        Meta(
            description="Set when it was disabled: failing, after failing for days; gone, after a 410",
            examples=["failing", "gone"],
        ),
    ]


class CallerResolved(Struct, kw_only=True):
    resolution_id: Annotated[str, Meta(description="The resolution that says more now")]
    call_id: Annotated[str | None, Meta(description="HUM's call, if the question named it")]
    status: Annotated[
        str,
        Meta(
            description="found, not_found or unknown, as in the answer to a resolve",
            examples=["found", "not_found", "unknown"],
        ),
    ]
    source: Annotated[
        str,
        Meta(
            description="fresh, stale, partial or none, as in the answer to a resolve",
            examples=["fresh", "partial", "none"],
        ),
    ]
    pending: Annotated[list[str], Meta(description="Who is still being asked; empty: this is the last word")]
    revision: Annotated[int, Meta(ge=1, description="Which form of the answer this is; the latest counts")]


class ContactErased(Struct, kw_only=True):
    id: Annotated[str, Meta(description="The erasure's job")]
    person: Annotated[str, Meta(description="A keyed hash of the number: the same for the same person")]


class DeliveryFailed(Struct, kw_only=True, omit_defaults=True):
    delivery_id: str
    event_id: str
    event_type: str
    webhook_id: OfWebhook = None
    connector_id: OfConnector = None
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
    "webhook.rotation_unconfirmed": RotationUnconfirmed(
        webhook_id=_WEBHOOK, started_at="2026-11-20T09:00:00.000Z", ends_at="2026-11-21T09:00:00.000Z",
        takes="old",
    ),
    "secret.rotated": SecretRotated(
        webhook_id=_WEBHOOK, started_at="2026-11-20T09:00:00.000Z", ends_at="2026-11-21T09:00:00.000Z",
    ),
    "connector.failing": ConnectorFailing(
        connector_id="cnr_01k9h3w2m8a1c3e5g7j9k2m4n6", day=3, failing_since="2026-11-17T20:41:30.002Z",
        failures=41, last_status_code=503, last_error="http_status", disabled_reason=None,
    ),
    "caller.resolved": CallerResolved(
        resolution_id="res_01k9h5c2d4e6f8g1h3j5k7m9n1", call_id="call_01k9h5c1x2", status="found",
        source="fresh", pending=[], revision=1,
    ),
    "contact.erased": ContactErased(
        id="job_01k9h4a1b3c5d7e9f1g3h5j7k9", person="6c1f0d2b9a3e4f58a7b0c9d8e1f2a3b4",
    ),
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
        ("webhook.rotation_unconfirmed", "A rotated secret was never accepted, and the old one ends soon"),
        ("secret.rotated", "A secret was rotated"),
        ("connector.failing", "A connector has been failing for one day, or three, or was disabled for it"),
        ("caller.resolved", "A source has answered after the deadline of the question who is calling"),
        ("contact.erased", "A person was erased"),
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

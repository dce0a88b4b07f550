"""Webhooks and the rotation of their secrets."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypedDict

from msgspec import Meta

from gateway.web.answers.fields import Cursor, DeliveryId, OrgId, Time, WebhookId
from gateway.web.answers.problems import Mistake


class LastDelivery(TypedDict):
    """The attempt that ended last."""

    id: DeliveryId | None
    at: Time | None
    status_code: int | None
    error: str | None


class Rotation(TypedDict):
    """A secret that is being changed: until `ends_at` both sign."""

    state: Annotated[
        Literal["started", "confirmed", "unconfirmed"],
        Meta(
            description="`confirmed`: a request that the new secret led got a 2xx. `unconfirmed`: half "
            "of the period is over, and none was."
        ),
    ]
    started_at: Time
    ends_at: Annotated[Time, Meta(description="From then on the old secret signs nothing.")]
    leading: Annotated[
        Literal["old", "new"], Meta(description="Which secret `X-HUM-Signature` is made with first.")
    ]
    confirmed: bool


class Webhook(TypedDict):
    """A registered URL and what it wants to hear."""

    id: WebhookId
    org_id: OrgId
    url: Annotated[str, Meta(description="Viewers see it without path and query, which may be secrets.")]
    events: Annotated[list[str], Meta(description="Types and patterns such as `sms.*`.")]
    filter: str | None
    description: str
    headers: Annotated[
        dict[str, Literal["[secret]"]], Meta(description="Names only: values are never shown again.")
    ]
    enabled: bool
    status: Literal["enabled", "disabled"]
    disabled_reason: Annotated[
        Literal["by_user", "gone", "failing"] | None,
        Meta(description="`gone`: the receiver answered 410. `failing`: it failed for days."),
    ]
    has_secret: bool
    failing_since: Annotated[Time | None, Meta(description="The first failure after the last success.")]
    held_until: Annotated[
        Time | None,
        Meta(
            description="Until when it is left alone, because its receiver answered 429 or 503 with "
            "`Retry-After`; null when it is not held (releaseWebhook)."
        ),
    ]
    rotation: Annotated[
        Rotation | None, Meta(description="Null unless the secret is being rotated (rotateSecret).")
    ]
    last_delivery: LastDelivery | None
    timeout_ms: int
    rate_limit_per_second: int | None
    retry_schedule: Annotated[list[int] | None, Meta(description="Null: the operator's schedule.")]
    max_hold_seconds: int
    ordered: bool
    profile: str
    api_version: Annotated[str, Meta(description="The version of the envelope that it gets.")]
    created_at: Time
    updated_at: Time


class NewWebhook(Webhook):
    """The webhook and its secret, which is shown this once."""

    secret: Annotated[
        str | None, Meta(description="Keep it: it is not shown again. Null for one that you brought along.")
    ]


WARNINGS = Meta(
    description="What is most likely a mistake, though it was taken: an event type that is nearly one of the "
    "catalogue."
)


class CreatedWebhook(NewWebhook):
    """The new webhook, its secret, and what looks like a mistake."""

    warnings: Annotated[list[Mistake], WARNINGS]


class ChangedWebhook(Webhook):
    """The webhook as it is now, and what looks like a mistake in the change."""

    warnings: Annotated[list[Mistake], WARNINGS]


WAS_HELD: Final = Meta(
    description="Until when the hold that this has ended would have lasted; null: the webhook was not held."
)


class ReleasedWebhook(Webhook):
    """The webhook, and what was ended."""

    was_held_until: Annotated[Time | None, WAS_HELD]


class WebhookList(TypedDict):
    """A page of webhooks."""

    data: list[Webhook]
    next_cursor: Cursor

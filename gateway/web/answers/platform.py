"""What the API answers about the platform's webhooks and about test deliveries; as in `web.answers`."""

from __future__ import annotations

from typing import Annotated, TypedDict

from msgspec import Meta

from gateway.web.answers.fields import Cursor, DeliveryId, Milliseconds, Time
from gateway.web.answers.problems import Mistake
from gateway.web.answers.webhooks import WARNINGS, WAS_HELD, Webhook


class PlatformWebhook(Webhook):
    """A webhook of the platform; `org_id` is `*`."""

    organizations: Annotated[list[str] | None, Meta(description="Only these; null: all of them.")]


class NewPlatformWebhook(PlatformWebhook):
    """A platform webhook with a secret that no other answer shows."""

    secret: Annotated[
        str | None, Meta(description="Keep it: it is not shown again. Null for one that you brought along.")
    ]


class CreatedPlatformWebhook(NewPlatformWebhook):
    """The new webhook, its secret, and what looks like a mistake."""

    warnings: Annotated[list[Mistake], WARNINGS]


class ChangedPlatformWebhook(PlatformWebhook):
    """The webhook as it is now, and what looks like a mistake in the change."""

    warnings: Annotated[list[Mistake], WARNINGS]


class ReleasedPlatformWebhook(PlatformWebhook):
    """The webhook, and what was ended."""

    was_held_until: Annotated[Time | None, WAS_HELD]


class TestResult(TypedDict):
    """What came of a test delivery."""

    ok: Annotated[bool, Meta(description="Whether the receiver answered 2xx.")]
    status_code: Annotated[int | None, Meta(description="Null when there was no answer.")]
    duration_ms: Milliseconds
    error: Annotated[str | None, Meta(description="As in an attempt; null for a 2xx.")]
    error_detail: Annotated[str, Meta(description="The error in a sentence.")]
    response_body: Annotated[
        str | None,
        Meta(description="The first 16 KiB. A platform key sees it only with the scope `payload:read`."),
    ]
    delivery_id: Annotated[DeliveryId, Meta(description="Under which the test stands in the history.")]


class PlatformWebhookList(TypedDict):
    """A page of platform webhooks."""

    data: list[PlatformWebhook]
    next_cursor: Cursor

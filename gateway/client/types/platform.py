"""What the API answers about the platform's own webhooks, as types; see `gateway.client.types`."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.client.types.events import Mistake
from gateway.client.types.webhooks import Webhook, WebhookChanges, WebhookSettings


class PlatformWebhook(Webhook):
    """A webhook of the platform; `organizations` None: over all of them. Its `org_id` is `*`."""

    organizations: list[str] | None


class NewPlatformWebhook(PlatformWebhook):
    """With its secret, which is shown this once; None for one that was brought along."""

    secret: str | None


class CreatedPlatformWebhook(NewPlatformWebhook):
    """The new webhook and its secret."""

    warnings: list[Mistake]


class ChangedPlatformWebhook(PlatformWebhook):
    """The webhook as it is now."""

    warnings: list[Mistake]


class ReleasedPlatformWebhook(PlatformWebhook):
    """The webhook, and until when the hold that was ended would have lasted; None: it was not held."""

    was_held_until: str | None


class PlatformWebhookSettings(WebhookSettings, total=False):
    """What a platform webhook is created with; types are named in full."""

    organizations: Sequence[str] | None


class PlatformWebhookChanges(WebhookChanges, total=False):
    """A merge patch; None in `organizations` is all of them."""

    organizations: Sequence[str] | None

"""The platform's own webhooks, over all organizations or listed ones; for platform keys."""

from __future__ import annotations

from typing import Final, Unpack

from gateway.client.call import call, listing
from gateway.client.request import Listing, Request, segment
from gateway.client.types import (
    ChangedPlatformWebhook,
    CreatedPlatformWebhook,
    Delivery,
    PlatformWebhook,
    PlatformWebhookChanges,
    PlatformWebhookSettings,
    TestResult,
)

_PATH: Final = "/api/platform/webhooks"


def _of(webhook_id: str) -> str:
    return f"{_PATH}/{segment(webhook_id)}"


class PlatformCalls:
    @call
    def create_platform_webhook(
        self, **webhook: Unpack[PlatformWebhookSettings]
    ) -> Request[CreatedPlatformWebhook]:
        """The webhook and its `secret`, which no other call shows. Without `organizations`: over all of them.

        client.create_platform_webhook(url="https://core.example.com/hum", events=["webhook.disabled"])
        """
        return Request("POST", _PATH, json=webhook)

    @listing
    def list_platform_webhooks(self, *, limit: int | None = None) -> Listing[PlatformWebhook]:
        """Newest first.

        [webhook["organizations"] for webhook in client.list_platform_webhooks()]
        """
        return Listing(_PATH, limit=limit)

    @call
    def get_platform_webhook(self, webhook_id: str) -> Request[PlatformWebhook]:
        """One of them.

        client.get_platform_webhook("whk_01k9…")["failing_since"]
        """
        return Request("GET", _of(webhook_id))

    @call
    def update_platform_webhook(
        self, webhook_id: str, **changes: Unpack[PlatformWebhookChanges]
    ) -> Request[ChangedPlatformWebhook]:
        """Merge patch: None removes, what is not named stays.

        client.update_platform_webhook("whk_01k9…", organizations=["acme"])
        """
        return Request("PATCH", _of(webhook_id), json=changes)

    @call
    def delete_platform_webhook(self, webhook_id: str) -> Request[None]:
        """Its pending deliveries are cancelled, its history stays.

        client.delete_platform_webhook("whk_01k9…")
        """
        return Request("DELETE", _of(webhook_id))

    @call
    def enable_platform_webhook(
        self, webhook_id: str, *, pending: str | None = None
    ) -> Request[PlatformWebhook]:
        """`pending`: "deliver" or "discard" what was collected meanwhile.

        client.enable_platform_webhook("whk_01k9…")
        """
        body = {"pending": pending} if pending else None
        return Request("POST", f"{_of(webhook_id)}/enable", json=body)

    @call
    def disable_platform_webhook(self, webhook_id: str) -> Request[PlatformWebhook]:
        """No deliveries are made until it is enabled; what is pending waits.

        client.disable_platform_webhook("whk_01k9…")
        """
        return Request("POST", f"{_of(webhook_id)}/disable")

    @call
    def test_platform_webhook(
        self,
        webhook_id: str,
        *,
        type: str | None = None,  # noqa: A002
    ) -> Request[TestResult]:
        """As `test_webhook`.

        client.test_platform_webhook("whk_01k9…")["ok"]
        """
        return Request("POST", f"{_of(webhook_id)}/test", json={"type": type} if type else None)

    @listing
    def platform_webhook_deliveries(
        self,
        webhook_id: str,
        *,
        limit: int | None = None,
        order: str | None = None,
        event_id: str | None = None,
        status: str | None = None,
        type: str | None = None,  # noqa: A002
        since: str | None = None,
        until: str | None = None,
    ) -> Listing[Delivery]:
        """Newest first. `since` is inclusive, `until` exclusive.

        [delivery["status"] for delivery in client.platform_webhook_deliveries("whk_01k9…")]
        """
        filters = {"event_id": event_id, "status": status, "type": type, "since": since, "until": until}
        return Listing(f"{_of(webhook_id)}/deliveries", {**filters, "order": order}, limit)

"""Webhooks: registering receivers and managing them."""

from __future__ import annotations

from typing import Any, Unpack

from gateway.client.call import call, listing
from gateway.client.request import Listing, Request, segment
from gateway.client.types import (
    ChangedWebhook,
    CreatedWebhook,
    NewWebhook,
    ReleasedWebhook,
    TestResult,
    Webhook,
    WebhookChanges,
    WebhookSettings,
)


def rotation_body(grace_period_seconds: int | None, secret: str | None, force: bool) -> dict[str, Any]:
    """The body of a rotation: what is given."""
    given = {"grace_period_seconds": grace_period_seconds, "secret": secret, "force": force or None}
    return {name: value for name, value in given.items() if value is not None}


class WebhookCalls:
    @call
    def create_webhook(self, **webhook: Unpack[WebhookSettings]) -> Request[CreatedWebhook]:
        """The webhook and its `secret`, which no other call shows.

        client.create_webhook(url="https://crm.example.com/hook", events=["call.*"])["secret"]
        """
        return Request("POST", "/api/webhooks", json=webhook)

    @listing
    def list_webhooks(self, *, limit: int | None = None) -> Listing[Webhook]:
        """Newest first.

        [webhook["url"] for webhook in client.list_webhooks()]
        """
        return Listing("/api/webhooks", limit=limit)

    @call
    def get_webhook(self, webhook_id: str) -> Request[Webhook]:
        """One webhook.

        client.get_webhook("whk_01k9…")["failing_since"]
        """
        return Request("GET", f"/api/webhooks/{segment(webhook_id)}")

    @call
    def update_webhook(self, webhook_id: str, **changes: Unpack[WebhookChanges]) -> Request[ChangedWebhook]:
        """Merge patch: None removes, what is not named stays.

        client.update_webhook("whk_01k9…", events=["call.*", "sms.*"], headers={"X-Env": None})
        """
        return Request("PATCH", f"/api/webhooks/{segment(webhook_id)}", json=changes)

    @call
    def delete_webhook(self, webhook_id: str) -> Request[None]:
        """Its pending deliveries are cancelled, its history stays.

        client.delete_webhook("whk_01k9…")
        """
        return Request("DELETE", f"/api/webhooks/{segment(webhook_id)}")

    @call
    def enable_webhook(self, webhook_id: str, *, pending: str | None = None) -> Request[Webhook]:
        """`pending`: "deliver" or "discard" what was collected meanwhile.

        client.enable_webhook("whk_01k9…", pending="discard")
        """
        body = {"pending": pending} if pending else None
        return Request("POST", f"/api/webhooks/{segment(webhook_id)}/enable", json=body)

    @call
    def disable_webhook(self, webhook_id: str) -> Request[Webhook]:
        """No deliveries are made until it is enabled; what is pending waits.

        client.disable_webhook("whk_01k9…")
        """
        return Request("POST", f"/api/webhooks/{segment(webhook_id)}/disable")

    @call
    def test_webhook(
        self,
        webhook_id: str,
        *,
        type: str | None = None,  # noqa: A002
    ) -> Request[TestResult]:
        """One sample now, also while it is disabled: of `type`, or a `webhook.test`. Counts nowhere.

        client.test_webhook("whk_01k9…")["ok"]
        """
        body = {"type": type} if type else None
        return Request("POST", f"/api/webhooks/{segment(webhook_id)}/test", json=body)

    @call
    def release_webhook(self, webhook_id: str) -> Request[ReleasedWebhook]:
        """Ends the pause that its receiver has asked for; what was held is sent now.

        client.release_webhook("whk_01k9…")["was_held_until"]
        """
        return Request("POST", f"/api/webhooks/{segment(webhook_id)}/release")

    @call
    def rotate_secret(
        self,
        webhook_id: str,
        *,
        grace_period_seconds: int | None = None,
        secret: str | None = None,
        force: bool = False,
        idempotency_key: str | None = None,
    ) -> Request[NewWebhook]:
        """The webhook and its new `secret`, which no other call shows; the old one signs, too, until the
        grace period ends (a day by default).

        client.rotate_secret("whk_01k9…", grace_period_seconds=3600)["secret"]
        """
        body = rotation_body(grace_period_seconds, secret, force)
        path = f"/api/webhooks/{segment(webhook_id)}/rotate-secret"
        return Request("POST", path, json=body, idempotency_key=idempotency_key)

    @call
    def finish_rotation(self, webhook_id: str) -> Request[Webhook]:
        """From now on the old secret signs nothing.

        client.finish_rotation("whk_01k9…")
        """
        return Request("POST", f"/api/webhooks/{segment(webhook_id)}/rotate-secret/finish")

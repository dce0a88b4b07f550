"""The platform's own webhooks, over all organizations or listed ones; for platform keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Unpack

from gateway.client.call import call, listing
from gateway.client.calls.redeliveries import Which, range_body, redelivery_body
from gateway.client.calls.webhooks import rotation_body
from gateway.client.jobs import DryRun, Job
from gateway.client.request import Listing, Request, segment
from gateway.client.types import (
    ChangedPlatformWebhook,
    CreatedPlatformWebhook,
    Delivery,
    NewPlatformWebhook,
    PlatformWebhook,
    PlatformWebhookChanges,
    PlatformWebhookSettings,
    ReleasedPlatformWebhook,
    TestResult,
    WebhookStats,
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

    @call
    def release_platform_webhook(self, webhook_id: str) -> Request[ReleasedPlatformWebhook]:
        """Ends the pause that the receiver has asked for.

        client.release_platform_webhook("whk_01k9…")["was_held_until"]
        """
        return Request("POST", f"{_of(webhook_id)}/release")

    @call
    def rotate_platform_secret(
        self,
        webhook_id: str,
        *,
        grace_period_seconds: int | None = None,
        secret: str | None = None,
        force: bool = False,
        idempotency_key: str | None = None,
    ) -> Request[NewPlatformWebhook]:
        """As `rotate_secret`.

        client.rotate_platform_secret("whk_01k9…", grace_period_seconds=3600)["secret"]
        """
        body = rotation_body(grace_period_seconds, secret, force)
        path = f"{_of(webhook_id)}/rotate-secret"
        return Request("POST", path, json=body, idempotency_key=idempotency_key)

    @call
    def finish_platform_rotation(self, webhook_id: str) -> Request[PlatformWebhook]:
        """Ends a grace period: the old secret signs nothing more.

        client.finish_platform_rotation("whk_01k9…")
        """
        return Request("POST", f"{_of(webhook_id)}/rotate-secret/finish")

    @call
    def redeliver_platform_range(
        self,
        webhook_id: str,
        *,
        types: list[str] | None = None,
        since: str | None = None,
        until: str | None = None,
        which: Which | None = None,
        status_code: int | None = None,
        event_ids: Sequence[str] | None = None,
    ) -> Request[Job]:
        """As `redeliver_range`.

        client.redeliver_platform_range("whk_01k9…", since="2026-11-20T19:00:00Z")["id"]
        """
        body = redelivery_body(types, since, until, which, status_code, event_ids)
        return Request("POST", f"{_of(webhook_id)}/redeliver", json=body)

    @call
    def count_platform_redelivery(
        self,
        webhook_id: str,
        *,
        types: list[str] | None = None,
        since: str | None = None,
        until: str | None = None,
        which: Which | None = None,
        status_code: int | None = None,
        event_ids: Sequence[str] | None = None,
    ) -> Request[DryRun]:
        """How many events `redeliver_platform_range` would send; nothing is sent.

        client.count_platform_redelivery("whk_01k9…")["matched"]
        """
        body = redelivery_body(types, since, until, which, status_code, event_ids) | {"dry_run": True}
        return Request("POST", f"{_of(webhook_id)}/redeliver", json=body)

    @call
    def replay_platform_range(
        self,
        webhook_id: str,
        *,
        types: list[str] | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> Request[Job]:
        """As `replay_range`, over all organizations or those that the webhook lists.

        client.replay_platform_range("whk_01k9…", since="2026-11-20T19:00:00Z")["id"]
        """
        return Request("POST", f"{_of(webhook_id)}/replay", json=range_body(types, since, until))

    @call
    def count_platform_replay(
        self,
        webhook_id: str,
        *,
        types: list[str] | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> Request[DryRun]:
        """How many events `replay_platform_range` would send; nothing is sent.

        client.count_platform_replay("whk_01k9…")["matched"]
        """
        body = range_body(types, since, until) | {"dry_run": True}
        return Request("POST", f"{_of(webhook_id)}/replay", json=body)

    @call
    def retry_platform_webhook(self, webhook_id: str) -> Request[Job]:
        """As `retry_webhook`.

        client.retry_platform_webhook("whk_01k9…")["id"]
        """
        return Request("POST", f"{_of(webhook_id)}/retry")

    @call
    def count_platform_retry(self, webhook_id: str) -> Request[DryRun]:
        """How many deliveries `retry_platform_webhook` would bring forward; nothing is sent.

        client.count_platform_retry("whk_01k9…")["matched"]
        """
        return Request("POST", f"{_of(webhook_id)}/retry", json={"dry_run": True})

    @call
    def platform_webhook_stats(self, webhook_id: str, *, window: str | None = None) -> Request[WebhookStats]:
        """As `webhook_stats`.

        client.platform_webhook_stats("whk_01k9…", window="7d")["totals"]["failed"]
        """
        return Request("GET", f"{_of(webhook_id)}/stats", {"window": window})

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

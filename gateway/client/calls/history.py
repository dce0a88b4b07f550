"""What became of events: explanations, statistics, and exports that are too long to hold."""

from __future__ import annotations

from typing import Final

from gateway.client.call import call, download
from gateway.client.request import Download, Request, segment
from gateway.client.types import Explanation, WebhookStats

_MEDIA_TYPES: Final = {"csv": "text/csv", "ndjson": "application/x-ndjson"}


class HistoryCalls:
    @call
    def explain_webhook(self, webhook_id: str, event_id: str) -> Request[Explanation]:
        """Whether the event would make a delivery to the webhook as that is now, and why.

        client.explain_webhook("whk_01k9…", "evt_01k9…")["because"]
        """
        body = {"event_id": event_id}
        return Request("POST", f"/api/webhooks/{segment(webhook_id)}/explain", json=body)

    @call
    def webhook_stats(self, webhook_id: str, *, window: str | None = None) -> Request[WebhookStats]:
        """What came of the attempts over `window`: "1h", "24h", "7d" or "30d".

        client.webhook_stats("whk_01k9…", window="7d")["totals"]["failed"]
        """
        return Request("GET", f"/api/webhooks/{segment(webhook_id)}/stats", {"window": window})

    @download
    def export_deliveries(
        self,
        *,
        format: str = "csv",  # noqa: A002
        webhook_id: str | None = None,
        order: str | None = None,
        event_id: str | None = None,
        status: str | None = None,
        type: str | None = None,  # noqa: A002
        since: str | None = None,
        until: str | None = None,
        last_status_code: int | None = None,
        last_error: str | None = None,
    ) -> Download:
        """Every delivery that matches, as "csv" or "ndjson". One that breaks off raises: it is not whole.

        with open("failed.csv", "wb") as file:
            file.writelines(client.export_deliveries(status="failed", since="2026-11-20T00:00:00Z"))
        """
        path = f"/api/webhooks/{segment(webhook_id)}/deliveries" if webhook_id else "/api/deliveries"
        filters = {
            "order": order, "event_id": event_id, "status": status, "type": type, "since": since,
            "until": until, "last_status_code": last_status_code, "last_error": last_error,
        }  # fmt: skip
        return Download(path, filters, _MEDIA_TYPES[format])

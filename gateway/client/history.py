"""What became of events: explanations, statistics, and exports that are too long to hold."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import httpx

from gateway.client.http import GatewayError, HttpClient, Json, error_of

MEDIA_TYPES = {"csv": "text/csv", "ndjson": "application/x-ndjson"}


class History(HttpClient):
    """The part of `GatewayClient` that looks back."""

    def explain_webhook(self, webhook_id: str, event_id: str) -> Json:
        """Whether the event would make a delivery to the webhook, and why: `matches`, `because`, and its
        parts `status`, `events` and `filter`."""
        path = f"/api/webhooks/{quote(webhook_id, safe='')}/explain"
        found: Json = self.request("POST", path, json={"event_id": event_id})
        return found

    def webhook_stats(self, webhook_id: str, *, window: str | None = None) -> Json:
        """What came of the attempts over `window`: 1h, 24h, 7d or 30d."""
        path = f"/api/webhooks/{quote(webhook_id, safe='')}/stats"
        found: Json = self.request("GET", path, params={"window": window})
        return found

    def export_deliveries(
        self,
        *,
        format: str = "csv",  # noqa: A002
        webhook_id: str | None = None,
        **filters: str | None,
    ) -> Iterator[bytes]:
        """The pieces of an export of every delivery that matches, as `csv` or `ndjson`; filters as in
        `list_deliveries`. One that breaks off raises: what came is not all. It is not tried again."""
        path = f"/api/webhooks/{quote(webhook_id, safe='')}/deliveries" if webhook_id else "/api/deliveries"
        given = {name: value for name, value in filters.items() if value is not None}
        headers = {"Accept": MEDIA_TYPES[format]}
        try:
            with self._http.stream("GET", path, params=given, headers=headers) as response:
                if not response.is_success:
                    response.read()
                    raise error_of(response)
                yield from response.iter_bytes()
        except httpx.TransportError as cause:
            message = f"the export from {self.url} broke off: {cause}"
            raise GatewayError(0, "unreachable", message) from None

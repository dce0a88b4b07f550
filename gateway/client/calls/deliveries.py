"""Deliveries: what was sent where, and how each attempt went."""

from __future__ import annotations

from gateway.client.call import call, listing
from gateway.client.request import Listing, Request, segment
from gateway.client.types import Delivery, DeliveryWithAttempts


class DeliveryCalls:
    @listing
    def list_deliveries(
        self,
        *,
        webhook_id: str | None = None,
        limit: int | None = None,
        order: str | None = None,
        event_id: str | None = None,
        status: str | None = None,
        type: str | None = None,  # noqa: A002
        since: str | None = None,
        until: str | None = None,
    ) -> Listing[Delivery]:
        """Newest first. `since` is inclusive, `until` exclusive.

        for delivery in client.list_deliveries(status="failed", since="2026-11-20T00:00:00Z"):
            print(delivery["id"], delivery["last_error"])
        """
        path = f"/api/webhooks/{segment(webhook_id)}/deliveries" if webhook_id else "/api/deliveries"
        filters = {"event_id": event_id, "status": status, "type": type, "since": since, "until": until}
        return Listing(path, {**filters, "order": order}, limit)

    @call
    def get_delivery(self, delivery_id: str) -> Request[DeliveryWithAttempts]:
        """With `payload` and `attempts`.

        client.get_delivery("dlv_01k9…")["attempts"][-1]["response_body"]
        """
        return Request("GET", f"/api/deliveries/{segment(delivery_id)}")

    @call
    def raw_delivery(self, delivery_id: str) -> Request[bytes]:
        """The answer of `get_delivery` as bytes, numbers as they were sent.

        client.raw_delivery("dlv_01k9…")
        """
        return Request("GET", f"/api/deliveries/{segment(delivery_id)}", read=bytes)

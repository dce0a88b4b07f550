"""Events: sending them, reading them back, and the catalogue of their types."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.client.call import call, listing
from gateway.client.request import (
    Json,
    Listing,
    Request,
    data_of,
    encode,
    event_body,
    raw_json,
    segment,
)
from gateway.client.types import AcceptedEvent, BatchResult, Delivery, Event, EventType, EventWithData


class EventCalls:
    @call
    def send_event(
        self,
        type: str,  # noqa: A002
        data: bytes | Json,
        *,
        external_id: str | None = None,
        occurred_at: str | None = None,
        ordering_key: str | None = None,
        priority: str | None = None,
        expires_in: int | None = None,
        idempotency_key: str | None = None,
    ) -> Request[AcceptedEvent]:
        """Durable, with every delivery it makes, when this answers. Bytes in `data` go out as they are.

        Raises ValueError when `data` is not JSON, GatewayError when it is refused.

            client.send_event("sms.received", b'{"body": "Hello", "price": 1.10}')["deliveries"]
        """
        body = event_body(
            type,
            data,
            external_id=external_id,
            occurred_at=occurred_at,
            ordering_key=ordering_key,
            priority=priority,
            expires_in=expires_in,
        )
        return Request("POST", "/api/events", json=body, idempotency_key=idempotency_key)

    @call
    def send_batch(
        self, events: Sequence[Json | bytes], *, mode: str = "atomic", idempotency_key: str | None = None
    ) -> Request[list[BatchResult]]:
        """One result per event, in order; at most 1,000 events. An event is a dictionary, or bytes made by
        `event_body`. In the mode "each", a result may be an error.

            client.send_batch([{"type": "sms.received", "data": {"body": "1"}}], mode="each")
        """
        body = b'{"mode":%b,"events":[%b]}' % (encode(mode), b",".join(map(raw_json, events)))
        return Request("POST", "/api/events/batch", json=body, idempotency_key=idempotency_key, read=data_of)

    @listing
    def list_events(
        self,
        *,
        limit: int | None = None,
        type: str | None = None,  # noqa: A002
        since: str | None = None,
        until: str | None = None,
        order: str | None = None,
    ) -> Listing[Event]:
        """Newest first, without their data. `since` is inclusive, `until` exclusive.

        for event in client.list_events(type="call.completed", since="2026-11-20T00:00:00Z"):
            print(event["id"])
        """
        return Listing("/api/events", {"type": type, "since": since, "until": until, "order": order}, limit)

    @call
    def get_event(self, event_id: str) -> Request[EventWithData]:
        """One event with its data.

        client.get_event("evt_01k9…")["data"]
        """
        return Request("GET", f"/api/events/{segment(event_id)}")

    @call
    def raw_event(self, event_id: str) -> Request[bytes]:
        """The answer of `get_event` as bytes, numbers as they were sent.

        client.raw_event("evt_01k9…")
        """
        return Request("GET", f"/api/events/{segment(event_id)}", read=bytes)

    @listing
    def event_deliveries(self, event_id: str, *, limit: int | None = None) -> Listing[Delivery]:
        """To whom an event is owed, and how that stands.

        [delivery["status"] for delivery in client.event_deliveries("evt_01k9…")]
        """
        return Listing(f"/api/events/{segment(event_id)}/deliveries", limit=limit)

    @call
    def event_types(self) -> Request[list[EventType]]:
        """The catalogue, with JSON Schema and example of each type.

        [kind["name"] for kind in client.event_types()]
        """
        return Request("GET", "/api/event-types", read=data_of)

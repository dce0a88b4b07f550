"""The calls of the API by name. Bodies and answers are the documented JSON, as dictionaries."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterator, Sequence
from typing import NoReturn
from urllib.parse import quote

import httpx

from gateway.client.http import GatewayError, HttpClient, Json, Params, encode, error_of


def _segment(identifier: str) -> str:
    return quote(identifier, safe="")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def raw_json(data: bytes | Json) -> bytes:
    """`data` as JSON bytes; bytes stay as they are, down to `1.10` and 30-digit integers.

    Raises ValueError when bytes are not exactly one JSON value in UTF-8: they are set into a larger body, and
    must not be able to end it.
    """
    if not isinstance(data, bytes):
        return encode(data)
    try:
        # parse_int: Python refuses integers of more than 4,300 digits, the gateway does not.
        jsonlib.loads(data.decode(), parse_int=str, parse_float=str, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("the data is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"the data is not JSON: {error}") from None
    return data.strip(b" \t\r\n")


def event_body(type: str, data: bytes | Json, **optional: object) -> bytes:  # noqa: A002
    """The body of `POST /api/events`; members that are None are left out. Raises ValueError as `raw_json`."""
    members = {name: encode(value) for name, value in optional.items() if value is not None}
    members = {"type": encode(type), "data": raw_json(data)} | members
    return b"{" + b",".join(encode(name) + b":" + value for name, value in members.items()) + b"}"


class GatewayClient(HttpClient):
    """One gateway, one key; `org` is the organization a platform key acts for."""

    # Events

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
    ) -> Json:
        """`{"id", "type", "timestamp", "accepted_at", "deliveries"}`; bytes in `data` go out as they are.

        Raises ValueError when `data` is not JSON, GatewayError when it is refused.
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
        return self._object("POST", "/api/events", json=body, idempotency_key=idempotency_key)

    def send_batch(
        self, events: Sequence[Json | bytes], *, mode: str = "atomic", idempotency_key: str | None = None
    ) -> list[Json]:
        """One result per event, in order. An event is a dictionary, or bytes made by `event_body`."""
        body = b'{"mode":%b,"events":[%b]}' % (encode(mode), b",".join(map(raw_json, events)))
        answer = self._object("POST", "/api/events/batch", json=body, idempotency_key=idempotency_key)
        return list(answer["data"])

    def list_events(self, *, limit: int | None = None, **filters: str | None) -> Iterator[Json]:
        """Newest first; `type`, `since`, `until`."""
        return self.iterate("/api/events", filters, limit=limit)

    def get_event(self, event_id: str) -> Json:
        return self._object("GET", f"/api/events/{_segment(event_id)}")

    def raw_event(self, event_id: str) -> bytes:
        """The answer of `get_event` as bytes, numbers as they were sent."""
        return self.raw("GET", f"/api/events/{_segment(event_id)}")

    def event_deliveries(self, event_id: str, *, limit: int | None = None) -> Iterator[Json]:
        return self.iterate(f"/api/events/{_segment(event_id)}/deliveries", limit=limit)

    def event_types(self) -> list[Json]:
        return list(self._object("GET", "/api/event-types")["data"])

    # Webhooks

    def create_webhook(self, **webhook: object) -> Json:
        """The webhook and its `secret`, which no other call shows."""
        return self._object("POST", "/api/webhooks", json=webhook)

    def list_webhooks(self, *, limit: int | None = None) -> Iterator[Json]:
        return self.iterate("/api/webhooks", limit=limit)

    def get_webhook(self, webhook_id: str) -> Json:
        return self._object("GET", f"/api/webhooks/{_segment(webhook_id)}")

    def update_webhook(self, webhook_id: str, **changes: object) -> Json:
        """Merge patch: None removes."""
        return self._object("PATCH", f"/api/webhooks/{_segment(webhook_id)}", json=changes)

    def delete_webhook(self, webhook_id: str) -> None:
        """Its pending deliveries are cancelled, its history stays."""
        self.request("DELETE", f"/api/webhooks/{_segment(webhook_id)}")

    def enable_webhook(self, webhook_id: str, *, pending: str | None = None) -> Json:
        """`pending`: "deliver" or "discard" what was collected meanwhile."""
        body = {"pending": pending} if pending else None
        return self._object("POST", f"/api/webhooks/{_segment(webhook_id)}/enable", json=body)

    def disable_webhook(self, webhook_id: str) -> Json:
        return self._object("POST", f"/api/webhooks/{_segment(webhook_id)}/disable")

    def release_webhook(self, webhook_id: str) -> Json:
        """Ends the pause that its receiver has asked for."""
        return self._object("POST", f"/api/webhooks/{_segment(webhook_id)}/release")

    # Deliveries

    def list_deliveries(
        self, *, webhook_id: str | None = None, limit: int | None = None, **filters: str | None
    ) -> Iterator[Json]:
        """Newest first; `event_id`, `status`, `type`, `since`, `until`."""
        path = f"/api/webhooks/{_segment(webhook_id)}/deliveries" if webhook_id else "/api/deliveries"
        return self.iterate(path, filters, limit=limit)

    def get_delivery(self, delivery_id: str) -> Json:
        """With `payload` and `attempts`."""
        return self._object("GET", f"/api/deliveries/{_segment(delivery_id)}")

    def raw_delivery(self, delivery_id: str) -> bytes:
        """The answer of `get_delivery` as bytes, numbers as they were sent."""
        return self.raw("GET", f"/api/deliveries/{_segment(delivery_id)}")

    # Keys and state

    def create_key(self, **key: object) -> Json:
        """`{"id", "key", …}`; no other call shows `key`. Takes `platform`, `scopes`, `org_id`, `role`, …"""
        return self._object("POST", "/api/keys", json=key)

    def list_keys(self) -> Iterator[Json]:
        return self.iterate("/api/keys")

    def revoke_key(self, key_id: str) -> None:
        self.request("DELETE", f"/api/keys/{_segment(key_id)}")

    def status(self) -> Json:
        """Whether the gateway is ready: `{"ready": bool, …}` with what `/readyz` says. Tried once."""
        try:
            response = self._http.get("/readyz")
        except httpx.TransportError as cause:
            raise GatewayError(0, "unreachable", f"cannot reach {self.url}: {cause}") from None
        if response.status_code not in (200, 503):
            raise error_of(response)
        try:
            found = response.json()
        except ValueError:
            found = None
        return {"ready": response.is_success} | (found if isinstance(found, dict) else {})

    def _object(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        json: object = None,
        idempotency_key: str | None = None,
    ) -> Json:
        answer = self.request(method, path, params=params, json=json, idempotency_key=idempotency_key)
        return answer if isinstance(answer, dict) else {}

"""Connectors: the bridges to CRMs, what they were asked, and the calls they were sent."""

from __future__ import annotations

from typing import Any, Unpack

from gateway.client.call import call, listing
from gateway.client.jobs import DryRun, Job
from gateway.client.request import Listing, Request, segment
from gateway.client.types import (
    ChangedConnector,
    Connector,
    ConnectorChanges,
    ConnectorRequest,
    ConnectorRequestWithBodies,
    ConnectorSettings,
    ConnectorStats,
    Delivery,
    NewConnector,
    PingResult,
)


class ConnectorCalls:
    @call
    def create_connector(
        self, *, idempotency_key: str | None = None, **connector: Unpack[ConnectorSettings]
    ) -> Request[NewConnector]:
        """The connector and its `secret`, which no other call shows.

        client.create_connector(name="HubSpot", base_url="https://bridge.example.com/hum")["secret"]
        """
        return Request("POST", "/api/connectors", json=connector, idempotency_key=idempotency_key)

    @listing
    def list_connectors(self, *, limit: int | None = None) -> Listing[Connector]:
        """Newest first.

        [connector["name"] for connector in client.list_connectors()]
        """
        return Listing("/api/connectors", limit=limit)

    @call
    def get_connector(self, connector_id: str) -> Request[Connector]:
        """One connector.

        client.get_connector("cnr_01k9…")["status"]
        """
        return Request("GET", _path(connector_id))

    @call
    def update_connector(
        self, connector_id: str, **changes: Unpack[ConnectorChanges]
    ) -> Request[ChangedConnector]:
        """Merge patch: None gives a default back, what is not named stays. Another origin of `base_url` needs
        `rotate_secret`; the answer then holds the new `secret`.

        client.update_connector("cnr_01k9…", base_url="https://new.example.com", rotate_secret=True)
        """
        return Request("PATCH", _path(connector_id), json=changes)

    @call
    def delete_connector(self, connector_id: str) -> Request[None]:
        """Calls that it is still owed are cancelled, its history stays.

        client.delete_connector("cnr_01k9…")
        """
        return Request("DELETE", _path(connector_id))

    @call
    def enable_connector(self, connector_id: str, *, pending: str | None = None) -> Request[Connector]:
        """`pending`: "deliver" or "discard" the calls that were collected meanwhile.

        client.enable_connector("cnr_01k9…")
        """
        return Request("POST", _path(connector_id, "enable"), json={"pending": pending} if pending else None)

    @call
    def disable_connector(self, connector_id: str) -> Request[Connector]:
        """It is asked nothing and sent nothing until it is enabled.

        client.disable_connector("cnr_01k9…")
        """
        return Request("POST", _path(connector_id, "disable"))

    @call
    def rotate_connector_secret(
        self,
        connector_id: str,
        *,
        grace_period_seconds: int | None = None,
        secret: str | None = None,
        force: bool = False,
        idempotency_key: str | None = None,
    ) -> Request[NewConnector]:
        """The connector and its new `secret`, which no other call shows; the old one is used, too, until the
        grace period ends (a day by default).

        client.rotate_connector_secret("cnr_01k9…", grace_period_seconds=3600)["secret"]
        """
        given = {"grace_period_seconds": grace_period_seconds, "secret": secret, "force": force or None}
        return Request(
            "POST",
            _path(connector_id, "rotate-secret"),
            json={name: value for name, value in given.items() if value is not None},
            idempotency_key=idempotency_key,
        )

    @call
    def finish_connector_rotation(self, connector_id: str) -> Request[Connector]:
        """From now on the old secret is used no more.

        client.finish_connector_rotation("cnr_01k9…")
        """
        return Request("POST", _path(connector_id, "rotate-secret/finish"))

    @call
    def ping_connector(self, connector_id: str) -> Request[PingResult]:
        """Whether it answers and takes the secret; also while it is disabled.

        client.ping_connector("cnr_01k9…")["ok"]
        """
        return Request("POST", _path(connector_id, "ping"))

    @listing
    def connector_requests(
        self,
        connector_id: str,
        *,
        limit: int | None = None,
        order: str | None = None,
        kind: str | None = None,
        result: str | None = None,
        status_code: int | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> Listing[ConnectorRequest]:
        """The log of direct calls, newest first. `kind`: "lookup", "create", "ping" or "changes"; `result`:
        "succeeded" or "failed".

        [row["error"] for row in client.connector_requests("cnr_01k9…", result="failed", limit=10)]
        """
        filters: dict[str, Any] = {"kind": kind, "result": result, "status_code": status_code}
        filters |= {"since": since, "until": until, "order": order}
        return Listing(_path(connector_id, "requests"), filters, limit)

    @call
    def get_connector_request(self, request_id: str) -> Request[ConnectorRequestWithBodies]:
        """One direct call, with what was sent and what came back.

        client.get_connector_request("att_01k9…")["response_body"]
        """
        return Request("GET", f"/api/connector-requests/{segment(request_id)}")

    @listing
    def connector_deliveries(
        self,
        connector_id: str,
        *,
        limit: int | None = None,
        order: str | None = None,
        event_id: str | None = None,
        status: str | None = None,
        type: str | None = None,  # noqa: A002
        since: str | None = None,
        until: str | None = None,
        last_status_code: int | None = None,
        last_error: str | None = None,
    ) -> Listing[Delivery]:
        """The calls that were sent to it or wait to be, newest first.

        [delivery["status"] for delivery in client.connector_deliveries("cnr_01k9…", status="failed")]
        """
        filters: dict[str, Any] = {
            "event_id": event_id, "status": status, "type": type, "since": since, "until": until,
            "last_status_code": last_status_code, "last_error": last_error, "order": order,
        }  # fmt: skip
        return Listing(_path(connector_id, "deliveries"), filters, limit)

    @call
    def redeliver_connector(
        self, connector_id: str, *, since: str | None = None, until: str | None = None
    ) -> Request[Job]:
        """A job that sends again all calls whose latest delivery to it failed; without `since`, those of the
        last seven days.

        client.wait(client.redeliver_connector("cnr_01k9…", since="2026-11-20T19:00:00Z"))
        """
        return Request("POST", _path(connector_id, "redeliver"), json=_range(since, until))

    @call
    def count_connector_redelivery(
        self, connector_id: str, *, since: str | None = None, until: str | None = None
    ) -> Request[DryRun]:
        """How many calls `redeliver_connector` would send; nothing is sent.

        client.count_connector_redelivery("cnr_01k9…")["matched"]
        """
        body = _range(since, until) | {"dry_run": True}
        return Request("POST", _path(connector_id, "redeliver"), json=body)

    @call
    def retry_connector(self, connector_id: str) -> Request[Job]:
        """A job that tries at once the calls that wait for their next attempt.

        client.wait(client.retry_connector("cnr_01k9…"))
        """
        return Request("POST", _path(connector_id, "retry"))

    @call
    def count_connector_retry(self, connector_id: str) -> Request[DryRun]:
        """How many calls `retry_connector` would bring forward; nothing is sent.

        client.count_connector_retry("cnr_01k9…")["matched"]
        """
        return Request("POST", _path(connector_id, "retry"), json={"dry_run": True})

    @call
    def connector_stats(self, connector_id: str, *, window: str | None = None) -> Request[ConnectorStats]:
        """What came of the calls that were sent to it, over `window`: "1h", "24h", "7d" or "30d".

        client.connector_stats("cnr_01k9…", window="7d")["totals"]["failed"]
        """
        return Request("GET", _path(connector_id, "stats"), {"window": window})


def _path(connector_id: str, what: str = "") -> str:
    return f"/api/connectors/{segment(connector_id)}" + (f"/{what}" if what else "")


def _range(since: str | None, until: str | None) -> dict[str, Any]:
    return {name: value for name, value in (("since", since), ("until", until)) if value is not None}

"""The examples about connectors, as in `openapi.samples`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.web import answers

_AT: Final = "2026-11-20T21:05:09.123Z"
_CONNECTOR_ID: Final = "cnr_01k9h3tz40b2d4f6h8k1m3p5q7"
_DELIVERY_ID: Final = "dlv_01k9h3v5q8a7c9e1g3j5k7m9n1"
_REQUEST_ID: Final = "att_01k9h3v5q8x2m4n6p7r9s1t3w5"
_SECRET: Final = "whsec_" + "c2VjcmV0" * 5 + "c2Vj"
_BASE_URL: Final = "https://crm-bridge.example.com/hum"

connector: Final[answers.Connector] = {
    "id": _CONNECTOR_ID, "org_id": "acme", "name": "HubSpot", "base_url": _BASE_URL, "enabled": True,
    "status": "enabled", "disabled_reason": None, "has_secret": True, "failing_since": None, "rotation": None,
    "last_delivery": {
        "id": _DELIVERY_ID, "at": "2026-11-20T21:05:09.301Z", "status_code": 200, "error": None,
    },
    "lookup_health": {
        "state": "ok", "open_until": None, "last_answer_at": _AT, "last_answer_ms": 71,
        "last_error": "timeout", "last_error_at": "2026-11-20T19:44:51.870Z",
    },
    "timeout_ms": 4000, "create_contacts": False, "sync_calls": True, "sync_unknown": True, "priority": 0,
    "created_at": "2026-11-20T21:00:00.000Z", "updated_at": "2026-11-20T21:00:00.000Z",
}  # fmt: skip
rotation: Final[answers.Rotation] = {
    "state": "started", "started_at": _AT, "ends_at": "2026-11-21T21:05:09.123Z", "leading": "old",
    "confirmed": False,
}  # fmt: skip
pinged: Final[answers.PingResult] = {
    "ok": True, "status_code": 200, "duration_ms": 48, "error": None, "error_detail": "", "name": "HubSpot",
    "version": "1.4", "request_id": _REQUEST_ID,
}  # fmt: skip
request: Final[answers.ConnectorRequest] = {
    "id": _REQUEST_ID, "org_id": "acme", "connector_id": _CONNECTOR_ID, "kind": "lookup",
    "delivery_id": _DELIVERY_ID, "at": _AT, "duration_ms": 71, "status_code": 200, "error": None,
}  # fmt: skip
request_with_bodies: Final[answers.ConnectorRequestWithBodies] = {
    **request, "url": f"{_BASE_URL}/contacts/lookup",
    "request_headers": [
        ("Content-Type", "application/json"),
        ("Authorization", "Bearer [secret]"),
        ("X-HUM-Event", "contact.lookup"),
        ("X-HUM-Delivery", _DELIVERY_ID),
    ],
    "request_body": '{"phone":"+13175550123","org_id":"acme","call_id":"call_1001","direction":"inbound"}',
    "request_truncated": False, "response_headers": [("Content-Type", "application/json")],
    "response_body": '{"found": false}', "response_truncated": False, "error_detail": "", "payload": "kept",
}  # fmt: skip


def requests() -> Mapping[str, Mapping[str, Any]]:
    """Operation → name of the example → body."""
    return {
        "createConnector": {
            "connector": {"name": "HubSpot", "base_url": _BASE_URL, "create_contacts": True},
        },
        "updateConnector": {
            "patch": {"timeout_ms": 2500, "priority": 10},
            "moved": {"base_url": "https://bridge.example.net/hum", "rotate_secret": True},
        },
        "enableConnector": {"deliver": {"pending": "deliver"}},
        "disableConnector": {"nothing": {}},
        "rotateConnectorSecret": {
            "a_day": {"grace_period_seconds": 86400},
            "leaked": {"grace_period_seconds": 0, "force": True},
        },
        "finishConnectorRotation": {"nothing": {}},
        "pingConnector": {"nothing": {}},
        "redeliverConnector": {
            "dry run": {"since": "2026-11-20T19:00:00Z", "dry_run": True},
            "range": {"since": "2026-11-20T19:00:00Z"},
        },
        "retryConnector": {"dry run": {"dry_run": True}, "now": {}},
        "sendConnectorChanges": {
            "standard webhooks": {"phones": ["+13175550123", "+13175550142"]},
            "X-HUM-Signature alone": {"phones": ["+13175550123"], "timestamp": _AT},
        },
    }


def responses(
    deliveries: answers.DeliveryList, job: answers.Job, stats: answers.WebhookStats
) -> Mapping[str, Mapping[int, Any]]:
    """Operation → status → body. The deliveries, the job and the statistics are a webhook's."""
    target: answers.Target = {"type": "connector", "id": _CONNECTOR_ID}
    calls = [{**row, "event_type": "call.completed", "target": target} for row in deliveries["data"]]
    counted = {name: value for name, value in stats.items() if name != "webhook_id"}
    return {
        "createConnector": {201: {**connector, "last_delivery": None, "secret": _SECRET}},
        "listConnectors": {200: {"data": [connector], "next_cursor": None}},
        "getConnector": {200: connector},
        "updateConnector": {200: {**connector, "timeout_ms": 2500, "priority": 10, "secret": None}},
        "enableConnector": {200: connector},
        "disableConnector": {
            200: {**connector, "enabled": False, "status": "disabled", "disabled_reason": "by_user"}
        },
        "rotateConnectorSecret": {200: {**connector, "rotation": rotation, "secret": _SECRET}},
        "finishConnectorRotation": {200: connector},
        "pingConnector": {200: pinged},
        "listConnectorRequests": {200: {"data": [request], "next_cursor": None, "searched_until": None}},
        "getConnectorRequest": {200: request_with_bodies},
        "listConnectorDeliveries": {200: {**deliveries, "data": calls}},
        "redeliverConnector": {202: {**job, "object_id": _CONNECTOR_ID}, 200: {"matched": 12}},
        "retryConnector": {202: {**job, "object_id": _CONNECTOR_ID, "kind": "retry"}, 200: {"matched": 12}},
        "getConnectorStats": {200: {"connector_id": _CONNECTOR_ID, **counted}},
        "sendConnectorChanges": {202: {"dropped": 1}},
    }

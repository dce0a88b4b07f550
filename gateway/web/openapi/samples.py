"""The examples: requests that are accepted, and what they are answered. Typed, so mypy reads them too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.domain import event_types, own_types
from gateway.domain.event import API_VERSION
from gateway.domain.event_types import CATALOGUE
from gateway.web import answers
from gateway.web.openapi import samples_callers, samples_connectors, samples_contacts

_AT: Final = "2026-11-20T21:05:09.123Z"
_HELD_UNTIL: Final = "2026-11-20T21:35:00.000Z"
_EVENT_ID: Final = "evt_01k9h3v5q8x2m4n6p7r9s1t3w5"
_DELIVERY_ID: Final = "dlv_01k9h3v5q8a7c9e1g3j5k7m9n1"
_WEBHOOK_ID: Final = "whk_01k9h3tz40b2d4f6h8k1m3p5q7"
_JOB_ID: Final = "job_01k9h4a1b3c5d7e9f1g3h5j7k9"
_SHOWN: Final = "sms.received"
_NO_TYPE: Final = "must be dotted lower case, such as call.completed: segments of a-z, 0-9 and _"
_FILTER: Final = "type == 'call.completed' || contains(data.body || '', '?')"
_SECRET: Final = "whsec_" + "c2VjcmV0" * 5 + "c2Vj"

accepted: Final[answers.AcceptedEvent] = {
    "id": _EVENT_ID, "type": _SHOWN, "timestamp": _AT, "accepted_at": _AT, "deliveries": 1,
}  # fmt: skip
refused: Final[answers.RefusedEvent] = {
    "error": "invalid_request",
    "message": f"events[1].type: {_NO_TYPE}",
    "status": 422,
    "details": [
        {
            "field": "events[1].type",
            "message": _NO_TYPE,
        }
    ],
}
event: Final[answers.Event] = {
    "id": _EVENT_ID, "org_id": "acme", "type": _SHOWN, "timestamp": _AT, "accepted_at": _AT,
    "external_id": "msg_1001", "ordering_key": None, "priority": "normal",
    "expires_at": "2026-12-20T21:05:09.123Z", "verified": None, "schema_valid": True, "deliveries": 1,
}  # fmt: skip
webhook: Final[answers.Webhook] = {
    "id": _WEBHOOK_ID, "org_id": "acme", "url": "https://crm.example.com/hooks/hum",
    "events": ["call.completed", "sms.*"], "filter": None, "description": "calls into the CRM",
    "headers": {"X-Env": "[secret]"}, "enabled": True, "status": "enabled", "disabled_reason": None,
    "has_secret": True, "failing_since": None, "held_until": None, "rotation": None,
    "last_delivery": {
        "id": _DELIVERY_ID, "at": "2026-11-20T21:05:09.301Z", "status_code": 200, "error": None,
    },
    "timeout_ms": 15000, "rate_limit_per_second": None, "retry_schedule": None, "max_hold_seconds": 3600,
    "ordered": False, "profile": "hum", "api_version": API_VERSION, "created_at": "2026-11-20T21:00:00.000Z",
    "updated_at": "2026-11-20T21:00:00.000Z",
}  # fmt: skip
platform_webhook: Final[answers.PlatformWebhook] = {
    **webhook, "org_id": "*", "url": "https://core.example.com/hum", "description": "the core's ear",
    "events": ["webhook.disabled", "delivery.failed"], "headers": {}, "organizations": None,
}  # fmt: skip
tested: Final[answers.TestResult] = {
    "ok": True, "status_code": 200, "duration_ms": 171, "error": None, "error_detail": "",
    "response_body": "ok", "delivery_id": _DELIVERY_ID,
}  # fmt: skip
rotation: Final[answers.Rotation] = {
    "state": "started", "started_at": _AT, "ends_at": "2026-11-21T21:05:09.123Z", "leading": "old",
    "confirmed": False,
}  # fmt: skip
delivery: Final[answers.Delivery] = {
    "id": _DELIVERY_ID, "org_id": "acme", "event_id": _EVENT_ID, "event_type": _SHOWN,
    "target": {"type": "webhook", "id": _WEBHOOK_ID}, "status": "delivered", "reason": None,
    "attempts_made": 1, "next_attempt_at": None, "created_at": _AT,
    "completed_at": "2026-11-20T21:05:09.301Z", "expires_at": "2026-12-20T21:05:09.123Z",
    "redelivery_of": None, "last_status_code": 200, "last_error": None, "test": False,
}  # fmt: skip
signature_headers: Final[list[answers.Header]] = [
    ("Content-Type", "application/json"),
    ("User-Agent", "bluehive-hum-webhooks/1.0"),
    ("X-HUM-Signature", "sha256=5d1f0f1c4a4d7b8e2c3b6a9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c5b"),
    ("X-HUM-Event", _SHOWN),
    ("X-HUM-Delivery", _DELIVERY_ID),
    ("X-HUM-Attempt", "1"),
    ("webhook-id", _EVENT_ID),
    ("webhook-timestamp", "1795295109"),
    ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ("CDN-Loop", "hum-gateway; id=ins_01k9h3"),
]
attempt: Final[answers.Attempt] = {
    "id": "att_01k9h3v5q8a7c9e1g3j5k7m9n1_1", "number": 1, "started_at": "2026-11-20T21:05:09.130Z",
    "duration_ms": 171, "url": "https://crm.example.com/hooks/hum", "remote_ip": "203.0.113.20",
    "request_headers": [*signature_headers, ("X-Env", "[secret]")], "status_code": 200,
    "response_headers": [("Content-Type", "text/plain")], "response_body": "ok", "response_truncated": False,
    "error": None, "error_detail": "", "held": False, "swapped_from": None,
}  # fmt: skip
job: Final[answers.Job] = {
    "id": _JOB_ID, "org_id": "acme", "kind": "redeliver", "object_id": _WEBHOOK_ID, "status": "running",
    "cancel_requested": False, "matched": 2310, "done": 1200, "failed": 0, "error": None,
    "actor": "jo@example.com", "created_at": "2026-11-20T23:10:00.000Z",
    "updated_at": "2026-11-20T23:10:04.517Z", "finished_at": None,
}  # fmt: skip
explanation: Final[answers.Explanation] = {
    "event_id": _EVENT_ID, "event_type": _SHOWN, "webhook_id": _WEBHOOK_ID, "matches": False,
    "because": "data.body is \"Thank you!\", so contains(data.body, '?') is false",
    "status": {"matches": True, "because": "the webhook is enabled"},
    "events": {"matches": True, "because": "sms.* matches sms.received"},
    "filter": {
        "matches": False, "because": "data.body is \"Thank you!\", so contains(data.body, '?') is false",
        "steps": [
            {
                "expression": "contains(data.body, '?')", "column": 1, "depth": 0, "holds": False,
                "value": "false",
                "because": "data.body is \"Thank you!\", so contains(data.body, '?') is false",
            }
        ],
    },
    "delivery_id": None,
}  # fmt: skip
key: Final[answers.ApiKey] = {
    "id": "key_01k9h3s2m6w8y1a3c5e7g9j2k4", "platform": False, "org_id": "acme", "role": "viewer",
    "scopes": [], "hint": "hum_live_q7Zp…", "name": "dashboard", "created_at": "2026-11-20T21:00:00.000Z",
    "expires_at": "2027-02-18T21:00:00.000Z", "revoked_at": None,
}  # fmt: skip


console_link: Final[answers.ConsoleLink] = {
    "url": "https://hooks.example.com/console/enter/2l9v…", "org_id": "acme", "role": "operator",
    "actor": "Ada at the front desk", "expires_at": _AT,
}  # fmt: skip
organization: Final[answers.Organization] = {
    "id": "acme", "retention_days": 90, "own_numbers": ["+13175550100"],
    "default_region": "DE", "context_template": None,
    "caller_fields": {"A": ["name", "notes", "fields.plan"], "B": None, "C": None, "none": ["name"]},
    "lookup_budget": None, "has_lookup_credentials": False,
    "lookups_today": {"used": 12, "budget": 1_000},
    "lookup_cache_days": {"caller_name": 90, "line_type": 30, "carrier": 30},
    "audit_head": "5d1f0f1c4a4d7b8e2c3b6a9f8e7d6c5b" * 2,
    "created_at": "2026-11-20T21:00:00.000Z", "erased_at": None,
}  # fmt: skip
lookup_test: Final[answers.LookupTest] = {
    "ok": False, "account": "own", "status_code": 401, "duration_ms": 84, "error": "refused",
    "error_detail": "answered 401: it does not take the credentials: account or token is wrong, or not good "
    "any more",
    "provider_code": 20003,
}  # fmt: skip
erasure: Final[answers.Erasure] = {
    "id": "job_01k9h3v5q8x2m4n6p7r9s1t3w5", "kind": "erasure", "status": "done", "dry_run": False,
    "numbers": 1,
    "found": {
        "requests": 3, "answers": 1, "creates": 0, "lookups": 1, "resolutions": 2, "events": 12,
        "deliveries": 1, "contacts": 1,
    },
    "matched": 12, "done": 12, "failed": 0, "cancelled": 1,
}  # fmt: skip
audit_entry: Final[answers.AuditEntry] = {
    "id": "aud_01k9h3tz41c4e6g8j2k4m6p8r0", "org_id": "acme", "number": 1, "at": _AT,
    "actor": "jo@example.com", "key_id": "key_01k9h3s2m6w8y1a3c5e7g9j2k4", "address": "203.0.113.7",
    "action": "createWebhook", "object_type": "webhook", "object_id": _WEBHOOK_ID,
    "details": {"fields": ["events", "url"]}, "previous_hash": "0" * 64,
    "hash": "5d1f0f1c4a4d7b8e2c3b6a9f8e7d6c5b" * 2,
}  # fmt: skip


def envelope(event_type: str) -> dict[str, Any]:
    """The body that a receiver gets for the fixture of a type."""
    data = own_types.example(event_type)["data"]
    return {
        "id": _EVENT_ID, "type": event_type, "timestamp": _AT, "org_id": "acme", "api_version": API_VERSION,
        "data": data,
    }  # fmt: skip


def _data() -> dict[str, Any]:
    data: dict[str, Any] = event_types.example(_SHOWN)["data"]
    return data


def _deliveries() -> answers.DeliveryList:
    return {"data": [delivery], "next_cursor": None, "searched_until": None}


def _stats() -> answers.WebhookStats:
    counts: answers.Results = {"delivered": 41, "failed": 1, "retried": 3, "held": 0}
    return {
        "webhook_id": _WEBHOOK_ID, "window": "1h", "since": "2026-11-20T20:00:00.000Z",
        "until": "2026-11-20T21:05:09.123Z", "attempts": 45, "totals": counts,
        "status_codes": {"200": 41, "503": 2}, "errors": {"timeout": 2},
        "duration_ms": {"p50": 100, "p90": 150, "p95": 15000, "p99": 15000},
        "hours": [
            {"hour": "2026-11-20T20:00:00.000Z", **counts},
            {"hour": "2026-11-20T21:00:00.000Z", "delivered": 0, "failed": 0, "retried": 0, "held": 0},
        ],
    }  # fmt: skip


def _page(row: object) -> dict[str, Any]:
    return {"data": [row], "next_cursor": None}


def requests() -> Mapping[str, Mapping[str, Any]]:
    """Operation → name of the example → body."""
    samples = {name: event_types.example(name) for name in CATALOGUE}
    return {
        "sendEvent": {_SHOWN: samples[_SHOWN] | {"external_id": "msg_1001"}} | {
            name: sample for name, sample in samples.items() if name != _SHOWN
        },
        "sendEvents": {
            "each": {
                "mode": "each",
                "events": [samples["sms.received"], samples["sms.delivered"]],
            }
        },
        "createWebhook": {
            "webhook": {
                "url": "https://crm.example.com/hooks/hum",
                "events": ["call.completed", "sms.*"],
                "filter": _FILTER,
                "description": "calls into the CRM",
                "headers": {"X-Env": "prod"},
            }
        },
        "updateWebhook": {"patch": {"events": ["*"], "headers": {"X-Env": None}}},
        "enableWebhook": {"deliver": {"pending": "deliver"}},
        "disableWebhook": {"nothing": {}},
        "testWebhook": {"sample": {"type": "webhook.test"}},
        "createPlatformWebhook": {
            "webhook": {
                "url": "https://core.example.com/hum",
                "events": ["webhook.disabled", "delivery.failed"],
                "description": "the core's ear",
            }
        },
        "updatePlatformWebhook": {"patch": {"organizations": ["acme"]}},
        "enablePlatformWebhook": {"deliver": {"pending": "deliver"}},
        "disablePlatformWebhook": {"nothing": {}},
        "testPlatformWebhook": {"sample": {"type": "webhook.test"}},
        "redeliverDelivery": {"nothing": {}},
        "cancelDelivery": {"nothing": {}},
        "redeliverWebhook": {
            "dry run": {"since": "2026-11-20T19:00:00Z", "dry_run": True},
            "range": {"since": "2026-11-20T19:00:00Z", "types": ["call.*"]},
            "delivered ones too": {"which": "all", "status_code": 200, "since": "2026-11-20T19:00:00Z"},
            "these events": {"which": "all", "event_ids": [_EVENT_ID]},
        },
        "replayWebhook": {"dry run": {"dry_run": True}, "range": {"since": "2026-11-20T19:00:00Z"}},
        "retryWebhook": {"dry run": {"dry_run": True}, "now": {}},
        "cancelJob": {"nothing": {}},
        "releaseWebhook": {"nothing": {}},
        "releasePlatformWebhook": {"nothing": {}},
        "rotatePlatformSecret": {"a_day": {"grace_period_seconds": 86400}},
        "finishPlatformRotation": {"nothing": {}},
        "redeliverPlatformWebhook": {"dry run": {"dry_run": True}},
        "replayPlatformWebhook": {"dry run": {"dry_run": True}},
        "retryPlatformWebhook": {"dry run": {"dry_run": True}},
        "rotateSecret": {
            "a_day": {"grace_period_seconds": 86400},
            "leaked": {"grace_period_seconds": 0, "force": True},
        },
        "finishRotation": {"nothing": {}},
        "explainWebhook": {"event": {"event_id": _EVENT_ID}},
        **samples_connectors.requests(),
        "createKey": {
            "organization": {"role": "viewer", "name": "dashboard", "expires_in": 7776000},
            "platform": {"platform": True, "scopes": ["events:write"], "name": "voice core"},
        },
        "createConsoleLink": {"front desk": {"role": "operator", "actor": "Ada at the front desk"}},
        "updateOrganization": {
            "retention": {"retention_days": 90},
            "numbers": {"own_numbers": ["+13175550100"], "default_region": "DE"},
            "context": {
                "context_template": "{{#name}}Caller: {{name}}{{/name}}\n"
                "{{#not_found}}Nobody knows this number.{{/not_found}}"
                "{{#unknown}}We could not find out who this is.{{/unknown}}",
                "caller_fields": {"A": ["name", "company", "notes", "fields.plan"], "none": ["name"]},
            },
            "lookups": {
                "lookup_budget": 500,
                "lookup_credentials": {"account_sid": "AC0123456789abcdef", "auth_token": "0123456789abcdef"},
                "lookup_cache_days": {"caller_name": 90, "carrier": 7},
            },
        },
        "testLookups": {"nothing": {}},
        **samples_callers.REQUESTS,
        **samples_contacts.REQUESTS,
        "erasePerson": {
            "dry run": {"phone": "+13175550142", "dry_run": True},
            "for good": {"phone": "+13175550142", "reason": "asked for it on 20 November"},
        },
    }  # fmt: skip


def responses() -> Mapping[str, Mapping[int, Any]]:
    """Operation → status → body."""
    known = CATALOGUE[_SHOWN]
    event_type: answers.EventType = {
        "name": known.name,
        "description": known.description,
        "own": False,
        "schema": event_types.schema(_SHOWN),
        "example": {"type": _SHOWN, "data": _data()},
    }
    whole: answers.EventWithData = {**event, "data": _data(), "payload": "kept"}
    sent: Any = envelope(_SHOWN)
    made: answers.CreatedWebhook = {
        **webhook,
        "last_delivery": None,
        "secret": _SECRET,
        "warnings": [],
    }
    made_for_platform: answers.CreatedPlatformWebhook = {
        **platform_webhook,
        "last_delivery": None,
        "secret": _SECRET,
        "warnings": [],
    }
    shown: answers.DeliveryWithAttempts = {
        **delivery, "payload": sent, "waiting_for": None, "attempts": [attempt],
    }  # fmt: skip
    new_key: answers.NewApiKey = {**key, "key": "hum_live_q7Zp…"}
    again: answers.Delivery = {
        **delivery, "id": "dlv_01k9h4b2c4d6e8f1g3h5j7k9m1", "status": "in_flight", "attempts_made": 0,
        "completed_at": None, "redelivery_of": _DELIVERY_ID, "last_status_code": None,
    }  # fmt: skip
    ordered: answers.Job = {**job, "matched": None, "done": 0}
    cancelled: answers.Delivery = {**delivery, "status": "cancelled", "last_status_code": None}
    return {
        "sendEvent": {202: accepted},
        "sendEvents": {202: {"data": [accepted]}, 207: {"data": [accepted, refused]}},
        "listEvents": {200: {**_page(event), "searched_until": None}},
        "getEvent": {200: whole},
        "listEventDeliveries": {200: _deliveries()},
        "listEventTypes": {200: _page(event_type)},
        "createWebhook": {201: made},
        "listWebhooks": {200: _page(webhook)},
        "getWebhook": {200: webhook},
        "updateWebhook": {200: {**webhook, "events": ["*"], "headers": {}, "warnings": []}},
        "enableWebhook": {200: webhook},
        "disableWebhook": {
            200: {**webhook, "enabled": False, "status": "disabled", "disabled_reason": "by_user"}
        },
        "testWebhook": {200: tested},
        "createPlatformWebhook": {201: made_for_platform},
        "listPlatformWebhooks": {200: _page(platform_webhook)},
        "getPlatformWebhook": {200: platform_webhook},
        "updatePlatformWebhook": {200: {**platform_webhook, "organizations": ["acme"], "warnings": []}},
        "enablePlatformWebhook": {200: platform_webhook},
        "disablePlatformWebhook": {
            200: {**platform_webhook, "enabled": False, "status": "disabled", "disabled_reason": "by_user"}
        },
        "testPlatformWebhook": {200: tested},
        "listPlatformWebhookDeliveries": {200: {**_deliveries(), "data": [{**delivery, "org_id": "*"}]}},
        "releasePlatformWebhook": {200: {**platform_webhook, "was_held_until": _HELD_UNTIL}},
        "rotatePlatformSecret": {200: {**platform_webhook, "rotation": rotation, "secret": _SECRET}},
        "finishPlatformRotation": {200: platform_webhook},
        "redeliverPlatformWebhook": {202: {**ordered, "org_id": "*"}, 200: {"matched": 2310}},
        "replayPlatformWebhook": {
            202: {**ordered, "org_id": "*", "kind": "replay"},
            200: {"matched": 2310},
        },
        "retryPlatformWebhook": {202: {**ordered, "org_id": "*", "kind": "retry"}, 200: {"matched": 412}},
        "getPlatformWebhookStats": {200: _stats()},
        "releaseWebhook": {200: {**webhook, "was_held_until": _HELD_UNTIL}},
        "rotateSecret": {200: {**webhook, "rotation": rotation, "secret": _SECRET}},
        "finishRotation": {200: webhook},
        "explainWebhook": {200: explanation},
        "getWebhookStats": {200: _stats()},
        "listDeliveries": {200: _deliveries()},
        "getDelivery": {200: shown},
        "redeliverDelivery": {202: again},
        "cancelDelivery": {200: cancelled},
        "redeliverWebhook": {202: ordered, 200: {"matched": 2310}},
        "replayWebhook": {202: {**ordered, "kind": "replay"}, 200: {"matched": 17}},
        "retryWebhook": {202: {**ordered, "kind": "retry"}, 200: {"matched": 412}},
        "listJobs": {200: _page(job)},
        "getJob": {200: job},
        "cancelJob": {200: {**job, "cancel_requested": True}},
        "listWebhookDeliveries": {200: _deliveries()},
        **samples_connectors.responses(_deliveries(), ordered, _stats()),
        "createKey": {201: new_key},
        "listKeys": {200: _page(key)},
        "createConsoleLink": {201: console_link},
        "listOrganizations": {200: _page(organization)},
        "getOrganization": {200: organization},
        "updateOrganization": {200: organization},
        "testLookups": {200: lookup_test},
        **samples_callers.RESPONSES,
        **samples_contacts.RESPONSES,
        "erasePerson": {200: erasure},
        "listAudit": {200: _page(audit_entry)},
    }

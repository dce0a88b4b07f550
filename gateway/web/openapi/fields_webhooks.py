"""What the fields of requests about webhooks and their deliveries mean; as in `fields`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from gateway.domain.event_types import CATALOGUE, MAX_TYPE_LENGTH
from gateway.domain.filter_tokens import MAX_LENGTH
from gateway.domain.headers import MAX_HEADERS, MAX_NAME, MAX_VALUE
from gateway.domain.job import (
    DeliveryCancel,
    DeliveryRedeliver,
    JobCancel,
    RangeRequest,
    RedeliverRequest,
    RetryRequest,
)
from gateway.domain.own_types import OWN
from gateway.domain.platform_webhook import (
    MAX_ORGANIZATIONS,
    PlatformWebhookCreate,
    PlatformWebhookUpdate,
)
from gateway.domain.retry import MAX_STEPS, MAX_WAIT_SECONDS
from gateway.domain.trial import WEBHOOK_TEST, WebhookTest
from gateway.domain.url import MAX_URL
from gateway.domain.webhook import (
    RotationFinish,
    SecretRotate,
    WebhookCreate,
    WebhookDisable,
    WebhookEnable,
    WebhookExplain,
    WebhookRelease,
    WebhookUpdate,
)
from gateway.web.openapi.meaning import Meaning, or_null, patch
from gateway.web.openapi.parameters import ORG_PATTERN
from gateway.web.openapi.patterns import ABSENT, BASE64_SECRET, PRINTABLE, TYPE_PATTERN, WANTED

_PROFILE: Final = {"type": "string", "const": "hum"}
_HEADERS: Final = {
    "maxProperties": MAX_HEADERS,
    "propertyNames": {"pattern": f"^[!#$%&'*+.^_`|~0-9A-Za-z-]{{1,{MAX_NAME}}}$"},
    "examples": [{"X-Env": "prod"}],
}
_HEADER_VALUE: Final = {"type": "string", "maxLength": MAX_VALUE, "pattern": "^([!-~]([ -~]*[!-~])?)?$"}
_WEBHOOK: Final[dict[str, Meaning | None]] = {
    "url": Meaning(
        "`https`, to a public address; what else is possible, the operator decides.",
        whole={
            "type": "string",
            "format": "uri",
            "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://",
            "maxLength": MAX_URL,
            "examples": ["https://crm.example.com/hooks/hum"],
        },
    ),
    "events": Meaning(
        "Types and patterns: `sms.*` is every type that begins with `sms.`, `*` every type.",
        whole={
            "type": "array",
            "minItems": 1,
            "maxItems": 100,
            "items": {"type": "string", "maxLength": MAX_TYPE_LENGTH, "pattern": WANTED},
            "examples": [["call.completed", "sms.*"]],
        },
    ),
    "filter": Meaning(
        "A condition over the event, in a part of JMESPath: only events that meet it make a delivery. The "
        "page on filters says what there is; a mistake is answered with its column. Null: all events.",
        {
            "minLength": 1,
            "maxLength": MAX_LENGTH,
            "examples": ["data.direction == 'inbound' && data.duration_seconds >= `60`"],
        },
    ),
    "description": Meaning("For people; printable characters.", {"maxLength": 500, "pattern": PRINTABLE}),
    "headers": Meaning(
        "Sent with every request; stored encrypted and never shown again.",
        whole={"type": "object", "additionalProperties": _HEADER_VALUE, "default": {}, **_HEADERS},
    ),
    "enabled": Meaning("A disabled webhook is owed nothing."),
    "secret": Meaning(
        "A secret that you bring along: `whsec_` and the base64 of 24 to 64 bytes. Without it a new one is "
        "made, and shown once.",
        {"pattern": f"^{BASE64_SECRET}$"},
    ),
    "timeout_ms": Meaning("For the whole exchange."),
    "rate_limit_per_second": Meaning(
        "At most so many attempts in a second, ±10 % over any ten seconds, over all nodes, retries and "
        "redeliveries included. Null: no limit."
    ),
    "retry_schedule": Meaning(
        "Seconds to wait before each next attempt, each ±20 %. Null: the operator's schedule.",
        {
            "minItems": 1,
            "maxItems": MAX_STEPS,
            "items": {"type": "integer", "minimum": 1, "maximum": MAX_WAIT_SECONDS},
            "examples": [[5, 300, 1800, 7200]],
        },
    ),
    "max_hold_seconds": Meaning("The longest `Retry-After` that is honoured."),
    "ordered": Meaning(
        "Deliveries of events with the same `ordering_key` go one at a time, in the order of acceptance; the "
        "next goes when the one before is over. Redeliveries are outside the order."
    ),
    "profile": Meaning(ABSENT, whole=_PROFILE),
}


_PLATFORM: Final[dict[str, Meaning | None]] = _WEBHOOK | {
    "events": Meaning(
        "Types, each in full: patterns are refused. The gateway's own events are among them.",
        whole={
            "type": "array",
            "minItems": 1,
            "maxItems": 100,
            "items": {"type": "string", "maxLength": MAX_TYPE_LENGTH, "pattern": TYPE_PATTERN},
            "examples": [["webhook.disabled", "delivery.failed"]],
        },
    ),
    "organizations": Meaning(
        "Only these organizations. Null: all of them.",
        {
            "minItems": 1,
            "maxItems": MAX_ORGANIZATIONS,
            "items": {"type": "string", "pattern": ORG_PATTERN},
            "examples": [["acme"]],
        },
    ),
}


_ROTATE: Final[dict[str, Meaning | None]] = {
    "grace_period_seconds": Meaning("How long the old secret signs, too. 0: from now on it signs nothing."),
    "secret": _WEBHOOK["secret"],
    "force": Meaning(
        "Also while a rotation is under way. The secret that the receiver accepted last (the old one as long "
        "as it accepted none) stays for the new grace period; the other one ends now."
    ),
}

_RANGE: Final[dict[str, Meaning | None]] = {
    "types": Meaning(
        "Only these types and patterns.",
        {
            "minItems": 1,
            "maxItems": 100,
            "items": {"type": "string", "maxLength": MAX_TYPE_LENGTH, "pattern": WANTED},
            "examples": [["call.completed", "sms.*"]],
        },
    ),
    "since": Meaning(
        "Events that were accepted from this time on; the last seven days without it.",
        {"format": "date-time", "maxLength": 40, "examples": ["2026-11-20T19:00:00Z"]},
    ),
    "until": Meaning(
        "Events that were accepted before this time; until now without it.",
        {"format": "date-time", "maxLength": 40, "examples": ["2026-11-20T21:05:09.123Z"]},
    ),
    "dry_run": Meaning("Only count: nothing is sent, and no job is made."),
}
_REDELIVER: Final[dict[str, Meaning | None]] = {
    "which": Meaning(
        "`failed`: events whose latest delivery to the webhook has failed. `all`: also those whose latest "
        "one was delivered; not those that are still pending, or were cancelled."
    ),
    "status_code": Meaning(
        "Only those whose latest delivery was last answered with this.", {"examples": [503]}
    ),
    "event_ids": Meaning(
        "Only these events, at most 1,000; with them `since` has no default.",
        {"examples": [["evt_01k9h3v5q8x2m4n6p7r9s1t3w5"]]},
    ),
}


def _patched(fields: Mapping[str, Meaning | None]) -> dict[str, Meaning | None]:
    """The fields of a merge patch: in `headers` null takes one away."""
    value = or_null(_HEADER_VALUE)
    wholes = {
        "headers": or_null({"type": "object", "additionalProperties": value, **_HEADERS}),
        "profile": or_null(_PROFILE),
    }
    found: dict[str, Meaning | None] = {}
    for name, meaning in fields.items():
        patched = patch(meaning)
        found[name] = replace(patched, whole=wholes.get(name, patched.whole))
    del found["secret"]
    return found | {"api_version": Meaning("The version of the envelope.", default=False)}


MEANINGS: Final[Mapping[type, Mapping[str, Meaning | None]]] = {
    WebhookCreate: _WEBHOOK,
    WebhookUpdate: _patched(_WEBHOOK),
    PlatformWebhookCreate: _PLATFORM,
    PlatformWebhookUpdate: _patched(_PLATFORM),
    WebhookTest: {
        "type": Meaning(
            "`webhook.test`, or a type of the catalogue: its example is sent.",
            {"enum": [WEBHOOK_TEST, *CATALOGUE, *OWN]},
        )
    },
    WebhookEnable: {"pending": Meaning("What becomes of the deliveries that have gathered.")},
    WebhookDisable: {},
    DeliveryRedeliver: {},
    DeliveryCancel: {},
    RangeRequest: _RANGE,
    RedeliverRequest: _RANGE | _REDELIVER,
    RetryRequest: {"dry_run": _RANGE["dry_run"]},
    JobCancel: {},
    WebhookRelease: {},
    SecretRotate: _ROTATE,
    RotationFinish: {},
    WebhookExplain: {
        "event_id": Meaning("The event it is about.", {"examples": ["evt_01k9h3v5q8x2m4n6p7r9s1t3w5"]})
    },
}

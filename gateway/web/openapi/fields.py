"""What the fields of requests mean, and the rules for them that their types do not tell.

The types stand in `gateway.domain` and `gateway.manage`; a field without its line here fails a test, and so
does a rule that the API does not keep.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.domain.backfill import Backfill
from gateway.domain.connector import (
    MOST_CHANGED_PHONES,
    ConnectorChanges,
    ConnectorCreate,
    ConnectorPing,
    ConnectorUpdate,
)
from gateway.domain.contact_requests import (
    LEAST_REFRESH_MS,
    MOST_EMAIL,
    MOST_FIELD_NAME,
    MOST_FIELD_TEXT,
    MOST_FIELDS,
    MOST_NOTES,
    MOST_NUMBER,
    MOST_REFRESH_MS,
    MOST_SEARCHED,
    MOST_TAG,
    MOST_TAGS,
    MOST_TEXT,
    ContactMerge,
    ContactRefresh,
    ContactSearch,
    ContactUpdate,
    ContactWrite,
)
from gateway.domain.event import MAX_BATCH, PRIORITIES, BatchInput, EventInput
from gateway.domain.event_types import CATALOGUE, MAX_TYPE_LENGTH, RESERVED_TYPES
from gateway.domain.filter_tokens import MAX_LENGTH
from gateway.domain.headers import MAX_HEADERS, MAX_NAME, MAX_VALUE
from gateway.domain.job import DeliveryCancel, DeliveryRedeliver, JobCancel, RangeRequest, RedeliverRequest
from gateway.domain.organization_settings import (
    LONGEST_DAYS,
    MOST_OWN_NUMBERS,
    SHORTEST_DAYS,
    OrganizationUpdate,
)
from gateway.domain.own_types import OWN
from gateway.domain.platform_webhook import (
    MAX_ORGANIZATIONS,
    PlatformWebhookCreate,
    PlatformWebhookUpdate,
)
from gateway.domain.preview import CallerPreview
from gateway.domain.resolution import CallerResolve
from gateway.domain.retry import DEFAULT_LIFETIME_MS, MAX_STEPS, MAX_WAIT_SECONDS
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
from gateway.manage.connectors import ROOM_FOR_PATHS
from gateway.manage.erasures import ErasureCreate
from gateway.manage.keys import KeyCreate
from gateway.web.openapi import fields_callers
from gateway.web.openapi.meaning import Meaning, or_null
from gateway.web.openapi.parameters import ORG_PATTERN


class SendEventsItem(EventInput):
    """One event of a batch: it may name its organization."""


_SEGMENT: Final = "[a-z][a-z0-9_]*"
TYPE_PATTERN: Final = rf"^{_SEGMENT}(\.{_SEGMENT})+$"
_WANTED: Final = rf"^(\*|{_SEGMENT}(\.{_SEGMENT})*\.\*|{_SEGMENT}(\.{_SEGMENT})+)$"
# Further characters that are not printable are refused, too: no short expression holds them all.
_PRINTABLE: Final = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"
_VISIBLE: Final = "[^\\u0000-\\u0020\\u007f-\\u00a0]"
_SIX: Final = "[A-Za-z0-9+/]"
_BASE64_SECRET: Final = (
    f"whsec_(({_SIX}{{4}}){{8,21}}|({_SIX}{{4}}){{8,20}}{_SIX}{{3}}=|({_SIX}{{4}}){{8,21}}{_SIX}{{2}}==)"
)
_ABSENT: Final = "Not served by this version: anything but the default is refused."


_EVENT: Final[dict[str, Meaning | None]] = {
    "type": Meaning(
        "Dotted lower case. The `data` of the catalogue's types is checked.",
        {
            "maxLength": MAX_TYPE_LENGTH,
            "pattern": TYPE_PATTERN,
            "not": {"enum": sorted(RESERVED_TYPES)},
            "examples": ["call.completed"],
        },
    ),
    "data": Meaning("Kept and delivered byte for byte.", whole={"type": "object"}),
    "external_id": Meaning(
        "Your own id: 1 to 128 characters of A-Z a-z 0-9 _ -. The same one with the same body answers the "
        "first result, for as long as the event is kept; with another body it is 409 `external_id_conflict`.",
        {"pattern": "^[A-Za-z0-9_-]{1,128}$", "examples": ["msg_1001"]},
    ),
    "occurred_at": Meaning(
        "When it happened; becomes `timestamp`, which is otherwise the time of acceptance. Names its offset.",
        {"format": "date-time", "maxLength": 40, "examples": ["2026-11-20T21:05:09.123Z"]},
    ),
    "ordering_key": Meaning(
        "Events with the same key reach ordered webhooks one at a time, in the order of acceptance.",
        {"minLength": 1, "maxLength": 128, "pattern": _PRINTABLE, "examples": ["conversation_77"]},
    ),
    "priority": Meaning(
        "`high` goes before what is waiting for the same webhook.", {"enum": list(PRIORITIES)}
    ),
    "expires_in": Meaning(
        "Seconds after which pending deliveries are given up; 30 days without it.",
        {"minimum": 1, "maximum": DEFAULT_LIFETIME_MS // 1000, "examples": [3600]},
    ),
    "org_id": None,
}
_ITEM: Final = _EVENT | {
    "org_id": Meaning(
        "The organization, for a platform key that gives none in `X-HUM-Org`, or another one.",
        {"pattern": ORG_PATTERN, "examples": ["acme"]},
    )
}
_BATCH: Final[dict[str, Meaning | None]] = {
    "events": Meaning(
        "The events, in the order in which they are taken.",
        whole={
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_BATCH,
            "items": {"$ref": "#/components/schemas/SendEventsItem"},
        },
    ),
    "mode": Meaning("`atomic`: all or none. `each`: as many as possible.", {"enum": ["atomic", "each"]}),
}

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
            "items": {"type": "string", "maxLength": MAX_TYPE_LENGTH, "pattern": _WANTED},
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
    "description": Meaning("For people; printable characters.", {"maxLength": 500, "pattern": _PRINTABLE}),
    "headers": Meaning(
        "Sent with every request; stored encrypted and never shown again.",
        whole={"type": "object", "additionalProperties": _HEADER_VALUE, "default": {}, **_HEADERS},
    ),
    "enabled": Meaning("A disabled webhook is owed nothing."),
    "secret": Meaning(
        "A secret that you bring along: `whsec_` and the base64 of 24 to 64 bytes. Without it a new one is "
        "made, and shown once.",
        {"pattern": f"^{_BASE64_SECRET}$"},
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
    "profile": Meaning(_ABSENT, whole={"type": "string", "const": "hum"}),
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


def _patch(name: str, meaning: Meaning | None) -> Meaning | None:
    """In a merge patch a field that is missing stays as it is: no default is true of it."""
    assert meaning is not None
    whole = meaning.whole
    if name == "headers":
        value = or_null(_HEADER_VALUE)
        whole = or_null({"type": "object", "additionalProperties": value, **_HEADERS})
    elif whole is not None and name == "profile":
        whole = or_null(whole)
    return Meaning(meaning.text, meaning.rules, whole, default=False)


_ROTATE: Final[dict[str, Meaning | None]] = {
    "grace_period_seconds": Meaning("How long the old secret signs, too. 0: from now on it signs nothing."),
    "secret": _WEBHOOK["secret"],
    "force": Meaning(
        "Also while a rotation is under way. The secret that the receiver accepted last (the old one as long "
        "as it accepted none) stays for the new grace period; the other one ends now."
    ),
}
_CONNECTOR: Final[dict[str, Meaning | None]] = {
    "name": Meaning(
        "For people; printable characters, no space at either end.",
        whole={
            "type": "string",
            "minLength": 1,
            "maxLength": 100,
            "pattern": f"^{_VISIBLE}(({_VISIBLE}| )*{_VISIBLE})?$",
            "examples": ["HubSpot"],
        },
    ),
    "base_url": Meaning(
        "Where the connector is: `https`, to a public address; what else is possible, the operator decides. "
        "`/contacts/lookup`, `/contacts`, `/calls` and `/ping` are added. Without query and fragment.",
        whole={
            "type": "string",
            "format": "uri",
            "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://[^?#]*$",
            "maxLength": MAX_URL - ROOM_FOR_PATHS,
            "examples": ["https://crm-bridge.example.com/hum"],
        },
    ),
    "secret": Meaning(
        "A secret that you bring along: `whsec_` and the base64 of 24 to 64 bytes, or 16 to 256 printable "
        "ASCII characters. Without it a new one is made, and shown once.",
        {
            "pattern": f"^({_BASE64_SECRET}|(?!whsec_)[!-~][ -~]{{14,254}}[!-~])$",
        },
    ),
    "timeout_ms": Meaning(
        "For a whole exchange. A caller's lookup is not waited for longer than it may take."
    ),
    "create_contacts": Meaning(
        "Whether a caller whom no connector knows is made a contact there, once the call is under way."
    ),
    "sync_calls": Meaning("Whether calls are sent to it."),
    "sync_unknown": Meaning(
        "Whether calls of people that it does not know are sent, too, with `contact` null."
    ),
    "enabled": Meaning("A disabled connector is asked nothing and sent nothing."),
    "priority": Meaning(
        "Of several connectors that know a caller, the highest counts; among equals the oldest."
    ),
}
_KEY: Final[dict[str, Meaning | None]] = {
    "platform": Meaning("A platform key, which has scopes instead of an organization and a role."),
    "scopes": Meaning(
        "Of a platform key. Without them `events:write`, `callers:resolve` and `manage`; `all` is every one.",
        {"examples": [["events:write"]]},
    ),
    "org_id": Meaning(
        "The organization the key is for; an admin's own without it.",
        {"pattern": ORG_PATTERN, "examples": ["acme"]},
    ),
    "role": Meaning("What the key may do in its organization. Required unless it is a platform key."),
    "expires_in": Meaning(
        "Seconds, at least 60; without it the key lasts until it is revoked.", {"examples": [7776000]}
    ),
    "name": Meaning(
        "For people; printable characters.",
        {"maxLength": 100, "pattern": _PRINTABLE, "examples": ["dashboard"]},
    ),
}
_RANGE: Final[dict[str, Meaning | None]] = {
    "types": Meaning(
        "Only these types and patterns.",
        {
            "minItems": 1,
            "maxItems": 100,
            "items": {"type": "string", "maxLength": MAX_TYPE_LENGTH, "pattern": _WANTED},
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
_WORD: Final = r'^[^\s;"\\]([^;"\\]*[^\s;"\\])?$'
_EMAIL: Final = r'^[^\s@,;<>"]+@[^\s@,;<>"]+$'
_TEXT_OF_A_CONTACT: Final = {
    "minLength": 1,
    "maxLength": MOST_TEXT,
    "pattern": f"^{_VISIBLE}(({_VISIBLE}| )*{_VISIBLE})?$",
}
_CONTACT: Final[dict[str, Meaning | None]] = {
    "name": Meaning("The whole name.", {**_TEXT_OF_A_CONTACT, "examples": ["Ada Example"]}),
    "first_name": Meaning(
        "Alone, it changes this part of the name that the connectors know.", _TEXT_OF_A_CONTACT
    ),
    "last_name": Meaning("As `first_name`.", _TEXT_OF_A_CONTACT),
    "email": Meaning(
        "An e-mail address.",
        {"minLength": 3, "maxLength": MOST_EMAIL, "pattern": _EMAIL, "examples": ["ada@example.com"]},
    ),
    "company": Meaning("Where they work.", _TEXT_OF_A_CONTACT),
    "title": Meaning("What they are there.", _TEXT_OF_A_CONTACT),
    "notes": Meaning("For people; may have several lines.", {"minLength": 1, "maxLength": MOST_NOTES}),
    "fields": Meaning(
        "The organization's own fields, by name. In a PATCH null takes one back.",
        {
            "maxProperties": MOST_FIELDS,
            "propertyNames": {"minLength": 1, "maxLength": MOST_FIELD_NAME, "pattern": _WORD},
            "additionalProperties": {
                "anyOf": [
                    {"type": "string", "maxLength": MOST_FIELD_TEXT},
                    {"type": "number", "minimum": -MOST_NUMBER, "maximum": MOST_NUMBER},
                    {"type": "boolean"},
                    {"type": "null"},
                ]
            },
            "examples": [{"plan": "gold"}],
        },
    ),
    "tags": Meaning(
        'The tags, all of them. None may hold `;`, `"` or a backslash.',
        {
            "maxItems": MOST_TAGS,
            "items": {
                "type": "string",
                "minLength": 1,
                "maxLength": MOST_TAG,
                "pattern": _WORD,
            },
            "examples": [["vip"]],
        },
    ),
}
_PLATFORM_OR_ROLE: Final = {
    "anyOf": [
        {
            "required": ["platform"],
            "properties": {"platform": {"const": True}, "role": {"type": "null"}},
        },
        {
            "required": ["role"],
            "properties": {
                "platform": {"const": False},
                "role": {"type": "string"},
                "scopes": {"type": "null"},
            },
        },
    ]
}

# A field that maps to None is not taken there.
MEANINGS: Final[Mapping[type, Mapping[str, Meaning | None]]] = {
    EventInput: _EVENT,
    SendEventsItem: _ITEM,
    BatchInput: _BATCH,
    WebhookCreate: _WEBHOOK,
    WebhookUpdate: {name: _patch(name, meaning) for name, meaning in _WEBHOOK.items() if name != "secret"}
    | {"api_version": Meaning("The version of the envelope.", default=False)},
    PlatformWebhookCreate: _PLATFORM,
    PlatformWebhookUpdate: {
        name: _patch(name, meaning) for name, meaning in _PLATFORM.items() if name != "secret"
    }
    | {"api_version": Meaning("The version of the envelope.", default=False)},
    ConnectorCreate: _CONNECTOR,
    ConnectorUpdate: {name: _patch(name, meaning) for name, meaning in _CONNECTOR.items() if name != "secret"}
    | {
        "rotate_secret": Meaning(
            "Makes a new secret, from now on the only one; needed when the base URL gets another origin."
        )
    },
    ConnectorPing: {},
    ConnectorChanges: {
        "phones": Meaning(
            "Whose entries have changed, in E.164.",
            whole={
                "type": "array",
                "minItems": 1,
                "maxItems": MOST_CHANGED_PHONES,
                "items": {"type": "string", "pattern": r"^\+[0-9]{6,15}$"},
                "examples": [["+13175550123"]],
            },
        ),
        "timestamp": Meaning(
            "When the request was made: needed when it is signed with `X-HUM-Signature` alone.",
            {"format": "date-time", "maxLength": 40, "examples": ["2026-11-20T21:05:09.123Z"]},
        ),
    },
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
    JobCancel: {},
    WebhookRelease: {},
    SecretRotate: _ROTATE,
    RotationFinish: {},
    WebhookExplain: {
        "event_id": Meaning("The event it is about.", {"examples": ["evt_01k9h3v5q8x2m4n6p7r9s1t3w5"]})
    },
    KeyCreate: _KEY,
    OrganizationUpdate: {
        "retention_days": Meaning(
            "How many days payloads, attempts and deliveries that are over are kept. Null: 30.",
            {"minimum": SHORTEST_DAYS, "maximum": LONGEST_DAYS, "examples": [90]},
            default=False,
        ),
        "own_numbers": Meaning(
            "The organization's own phone numbers, in E.164: nobody is created in a CRM for them, and they "
            "cannot be erased. Null: none.",
            {"maxItems": MOST_OWN_NUMBERS, "examples": [["+13175550100"]]},
            default=False,
        ),
        **fields_callers.SETTINGS,
        "lookup_budget": Meaning(
            "How many numbers may be looked up for calls in a day (UTC): 0 is none. Null: 1,000, where there "
            "is an account to charge. Backfills are not counted.",
            {"examples": [500]},
            default=False,
        ),
        "lookup_credentials": Meaning(
            "The organization's own account for lookups of numbers, kept encrypted and never shown. Null: "
            "none; the installation's is used, if it has one.",
            whole=or_null(
                {
                    "type": "object",
                    "properties": {
                        "account_sid": {"type": "string", "pattern": "^[!-9;-~]{1,128}$"},
                        "auth_token": {"type": "string", "pattern": "^[!-~]{1,256}$"},
                    },
                    "required": ["account_sid", "auth_token"],
                    "additionalProperties": False,
                }
            ),
            default=False,
        ),
    },
    CallerResolve: fields_callers.CALLER,
    CallerPreview: fields_callers.preview(_CONTACT),
    ContactWrite: _CONTACT,
    ContactUpdate: _CONTACT,
    ContactSearch: {
        "q": Meaning(
            "A number in any notation, three digits of one or more, or words.",
            {"minLength": 1, "maxLength": MOST_TEXT, "examples": ["ada ex"]},
        ),
        "limit": Meaning("How many are wanted.", {"minimum": 1, "maximum": MOST_SEARCHED}),
    },
    ContactRefresh: {
        "deadline_ms": Meaning(
            "How long the answer may take.", {"minimum": LEAST_REFRESH_MS, "maximum": MOST_REFRESH_MS}
        ),
    },
    ContactMerge: {
        "from": Meaning(
            "The other contact: its id, or a number in E.164.",
            {"minLength": 1, "examples": ["+13175550143"]},
        ),
    },
    Backfill: {
        "source": Meaning(
            "`twilio`: line type, carrier and the network's name. `connectors`: what CRMs know.",
        ),
        "only_missing": Meaning("False: also what is known already."),
        "dry_run": Meaning("Only count, and estimate what it costs."),
        "confirm_cost": Meaning(
            "The amount that a dry run has shown. It is needed for `twilio`.",
            {"examples": ["8.028"]},
        ),
    },
    ErasureCreate: {
        "phone": Meaning(
            "The number, in E.164.", {"pattern": r"^\+[1-9][0-9]{6,14}$", "examples": ["+13175550142"]}
        ),
        "reason": Meaning("For people; kept encrypted with the erasure.", {"maxLength": 500}),
        "dry_run": Meaning("Only counts."),
        "force": Meaning(
            "Also a number that events show to be the organization's own; never one that it lists in "
            "`own_numbers`."
        ),
    },
}

# Rules about several fields at once. What the catalogue says of the `data` of events is not among them: as a
# condition on `type` it is more than the tools that read such documents can take.
EXTRA: Final[Mapping[type, Mapping[str, Any]]] = {
    KeyCreate: _PLATFORM_OR_ROLE,
    CallerPreview: {
        "anyOf": [
            {"required": ["phone"], "properties": {"phone": {"type": "string"}}},
            {"required": ["contact"], "properties": {"contact": {"type": "object"}}},
        ]
    },
    OrganizationUpdate: {"minProperties": 1},
    ContactUpdate: {"minProperties": 1},
}

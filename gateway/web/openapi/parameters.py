"""What queries, paths and headers mean: a table for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, get_args

from gateway.domain.audit import MAX_ACTOR
from gateway.domain.contact_columns import MOST_COLUMNS, WRITABLE
from gateway.domain.delivery import Status
from gateway.domain.event_types import MAX_TYPE_LENGTH
from gateway.domain.exchange import RECORDED_ERRORS
from gateway.domain.phone import DEFAULT_REGION
from gateway.manage.stats import WINDOWS
from gateway.store.connector_requests import Kind as RequestKind
from gateway.web.api.callers import DIAL_WINDOW, MOST_REVISION, MOST_WAIT_MS
from gateway.web.lists import DEFAULT, MOST
from gateway.web.operation import Operation
from gateway.web.search import LONGEST as SEARCH_LONGEST

ORG_PATTERN: Final = r"^(?!\.{1,2}$)[A-Za-z0-9_.-]{1,64}$"
_ORG_OR_ALL: Final = r"^(\*|(?!\.{1,2}$)[A-Za-z0-9_.-]{1,64})$"
_TEXT: Final = {"type": "string", "pattern": "^[^\\u0000]*$"}  # no NUL: the database has no such text
_MAPPED: Final = rf'^[^\u0000]+:(phone|{"|".join(WRITABLE)}|fields\.[^\s;:"\\]([^;:"\\]*[^\s;:"\\])?)$'
_TYPE_PATTERN: Final = r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$"
_TIME: Final = {"type": "string", "format": "date-time", "examples": ["2026-11-20T21:05:09.123Z"]}

QUERY: Final[Mapping[str, tuple[dict[str, Any], str]]] = {
    "limit": (
        {"type": "integer", "minimum": 1, "maximum": MOST, "default": DEFAULT},
        "How many rows a page has at most.",
    ),
    "cursor": (_TEXT, "`next_cursor` of the page before, in the same order."),
    "order": (
        {"type": "string", "enum": ["desc", "asc"], "default": "desc"},
        "The order of commits. Who follows an ascending cursor to its end, again and again, sees each row "
        "exactly once.",
    ),
    "type": (
        {"type": "string", "pattern": _TYPE_PATTERN, "maxLength": MAX_TYPE_LENGTH},
        "Only this event type, which need not be of the catalogue.",
    ),
    "since": (_TIME, "From this time on, inclusive."),
    "until": (_TIME, "Up to this time, exclusive."),
    "status": ({"type": "string", "enum": [status.value for status in Status]}, "Only these deliveries."),
    "event_id": (_TEXT, "Only the deliveries of this event."),
    "last_status_code": (
        {"type": "integer", "minimum": 100, "maximum": 999},
        "Only those whose latest attempt was answered with this status.",
    ),
    "last_error": (
        {"type": "string", "enum": list(RECORDED_ERRORS)},
        "Only those whose latest attempt ended with this error.",
    ),
    "q": (
        {**_TEXT, "minLength": 1, "maxLength": SEARCH_LONGEST},
        "Only those whose payload holds this text, in whatever case. Opens at most 5,000 payloads or works "
        "for 2 seconds, newest first; then `searched_until` says how far it came. A platform key needs the "
        "scope `payload:read`.",
    ),
    "kind": ({"type": "string", "enum": list(get_args(RequestKind))}, "Only requests of this kind."),
    "result": (
        {"type": "string", "enum": ["succeeded", "failed"]},
        "Only those that were answered as the contract says, or only the others.",
    ),
    "status_code": (
        {"type": "integer", "minimum": 100, "maximum": 999},
        "Only those that were answered with this status.",
    ),
    "window": (
        {"type": "string", "enum": list(WINDOWS), "default": "24h"},
        "How far back, rounded up to whole hours.",
    ),
    "wait_ms": (
        {"type": "integer", "minimum": 0, "maximum": MOST_WAIT_MS, "default": 0},
        "How long to wait while sources are `pending`, in milliseconds.",
    ),
    "after": (
        {"type": "integer", "minimum": 0, "maximum": MOST_REVISION, "default": 0},
        "The `revision` that is known already: only one that says more ends the waiting.",
    ),
    "tag": (_TEXT, "Only those with this tag, letter by letter."),
    "dry_run": ({"type": "string", "enum": ["true", "false"]}, "`true`: only say what would become of it."),
    "region": (
        {"type": "string", "pattern": "^[A-Z]{2}$", "examples": ["DE"]},
        "The country of numbers that are written without one. Without it the organization's "
        f"`default_region`, and where that is not set, {DEFAULT_REGION}.",
    ),
    "map": (
        {
            "type": "array",
            "items": {"type": "string", "pattern": _MAPPED},
            "maxItems": MOST_COLUMNS,
            "default": [],
        },
        "A column of the file, or a key of its objects, letter by letter, and behind the last colon the "
        "field that it is, such as `Mobile:phone` or `Plan:fields.plan`. Once for each column.",
    ),
    "ignore": (
        {
            "type": "array",
            "items": {**_TEXT, "minLength": 1},
            "maxItems": MOST_COLUMNS,
            "default": [],
        },
        "A column or key that is left out, letter by letter. Once for each; `*` leaves out all that are no "
        "field and are not mapped.",
    ),
    "action": (_TEXT, "Only this operation, such as `createWebhook`."),
    "object_id": (_TEXT, "Only what was done to this."),
    "actor": (_TEXT, "Only what this key or person did."),
}

_NOUNS: Final = {
    "events": "event",
    "webhooks": "webhook",
    "connectors": "connector",
    "connector-requests": "entry",
    "deliveries": "delivery",
    "jobs": "job",
    "keys": "key",
    "organizations": "organization",
    "callers": "resolution",
    "contacts": "contact, or one of its numbers",
}

DEFAULTS: Final[Mapping[tuple[str, str], Mapping[str, Any]]] = {
    ("getCallerDial", "window"): {"default": DIAL_WINDOW},
}
"""Of one operation, other than of all that take the parameter."""

TRACEPARENT: Final = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
HEADERS: Final[Mapping[str, tuple[dict[str, Any], str]]] = {
    "X-HUM-Org": (
        {"type": "string", "pattern": ORG_PATTERN, "examples": ["acme"]},
        "The organization that a platform key acts for: 1 to 64 characters of A-Z a-z 0-9 _ . -. A key of an "
        "organization does not need it, and with another organization's name it is refused.",
    ),
    "X-HUM-Actor": (
        {"type": "string", "maxLength": MAX_ACTOR, "examples": ["jo@example.com"]},
        "Who acts, when a platform key does it for somebody: for the audit log. Printable characters.",
    ),
    "Idempotency-Key": (
        {"type": "string", "pattern": "^[!-~]{1,255}$", "examples": ["5c1f3b7e-order-1042"]},
        "1 to 255 visible ASCII characters that make repeating safe for 24 hours: the same key with the same "
        "body and query answers the first result, with `Idempotent-Replayed: true`; with others it is 409 "
        "`idempotency_conflict`.",
    ),
    "traceparent": (
        {"type": "string", "examples": [TRACEPARENT]},
        "W3C Trace Context, passed on to receivers. One that is not well formed is left out.",
    ),
}


def parameters_of(operation: Operation) -> list[dict[str, Any]]:
    """Path, query and headers of an operation, in this order."""
    path = [_path(operation)] if "{id}" in operation.path else []
    query = [_parameter("query", name, *_query(operation, name)) for name in operation.query]
    return [*path, *query, *(_header(operation, name) for name in _header_names(operation))]


def header_parameter(name: str, schema: Mapping[str, Any], text: str) -> dict[str, Any]:
    return _parameter("header", name, schema, text)


def _parameter(where: str, name: str, schema: Mapping[str, Any], text: str) -> dict[str, Any]:
    return {"name": name, "in": where, "required": False, "description": text, "schema": dict(schema)}


def _query(operation: Operation, name: str) -> tuple[Mapping[str, Any], str]:
    schema, text = QUERY[name]
    return {**schema, **DEFAULTS.get((operation.id, name), {})}, text


def _path(operation: Operation) -> dict[str, Any]:
    noun = _NOUNS[operation.path.removeprefix("/api/platform").removeprefix("/api").split("/")[1]]
    schema = {"type": "string", "minLength": 1, "pattern": "^[^/\\u0000]+$"}
    return _parameter("path", "id", schema, f"The id of the {noun}.") | {"required": True}


def _header_names(operation: Operation) -> list[str]:
    named = set(operation.headers)
    if operation.signed:
        return ["Idempotency-Key"]
    if operation.names_organization:
        named.add("X-HUM-Org")
    if operation.kind == "write":
        named.add("X-HUM-Actor")
    if operation.may_take_key:
        named.add("Idempotency-Key")
    return [name for name in HEADERS if name in named]


def _header(operation: Operation, name: str) -> dict[str, Any]:
    schema, text = HEADERS[name]
    if name == "X-HUM-Org" and operation.kind == "read" and operation.org != "one":
        schema = schema | {"pattern": _ORG_OR_ALL}
        text += " `*` reads over all organizations."
    elif name == "X-HUM-Org" and operation.of_platform:
        schema = schema | {"pattern": _ORG_OR_ALL}
        text += " `*` is for what belongs to the platform's own webhooks."
    return header_parameter(name, schema, text)

"""The whole document: joins the parts, and holds what belongs to all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from typing import Any, Final

import msgspec

from gateway.domain.event import API_VERSION
from gateway.web import answers
from gateway.web.api import OPERATIONS, SIGNED
from gateway.web.openapi import open_routes, outgoing, schemas, to_connectors
from gateway.web.openapi.errors import CODES, examples, takes_body
from gateway.web.openapi.fields_events import SendEventsItem
from gateway.web.openapi.operations import operation_object, request_name
from gateway.web.operation import Operation
from gateway.web.signed import SCHEME

# What begins a path, the heading it stands under, and a sentence about that.
_NOUNS: Final = {
    "events": "Events",
    "event-types": "Events",
    "webhooks": "Webhooks",
    "platform": "Platform webhooks",
    "connectors": "Connectors",
    "connector-requests": "Connectors",
    "deliveries": "Deliveries",
    "jobs": "Jobs",
    "keys": "Keys",
    "organizations": "Organizations",
    "callers": "Callers",
    "contacts": "Contacts",
    "erasures": "Erasures",
    "audit": "Audit log",
    "console-links": "Console",
}
_ABOUT: Final = {
    "Events": "Facts that HUM reports. An event is durable when its request is answered, together with every "
    "delivery that it makes.",
    "Webhooks": "Registered URLs, each with the types it wants to hear and a secret that signs what it gets.",
    "Platform webhooks": "The platform's own, over all organizations or listed ones: for platform keys, and "
    "seen by nobody else.",
    "Connectors": "The bridges to CRMs: asked who is calling, and told of calls. What a connector gets "
    "and is to answer is described under *Requests that connectors get*.",
    "Deliveries": "An event owed to a webhook, or a call owed to a connector, and every attempt to deliver "
    "it.",
    "Jobs": "Long work that a person ordered, such as the redelivery of a range, and how far it has come.",
    "Keys": "API keys: an organization's have a role, the platform's have scopes.",
    "Console": "Ways into the console for people who have no key.",
    "Organizations": "HUM's customers: how long their things are kept, and erasing all of it.",
    "Callers": "Who is calling, from every source at once, within a deadline.",
    "Contacts": "The address book: what people say of callers, which counts before everything that others "
    "say, and what was last heard of them.",
    "Erasures": "A person asks to be forgotten.",
    "Audit log": "Who did what, when, from where, to what, and who read payloads: a chain of hashes for each "
    "organization.",
    open_routes.TAG: "Health, metrics and this document.",
    "Events that receivers get": "The requests that the gateway sends to webhooks, one for each type of the "
    "catalogue. Types outside the catalogue are delivered in the same envelope. A receiver ignores fields, "
    "headers and values that it does not know: new ones may come at any time.",
    "Requests that connectors get": "What the gateway asks of a connector and tells it, each at its own path "
    "behind the connector's base URL. A connector ignores fields and headers that it does not know: new "
    "ones may come at any time. It answers within its `timeout_ms`, in JSON of at most 1 MiB.",
    "The gateway's own events": "What happens to webhooks and deliveries: ids and reasons, never payload. "
    "They go only to webhooks that name their type in full, and make no further events.",
}
_HEADERS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "X-Request-Id": ("The request's id; support finds it by this.", {"pattern": "^req_[a-z0-9_]+$"}),
    "Idempotent-Replayed": (
        "`true`: the answer repeats the first result of this `Idempotency-Key`.",
        {"const": "true"},
    ),
    "X-HUM-Org-Created": ("`true`: this request made the organization.", {"const": "true"}),
    "Retry-After": ("Seconds to wait before the next try.", {"pattern": "^[1-9][0-9]*$"}),
    "WWW-Authenticate": ("How to say who you are.", {"enum": ["Bearer", SCHEME]}),
    "ETag": ("Changes when the content does.", {}),
}


def build(
    operations: Sequence[Operation] = (*OPERATIONS, *SIGNED),
    sent: Iterable[outgoing.Outgoing] = (*outgoing.EVENTS, *to_connectors.REQUESTS),
) -> dict[str, Any]:
    sent = list(sent)
    paths: dict[str, Any] = {}
    for operation in operations:
        made = operation_object(operation, _tag(operation), operations)
        paths.setdefault(operation.path, {})[operation.method.lower()] = made
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "HUM gateway",
            "version": API_VERSION,
            "description": _introduction(),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The gateway that serves this document."}],
        "tags": _tags(paths, sent),
        "paths": paths | open_routes.open_paths(),
        "webhooks": {row.name: outgoing.path_item(row) for row in sent},
        "components": {
            "schemas": _schemas(operations, sent),
            "examples": examples(),
            "headers": {
                name: {"description": text, "schema": {"type": "string", **schema}}
                for name, (text, schema) in _HEADERS.items()
            },
            "securitySchemes": _security(),
        },
        "x-hum-errors": [
            {"error": code.name, "status": code.status, "when": code.when} for code in CODES.values()
        ],
    }


@cache
def document_bytes() -> bytes:
    return msgspec.json.encode(build())


def _introduction() -> str:
    return resources.files("gateway.web.openapi").joinpath("introduction.md").read_text("utf-8").strip()


def _tag(operation: Operation) -> str:
    noun = operation.path.split("/")[2]
    return _NOUNS.get(noun, noun.capitalize())


def _tags(paths: dict[str, Any], sent: Iterable[outgoing.Outgoing]) -> list[dict[str, str]]:
    used = [operation["tags"][0] for path in paths.values() for operation in path.values()]
    names = dict.fromkeys([*used, *(row.tag for row in sent), open_routes.TAG])
    return [{"name": name, "description": _ABOUT[name]} for name in names]


def _schemas(operations: Iterable[Operation], sent: Iterable[outgoing.Outgoing]) -> dict[str, Any]:
    kinds: dict[type, None] = dict.fromkeys(
        (answers.Problem, answers.RefusedEvent, answers.Envelope, answers.SyncedCall)
    )
    found: dict[str, Any] = {}
    for operation in operations:
        kinds |= dict.fromkeys(kind for kind in operation.answers.values() if kind is not None)
        kind = operation.model or operation.body
        if kind is not None and takes_body(operation):
            found[request_name(operation)] = schemas.of_request(kind)
    found[SendEventsItem.__name__] = schemas.of_request(SendEventsItem)
    found |= schemas.of_answers([*kinds, *open_routes.ANSWERS])
    for row in sent:
        found |= row.schemas
    return found


def _security() -> dict[str, Any]:
    return {
        "apiKey": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "hum_live_…",
            "description": "An API key, in `Authorization` and nowhere else.",
        },
        "connectorSignature": {
            "type": "apiKey",
            "in": "header",
            "name": "webhook-signature",
            "description": "The signature of the raw body with the connector's secret, as the gateway signs "
            "its own requests: the headers `webhook-id`, `webhook-timestamp` and `webhook-signature`, or "
            "`X-HUM-Signature` with `timestamp` in the body.",
        },
        "metricsToken": {
            "type": "http",
            "scheme": "bearer",
            "description": "The operator's `METRICS_TOKEN`.",
        },
    }

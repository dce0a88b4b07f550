"""What the gateway sends to others: a table, a row for each request, which becomes the section `webhooks`.

A row says what is in the request and what its answer means. The events of the catalogue are rows here; what
connectors get is in `openapi.to_connectors`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.dispatch.webhook import USER_AGENT
from gateway.domain import own_types
from gateway.domain.event import API_VERSION
from gateway.domain.event_types import CATALOGUE, EventType
from gateway.domain.own_types import OWN
from gateway.web.openapi import samples
from gateway.web.openapi.parameters import TRACEPARENT, header_parameter
from gateway.web.openapi.schemas import REF, ref


@dataclass(frozen=True, slots=True)
class Header:
    """A header of the request; `always` when no request comes without it."""

    name: str
    text: str
    schema: Mapping[str, Any]
    always: bool = True


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request that the gateway makes. `schemas` go into the components, `body` refers to them. An answer
    is described by a sentence, or is a whole Response Object where its body matters."""

    name: str
    operation_id: str
    tag: str
    summary: str
    text: str
    headers: tuple[Header, ...]
    body: Mapping[str, Any]
    example: Mapping[str, Any]
    answers: Mapping[str, str | Mapping[str, Any]]
    schemas: Mapping[str, Any]


def _text(pattern: str, example: str) -> dict[str, Any]:
    return {"type": "string", "pattern": pattern, "examples": [example]}


EVENT_HEADERS: Final = (
    Header(
        "webhook-id",
        "The event's id: the same at every attempt and redelivery. Receivers recognize repetitions by it.",
        _text("^evt_[a-z0-9_]+$", "evt_01k9h3v5q8x2m4n6p7r9s1t3w5"),
    ),
    Header(
        "webhook-timestamp",
        "When this attempt was signed, in seconds since 1970. Refuse one that is more than 5 minutes off.",
        _text("^[0-9]+$", "1795295109"),
    ),
    Header(
        "webhook-signature",
        "Standard Webhooks 1.0: `v1,` and the base64 of HMAC-SHA256 over `{webhook-id}.{webhook-timestamp}."
        "{raw body}`, keyed with the bytes behind `whsec_`. Separated by spaces, one for each live secret: "
        "one that fits is enough.",
        _text(
            "^v1,[A-Za-z0-9+/]{43}=( v1,[A-Za-z0-9+/]{43}=)*$",
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
    ),
    Header(
        "X-HUM-Signature",
        "`sha256=` and the hex HMAC-SHA256 over the raw body, keyed with the secret's own characters. It "
        "does not protect against replay: prefer `webhook-signature`.",
        _text("^sha256=[0-9a-f]{64}$", dict(samples.signature_headers)["X-HUM-Signature"]),
    ),
    Header("X-HUM-Event", "The event's type.", {"type": "string"}),
    Header("X-HUM-Delivery", "The delivery's id.", _text("^dlv_[a-z0-9_]+$", samples.delivery["id"])),
    Header("X-HUM-Attempt", "The number of the attempt, from 1.", _text("^[1-9][0-9]*$", "1")),
    Header(
        "X-HUM-Redelivery",
        "Only when a person ordered a redelivery: its id.",
        {"type": "string"},
        always=False,
    ),
    Header("X-HUM-Test", "Only in a test delivery.", {"type": "string", "const": "true"}, always=False),
    Header("User-Agent", "Who sends it.", {"type": "string", "const": USER_AGENT}),
    Header("CDN-Loop", "Keeps requests from going round in circles.", {"type": "string"}),
    Header(
        "traceparent",
        "W3C Trace Context, when the event came with one.",
        {"type": "string", "examples": [TRACEPARENT]},
        always=False,
    ),
)  # fmt: skip

EVENT_ANSWERS: Final = {
    "2XX": "Delivered. The body of the answer does not matter.",
    "410": "Nobody lives here any more: the webhook is disabled at once.",
    "429": "Too much: with `Retry-After` the whole webhook pauses that long, and it counts as no failure.",
    "503": "As 429.",
    "default": "Not delivered: redirects, too, are failures and never followed. It is tried again on the "
    "webhook's schedule, and fails when that is used up.",
}


def _camel(event_type: str) -> str:
    return "".join(word.capitalize() for word in event_type.replace(".", "_").split("_"))


def _event(row: EventType) -> Outgoing:
    name = _camel(row.name)
    data = {key: value for key, value in own_types.schema(row.name).items() if key != "title"}
    return Outgoing(
        name=row.name,
        operation_id=f"on{name}",
        tag="The gateway's own events" if row.name in OWN else "Events that receivers get",
        summary=f"{row.description}.",
        text="Its name stands in HUM's public documentation." if row.documented else "",
        headers=EVENT_HEADERS,
        body=ref(name),
        example=samples.envelope(row.name),
        answers=EVENT_ANSWERS,
        schemas={name: _envelope(row.name, f"{name}Data"), f"{name}Data": _without_titles_and_nulls(data)},
    )


def _envelope(event_type: str, data: str) -> dict[str, Any]:
    """The body of one type: as everywhere, with what is known of its type and data."""
    known = {"type": {"const": event_type}, "data": ref(data), "api_version": {"const": API_VERSION}}
    return {"allOf": [{"$ref": f"{REF}Envelope"}, {"type": "object", "properties": known}]}


def _without_titles_and_nulls(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_titles_and_nulls(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _without_titles_and_nulls(value)
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str))
        and not (key == "default" and value is None)
        and not (key in ("required", "properties") and not value)
    }


EVENTS: Final = tuple(_event(row) for row in (*CATALOGUE.values(), *OWN.values()))


def path_item(row: Outgoing) -> dict[str, Any]:
    """The Path Item Object of a row."""
    parameters = [
        header_parameter(header.name, header.schema, header.text) | {"required": header.always}
        for header in row.headers
    ]
    operation = {
        "operationId": row.operation_id,
        "tags": [row.tag],
        "summary": row.summary,
        "parameters": parameters,
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": dict(row.body),
                    "examples": {row.name: {"value": row.example}},
                }
            },
        },
        "responses": {
            status: {"description": said} if isinstance(said, str) else dict(said)
            for status, said in row.answers.items()
        },
        "security": [],
    }
    return {"post": operation | ({"description": row.text} if row.text else {})}

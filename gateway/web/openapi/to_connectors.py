"""What connectors get and are to answer (wire contract, section 6), for the section `webhooks`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from gateway.crm.contacts import LIMITS, MOST_FIELDS, MOST_ID, MOST_NOTES, MOST_URL
from gateway.crm.wire import USER_AGENT
from gateway.domain import event_types
from gateway.domain.call import FIELDS
from gateway.domain.connector import PATHS, Endpoint
from gateway.web.openapi.outgoing import EVENT_HEADERS, Header, Outgoing
from gateway.web.openapi.schemas import ref

TAG: Final = "Requests that connectors get"
_PHONE: Final = "+13175550123"
_CALL_ID: Final = "call_1001"
_CONNECTOR_ID: Final = "cnr_01k9h3v5q8x2m4n6p7r9s1t3w5"
_AT: Final = "2026-11-20T21:05:09.123Z"

_OTHERWISE: Final = {
    "X-HUM-Event": Header(
        "X-HUM-Event", "What is asked; it belongs to the path, and anything else is to be answered 400.", {}
    ),
    "X-HUM-Delivery": Header(
        "X-HUM-Delivery",
        "The same at every try of one request: by it a connector recognizes a repetition.",
        {"type": "string", "pattern": "^dlv_[a-z0-9_]+$"},
    ),
    "webhook-id": Header(
        "webhook-id",
        "What the signature is about: of a call the event that tells of it, else as `X-HUM-Delivery`.",
        {"type": "string", "pattern": "^(evt|dlv)_[a-z0-9_]+$"},
    ),
    "User-Agent": Header("User-Agent", "Who asks.", {"type": "string", "const": USER_AGENT}),
}
_LEFT_OUT: Final = frozenset({"X-HUM-Attempt", "X-HUM-Redelivery", "X-HUM-Test", "traceparent"})
_BEARER: Final = Header(
    "Authorization",
    "`Bearer ` and the secret: check it in constant time, before the body is read as anything. A missing or "
    "wrong one is answered 401.",
    {"type": "string", "pattern": "^Bearer .+$"},
)
_DEADLINE: Final = Header(
    "X-HUM-Deadline-Ms",
    "How many milliseconds somebody still waits for the answer. A later one is kept for the next call. "
    "Missing: nobody waits.",
    {"type": "string", "pattern": "^[0-9]+$"},
    always=False,
)

CONTACT: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": "A contact; all but `id` may be missing or null. Long texts are cut.",
    "required": ["id"],
    "properties": {
        "id": {"type": "string", "minLength": 1, "maxLength": MOST_ID, "description": "The CRM's own id."},
        **{
            name: {"type": ["string", "null"], "description": f"Cut at {most} characters."}
            for name, most in LIMITS.items()
        },
        "url": {
            "type": ["string", "null"],
            "format": "uri",
            "pattern": "^https://",
            "maxLength": MOST_URL,
            "description": "For a person to open; never fetched.",
        },
        "notes": {"type": ["string", "null"], "description": f"Cut at {MOST_NOTES} characters."},
        "fields": {
            "type": ["object", "null"],
            "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
            "description": f"Whatever else the CRM knows; the first {MOST_FIELDS} of it are kept.",
        },
    },
}
_CONTACT_EXAMPLE: Final = {
    "id": "201", "name": "Ada Example", "email": "ada@example.com", "phone": _PHONE,
    "company": "Example Dental", "url": "https://crm.example.com/contacts/201",
}  # fmt: skip

_OTHERS: Final[Mapping[str, Any]] = {
    "401": "The bearer or the signature is missing or wrong. During a rotation it is asked once more, with "
    "the other secret.",
    "410": "Nobody lives here any more: the connector is disabled.",
    "default": 'An error, as is any answer that is not as described: never "not found".',
}


def _headers(event: Endpoint, *more: Header) -> tuple[Header, ...]:
    kept = [_OTHERWISE.get(one.name, one) for one in EVENT_HEADERS if one.name not in _LEFT_OUT]
    named = [
        replace(one, schema={"type": "string", "const": event}) if one.name == "X-HUM-Event" else one
        for one in kept
    ]
    return (_BEARER, *named, *more)


def _answer(text: str, schema: str, examples: Mapping[str, Any]) -> dict[str, Any]:
    media = {"schema": ref(schema), "examples": {name: {"value": one} for name, one in examples.items()}}
    return {"description": text, "content": {"application/json": media}}


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties}


def _text(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "description": text, **more}


_E164: Final = _text("E.164.", pattern=r"^\+[0-9]{6,15}$")
_FOUND: Final = {
    "found": True, "contact": _CONTACT_EXAMPLE, "matches": 1, "match": "exact",
}  # fmt: skip

_LOOKUP: Final = Outgoing(
    name="contact.lookup",
    operation_id="onContactLookup",
    tag=TAG,
    summary="Who has this number?",
    text=f"`POST {{base_url}}{PATHS['contact.lookup']}`. It only reads. While the phone rings somebody waits "
    "for the answer: a connector that searches a slow CRM answers from what it has.",
    headers=_headers("contact.lookup", _DEADLINE),
    body=ref("ContactLookup"),
    example={"phone": _PHONE, "org_id": "acme", "call_id": _CALL_ID, "direction": "inbound"},
    answers={
        "200": _answer(
            "What it knows.", "ContactLookupAnswer", {"found": _FOUND, "nobody": {"found": False}}
        ),
        "404": _answer(
            "It knows nobody, said with this body. A bare 404 is an error: nothing serves this path.",
            "ContactLookupAnswer",
            {"nobody": {"found": False}},
        ),
        **_OTHERS,
    },
    schemas={
        "ContactLookup": _object(
            ["phone", "org_id"],
            phone=_E164,
            org_id=_text("Whose caller it is."),
            call_id=_text("The call, when there is one."),
            direction=_text("", enum=["inbound", "outbound"]) | {"description": "Of the call."},
        ),
        "ContactLookupAnswer": {
            "oneOf": [
                _object(
                    ["found", "contact", "matches", "match"],
                    found={"const": True},
                    contact=ref("CrmContact"),
                    matches={
                        "type": "integer",
                        "minimum": 1,
                        "description": "How many contacts share the number; of several the oldest is given.",
                    },
                    match={
                        "enum": ["exact", "suffix"],
                        "description": "Whether the whole number is the same, or only its end.",
                    },
                ),
                _object(["found"], found={"const": False}),
            ]
        },
        "CrmContact": dict(CONTACT),
    },
)
_CREATE: Final = Outgoing(
    name="contact.create",
    operation_id="onContactCreate",
    tag=TAG,
    summary="Make a contact of this caller, whom no connector knows.",
    text=f"`POST {{base_url}}{PATHS['contact.create']}`. Only for connectors with `create_contacts`; once "
    "for each caller, in up to three tries.",
    headers=_headers("contact.create"),
    body=ref("ContactCreate"),
    example={"phone": _PHONE, "source": "hum", "call_id": _CALL_ID},
    answers={
        "200": _answer(
            "The contact, made now or there before (`created`).",
            "ContactCreateAnswer",
            {"made": {"contact": _CONTACT_EXAMPLE, "created": True}},
        ),
        "201": _answer(
            "As 200.", "ContactCreateAnswer", {"made": {"contact": _CONTACT_EXAMPLE, "created": True}}
        ),
        "409": _answer(
            "There is such a contact; it is in the body.",
            "ContactExists",
            {"exists": {"contact": _CONTACT_EXAMPLE}},
        ),
        **_OTHERS,
    },
    schemas={
        "ContactCreate": _object(
            ["phone", "source"],
            phone=_E164,
            source={"const": "hum"},
            name=_text("When it is known."),
            email=_text("When it is known."),
            call_id=_text("The call, when there is one."),
        ),
        "ContactCreateAnswer": _object(
            ["contact", "created"], contact=ref("CrmContact"), created={"type": "boolean"}
        ),
        "ContactExists": _object(["contact"], contact=ref("CrmContact")),
    },
)


def _call() -> dict[str, Any]:
    known = event_types.schema("call.completed")["properties"]
    return _object(
        ["id", "revision", "updated_at"],
        id=_text("The same call has the same id: it updates the same activity."),
        **{name: known[name] for name in FIELDS if name in known},
        revision={
            "type": "integer",
            "minimum": 1,
            "description": "Rises with every change. A lower one than is known is answered 2xx and ignored.",
        },
        updated_at=_text("When it was changed.", format="date-time"),
    )


def _call_example() -> dict[str, Any]:
    data = event_types.example("call.completed")["data"]
    told = {name: data[name] for name in FIELDS if name in data}
    return {
        "call": {"id": data["call_id"], **told, "revision": 1, "updated_at": _AT},
        "contact": {"id": _CONTACT_EXAMPLE["id"], "phone": _PHONE},
    }


def _call_sync() -> Outgoing:
    return Outgoing(
        name="call.sync",
        operation_id="onCallSync",
        tag=TAG,
        summary="Log this call.",
        text=f"`POST {{base_url}}{PATHS['call.sync']}`. For connectors with `sync_calls`, after "
        "`call.completed`, `call.updated` and `outcome.captured`; tried again as deliveries to webhooks are.",
        headers=_headers("call.sync"),
        body=ref("CallSync"),
        example=_call_example(),
        answers={
            "2XX": _answer(
                "Logged, or not to be logged here.",
                "CallSyncAnswer",
                {
                    "logged": {"activity_id": "act_77"},
                    "not supported": {"activity_id": None, "skipped": "not_supported"},
                },
            ),
            **_OTHERS,
        },
        schemas={
            "CallSync": _object(["call", "contact"], call=ref("SyncedCallState"), contact=ref("CallContact")),
            "SyncedCallState": _without_titles(_call()),
            "CallContact": {
                "type": ["object", "null"],
                "description": "The other party, as this CRM knows it; null: nobody has the number.",
                "required": ["id", "phone"],
                "properties": {"id": _text("The CRM's own id."), "phone": _E164},
            },
            "CallSyncAnswer": _object(
                ["activity_id"],
                activity_id={"type": ["string", "null"], "description": "The CRM's own id of the activity."},
                skipped=_text("Why there is none.", examples=["not_supported"]),
            ),
        },
    )


def _without_titles(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_titles(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _without_titles(value)
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str)) and not (key == "default" and value is None)
    }


_PING: Final = Outgoing(
    name="ping",
    operation_id="onPing",
    tag=TAG,
    summary="Are you there, and do you take the secret?",
    text=f"`POST {{base_url}}{PATHS['ping']}`. It changes nothing.",
    headers=_headers("ping"),
    body=ref("Ping"),
    example={"org_id": "acme", "connector_id": _CONNECTOR_ID, "timestamp": _AT},
    answers={
        "2XX": _answer("It is.", "PingAnswer", {"well": {"ok": True, "name": "HubSpot", "version": "1.4"}}),
        **_OTHERS,
    },
    schemas={
        "Ping": _object(
            ["org_id", "connector_id", "timestamp"],
            org_id=_text("Whose connector it is."),
            connector_id=_text("The gateway's id of the connector."),
            timestamp=_text("Now.", format="date-time"),
        ),
        "PingAnswer": _object(
            ["ok"],
            ok={"const": True},
            name=_text("What the connector calls itself."),
            version=_text("Its version."),
        ),
    },
)

REQUESTS: Final = (_LOOKUP, _CREATE, _call_sync(), _PING)

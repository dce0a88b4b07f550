"""What the fields of requests about callers mean; as in `fields`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.domain.caller_fields import KNOWN, LEVELS, MOST_LISTED
from gateway.domain.contact_requests import MOST_TEXT
from gateway.domain.context_template import MOST_TEMPLATE
from gateway.domain.resolution import LEAST_DEADLINE_MS, MOST_DEADLINE_MS
from gateway.web.openapi.meaning import Meaning, or_null

_LISTED: Final = or_null(
    {
        "type": "array",
        "maxItems": MOST_LISTED,
        "items": {"type": "string", "pattern": rf"^({'|'.join(KNOWN)}|fields\.[^\u0000-\u001f]{{1,93}})$"},
    }
)
_FIELDS: Final = {
    "type": "object",
    "properties": dict.fromkeys(LEVELS, _LISTED),
    "additionalProperties": False,
    "examples": [{"A": ["name", "company", "notes", "fields.plan"], "none": ["name"]}],
}
_FIELDS_TEXT: Final = (
    "Which fields agents are told of callers, in their order, by the attestation of the number: `A` also for "
    "outbound calls, `none` also when nothing is known of it. No level may list what the one above it does "
    "not show. A level that is null shows of the usual fields those that the one above it shows."
)

SETTINGS: Final[dict[str, Meaning | None]] = {
    "context_template": Meaning(
        "How what agents are told of callers is worded: `{{name}}` for a value, `{{#name}}…{{/name}}` "
        "for what stands there if there is one, `{{^name}}…{{/name}}` if not. A mistake is 422, with its "
        "line and column. Null: one line for each field.",
        {"minLength": 1, "maxLength": MOST_TEMPLATE, "examples": ["Caller: {{name}}"]},
        default=False,
    ),
    "caller_fields": Meaning(_FIELDS_TEXT, whole=or_null(_FIELDS), default=False),
}
"""Of an organization: how agents are told of callers."""

CALLER: Final[dict[str, Meaning | None]] = {
    "phone": Meaning(
        "Whatever the telephone network gave: a number in any notation, a SIP URI, `anonymous`, nothing. "
        "Null is a number that is withheld.",
        {"examples": ["+13175550142"]},
    ),
    "call_id": Meaning(
        "HUM's id of the call, passed on to connectors.",
        {"minLength": 1, "maxLength": 256, "examples": ["call_01k9h5c1x2"]},
    ),
    "direction": Meaning("Whether the person calls, or is called."),
    "to": Meaning("The number on the other side: the organization's own.", {"examples": ["+13175550100"]}),
    "attestation": Meaning(
        "STIR/SHAKEN: how sure the network is of an inbound caller's number. The organization's "
        "`caller_fields` say what the context holds at which attestation; without one it is as `none`."
    ),
    "deadline_ms": Meaning(
        "How long somebody waits, from the arrival of the request.",
        {"minimum": LEAST_DEADLINE_MS, "maximum": MOST_DEADLINE_MS, "examples": [900]},
    ),
}

_LOOKED_UP: Final = ("carrier", "line_type", "caller_name")
_TEXTS: Final = ("name", "first_name", "last_name", "email", "company", "title", "notes")


def preview(contact: Mapping[str, Meaning | None]) -> dict[str, Meaning | None]:
    """`contact`: what the fields of a contact mean."""
    kinds = {**dict.fromkeys(_TEXTS, "string"), "fields": "object", "tags": "array"}
    rules = {name: meaning.rules for name, meaning in contact.items() if meaning is not None}
    imagined = {
        "type": "object",
        "properties": {name: or_null({"type": kind, **rules[name]}) for name, kind in kinds.items()}
        | dict.fromkeys(_LOOKED_UP, or_null({"type": "string", "minLength": 1, "maxLength": MOST_TEXT})),
        "additionalProperties": False,
        "examples": [{"name": "Ada Example", "company": "Example & Daughters", "fields": {"plan": "gold"}}],
    }
    return {
        "phone": Meaning(
            "A number in any notation; what is kept of it is shown. One of `phone` and `contact` must be "
            "there.",
            {"examples": ["+13175550142"]},
        ),
        "contact": Meaning("Somebody with these values, in place of what is kept.", whole=or_null(imagined)),
        "direction": CALLER["direction"],
        "attestation": Meaning("STIR/SHAKEN: decides which fields are shown."),
        "context_template": Meaning(
            "This template in place of the organization's; null: one line for each field.",
            {"minLength": 1, "maxLength": MOST_TEMPLATE, "examples": ["Caller: {{name}}"]},
        ),
        "caller_fields": Meaning(
            "These fields in place of the organization's; null: the usual ones.", whole=or_null(_FIELDS)
        ),
    }

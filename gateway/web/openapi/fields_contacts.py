"""What the fields of requests about contacts and callers mean; as in `fields`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.domain.backfill import Backfill
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
from gateway.domain.preview import CallerPreview
from gateway.domain.resolution import CallerResolve
from gateway.web.openapi import fields_callers
from gateway.web.openapi.meaning import Meaning
from gateway.web.openapi.patterns import VISIBLE

_WORD: Final = r'^[^\s;"\\]([^;"\\]*[^\s;"\\])?$'
_EMAIL: Final = r'^[^\s@,;<>"]+@[^\s@,;<>"]+$'
_TEXT_OF_A_CONTACT: Final = {
    "minLength": 1,
    "maxLength": MOST_TEXT,
    "pattern": f"^{VISIBLE}(({VISIBLE}| )*{VISIBLE})?$",
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

MEANINGS: Final[Mapping[type, Mapping[str, Meaning | None]]] = {
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
            "The other contact, by its id or a number, as in the path.",
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
}

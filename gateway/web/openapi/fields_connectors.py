"""What the fields of requests about connectors mean; as in `fields`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.domain.connector import (
    MOST_CHANGED_PHONES,
    ConnectorChanges,
    ConnectorCreate,
    ConnectorPing,
    ConnectorUpdate,
)
from gateway.domain.url import MAX_URL
from gateway.manage.connectors import ROOM_FOR_PATHS
from gateway.web.openapi.meaning import Meaning, patch
from gateway.web.openapi.patterns import BASE64_SECRET, VISIBLE

_CONNECTOR: Final[dict[str, Meaning | None]] = {
    "name": Meaning(
        "For people; printable characters, no space at either end.",
        whole={
            "type": "string",
            "minLength": 1,
            "maxLength": 100,
            "pattern": f"^{VISIBLE}(({VISIBLE}| )*{VISIBLE})?$",
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
            "pattern": f"^({BASE64_SECRET}|(?!whsec_)[!-~][ -~]{{14,254}}[!-~])$",
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

MEANINGS: Final[Mapping[type, Mapping[str, Meaning | None]]] = {
    ConnectorCreate: _CONNECTOR,
    ConnectorUpdate: {name: patch(meaning) for name, meaning in _CONNECTOR.items() if name != "secret"}
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
}

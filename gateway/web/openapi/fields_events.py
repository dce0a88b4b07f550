"""What the fields of events mean; as in `fields`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.domain.event import MAX_BATCH, PRIORITIES, BatchInput, EventInput
from gateway.domain.event_types import MAX_TYPE_LENGTH, RESERVED_TYPES
from gateway.domain.retry import DEFAULT_LIFETIME_MS
from gateway.web.openapi.meaning import Meaning
from gateway.web.openapi.parameters import ORG_PATTERN
from gateway.web.openapi.patterns import PRINTABLE, TYPE_PATTERN


class SendEventsItem(EventInput):
    """One event of a batch: it may name its organization."""


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
        {"minLength": 1, "maxLength": 128, "pattern": PRINTABLE, "examples": ["conversation_77"]},
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

MEANINGS: Final[Mapping[type, Mapping[str, Meaning | None]]] = {
    EventInput: _EVENT,
    SendEventsItem: _ITEM,
    BatchInput: _BATCH,
}

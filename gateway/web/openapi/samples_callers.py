"""The examples of what is asked and answered about callers; as in `samples`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.domain.caller_fields import CallerFields, Setting
from gateway.domain.contact import Caller, CrmLink, Kind
from gateway.domain.context import caller_context, wording
from gateway.domain.dial import DEADLINES
from gateway.web import answers

_PHONE: Final = "+13175550142"
_CONNECTOR: Final = "cnr_01k9h3x1y2z3a4b5c6d7e8f9g0"
_VALUES: Final = {"name": "Ada Example", "email": "ada@example.com", "company": "Example & Daughters"}
_FROM: Final[dict[str, Kind]] = dict.fromkeys(_VALUES, "crm")

contact: Final[answers.Caller] = {
    "id": "ctc_3k9h5c2d4e6f8g1h3j5k7m9n1p", "phone": _PHONE, "name": _VALUES["name"], "first_name": None,
    "last_name": None, "email": _VALUES["email"], "company": _VALUES["company"], "title": None,
    "carrier": None, "line_type": None, "caller_name": None, "tags": [],
    "crm": [
        {
            "connector_id": _CONNECTOR, "contact_id": "7351", "url": "https://crm.example.com/contacts/7351",
            "matches": 1,
        }
    ],
    "provenance": dict.fromkeys(_VALUES, "crm"), "ages": dict.fromkeys(_VALUES, 12),
}  # fmt: skip
resolution: Final[answers.Resolution] = {
    "phone": _PHONE,
    "status": "found",
    "source": "fresh",
    "elapsed_ms": 41,
    "resolution_id": "res_01k9h5c2d4e6f8g1h3j5k7m9n1",
    "contact": contact,
    "context": caller_context(
        Caller(_VALUES, _FROM, links=(CrmLink(_CONNECTOR, "7351", None),)),
        status="found", phone=_PHONE, setting=Setting("inbound", "A"),
    ),
    "errors": [],
    "pending": [],
    "revision": 0,
}  # fmt: skip
late: Final[answers.Resolution] = {**resolution, "elapsed_ms": 1_530, "revision": 1}

preview: Final[answers.CallerPreview] = {
    "phone": _PHONE,
    "status": "found",
    "source": "stale",
    "contact": contact,
    "context": caller_context(
        Caller(_VALUES, _FROM, links=(CrmLink(_CONNECTOR, "7351", None),)),
        status="found", phone=_PHONE, setting=Setting("inbound", "A"),
        words=wording("Caller: {{name}}{{#company}} of {{company}}{{/company}}", CallerFields()),
    ),
    "shown": ["name", "company"],
    "withheld": ["email"],
    "errors": [],
}  # fmt: skip


def _deadlines(callers: int, *known: int) -> list[answers.DialDeadline]:
    return [
        {"deadline_ms": deadline, "known": count, "share": round(count / callers, 4)}
        for deadline, count in zip(DEADLINES, known, strict=True)
    ]


dial: Final[answers.CallerDial] = {
    "window": "7d", "since": "2026-11-13T21:00:00.000Z", "until": "2026-11-20T21:05:09.123Z",
    "callers": 1_200, "known": 1_020, "deadlines": _deadlines(1_200, 610, 790, 934, 981, 1_004),
    "connectors": [
        {
            "connector_id": _CONNECTOR, "name": "HubSpot", "callers": 1_200, "known": 1_011,
            "deadlines": _deadlines(1_200, 597, 780, 925, 972, 995),
        }
    ],
}  # fmt: skip

REQUESTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "resolveCaller": {
        "call": {
            "phone": _PHONE,
            "call_id": "call_01k9h5c1x2",
            "direction": "inbound",
            "attestation": "A",
            "deadline_ms": 900,
        },
        "number alone": {"phone": "(317) 555-0142"},
    },
    "previewCaller": {
        "of a number": {"phone": _PHONE, "attestation": "A", "context_template": "Caller: {{name}}"},
        "of values": {
            "contact": {"name": "Ada Example", "notes": "Prefers mornings.", "tags": ["vip"]},
            "attestation": "B",
            "caller_fields": {"A": ["name", "notes", "tags"], "B": ["name"]},
        },
    },
    "backfillContacts": {
        "dry run": {"source": "twilio", "dry_run": True},
        "order": {"source": "connectors", "only_missing": True},
    },
}
estimate: Final[answers.BackfillEstimate] = {
    "matched": 446, "cost": {"currency": "USD", "amount": "8.028"},
}  # fmt: skip
RESPONSES: Final[Mapping[str, Mapping[int, Any]]] = {
    "backfillContacts": {
        200: estimate,
        202: {
            "id": "job_01k9h5c2d4e6f8g1h3j5k7m9n1",
            "org_id": "acme",
            "kind": "backfill",
            "object_id": None,
            "status": "running",
            "cancel_requested": False,
            "matched": 446,
            "done": 0,
            "failed": 0,
            "error": None,
            "actor": "jo@example.com",
            "created_at": "2026-11-20T21:05:09.123Z",
            "updated_at": "2026-11-20T21:05:09.123Z",
            "finished_at": None,
        },
    },
    "resolveCaller": {200: resolution},
    "getResolution": {200: late},
    "previewCaller": {200: preview},
    "getCallerDial": {200: dial},
}

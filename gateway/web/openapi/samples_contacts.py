"""The examples of what is asked and answered about the address book; as in `samples`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.web import answers
from gateway.web.openapi.samples_callers import contact as _caller

_AT: Final = "2026-11-20T21:05:09.123Z"
_OTHER: Final = "+13175550143"

contact: Final[answers.Contact] = {
    "id": "ctc_3k9h5c2d4e6f8g1h3j5k7m9n1p", "org_id": "acme", "phone": "+13175550142",
    "phones": ["+13175550142"], "name": "Ada Example", "first_name": None, "last_name": None,
    "email": "ada@example.com", "company": "Example & Daughters", "title": None, "carrier": None,
    "line_type": None, "caller_name": None, "notes": "prefers to be called after four",
    "fields": {"plan": "gold"}, "tags": ["vip"], "crm": _caller["crm"],
    "provenance": {"name": "override", "email": "crm", "company": "crm"},
    "ages": {"name": 86400, "email": 12, "company": 12},
    "overrides": {
        "name": {"value": "Ada Example", "at": "2026-11-19T21:05:09.123Z", "by": "jo@example.com"},
        "notes": {"value": "prefers to be called after four", "at": _AT, "by": "jo@example.com"},
    },
    "by_person": True, "created_at": "2026-11-19T21:05:09.123Z", "updated_at": _AT,
}  # fmt: skip
report: Final[answers.ImportReport] = {
    "dry_run": False, "lines": 3, "created": 1, "updated": 1, "unchanged": 0, "refused": 1,
    "columns": [{"column": "Mobile", "field": "phone"}, {"column": "Internal Id", "field": None}],
    "errors": [{"line": 4, "field": "phone", "message": "is too short to be anybody's in particular"}],
}  # fmt: skip

REQUESTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "searchContacts": {"name": {"q": "ada ex"}, "number": {"q": "(317) 555-0142", "limit": 10}},
    "replaceContact": {
        "contact": {
            "name": "Ada Example", "email": "ada@example.com", "notes": "prefers to be called after four",
            "fields": {"plan": "gold"}, "tags": ["vip"],
        }
    },
    "updateContact": {
        "company": {"company": "Example & Daughters"},
        "take back": {"name": None, "fields": {"plan": None}},
    },
    "refreshContact": {"default": {}, "patient": {"deadline_ms": 10_000}},
    "mergeContact": {"number": {"from": _OTHER}},
    "importContacts": {
        "text/csv": "phone,name,tags,fields.plan\n+13175550142,Ada Example,vip;slow,gold\n",
        "application/x-ndjson": '{"phone": "+13175550142", "name": "Ada Example", "tags": ["vip"]}\n',
    },
}  # fmt: skip
RESPONSES: Final[Mapping[str, Mapping[int, Any]]] = {
    "listContacts": {200: {"data": [contact], "next_cursor": None, "searched_until": None}},
    "searchContacts": {200: {"data": [contact], "more": False}},
    "getContact": {200: contact},
    "replaceContact": {200: contact, 201: contact},
    "updateContact": {200: contact, 201: contact},
    "importContacts": {200: report},
    "refreshContact": {200: {"contact": contact, "errors": []}},
    "mergeContact": {200: {**contact, "phones": ["+13175550142", _OTHER]}},
}

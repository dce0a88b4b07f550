"""What the fields of requests about organizations, keys and erasures mean; as in `fields`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.domain.console import LinkCreate
from gateway.domain.job import LookupsTest
from gateway.domain.lookup_cache import MOST_LINE_DAYS
from gateway.domain.number_lookup import MOST_NAME_DAYS
from gateway.domain.organization_settings import (
    LONGEST_DAYS,
    MOST_OWN_NUMBERS,
    SHORTEST_DAYS,
    OrganizationUpdate,
)
from gateway.manage.erasures import ErasureCreate
from gateway.manage.keys import KeyCreate
from gateway.web.openapi import fields_callers
from gateway.web.openapi.meaning import Meaning, or_null
from gateway.web.openapi.parameters import ORG_PATTERN
from gateway.web.openapi.patterns import PRINTABLE

_KEY: Final[dict[str, Meaning | None]] = {
    "platform": Meaning("A platform key, which has scopes instead of an organization and a role."),
    "scopes": Meaning(
        "Of a platform key. Without them `events:write`, `callers:resolve` and `manage`; `all` is every one.",
        {"examples": [["events:write"]]},
    ),
    "org_id": Meaning(
        "The organization the key is for; an admin's own without it.",
        {"pattern": ORG_PATTERN, "examples": ["acme"]},
    ),
    "role": Meaning("What the key may do in its organization. Required unless it is a platform key."),
    "expires_in": Meaning(
        "Seconds, at least 60; without it the key lasts until it is revoked.", {"examples": [7776000]}
    ),
    "name": Meaning(
        "For people; printable characters.",
        {"maxLength": 100, "pattern": PRINTABLE, "examples": ["dashboard"]},
    ),
}

_LINK: Final[dict[str, Meaning | None]] = {
    "role": Meaning("What whoever enters may do."),
    "actor": Meaning(
        "Who it is for, as the audit log is to call them; printable characters.",
        {"pattern": PRINTABLE, "examples": ["Ada at the front desk"]},
    ),
    "expires_in": Meaning("For how many seconds the link opens.", {"examples": [300]}),
}

PLATFORM_OR_ROLE: Final = {
    "anyOf": [
        {
            "required": ["platform"],
            "properties": {"platform": {"const": True}, "role": {"type": "null"}},
        },
        {
            "required": ["role"],
            "properties": {
                "platform": {"const": False},
                "role": {"type": "string"},
                "scopes": {"type": "null"},
            },
        },
    ]
}

MEANINGS: Final[Mapping[type, Mapping[str, Meaning | None]]] = {
    KeyCreate: _KEY,
    LinkCreate: _LINK,
    OrganizationUpdate: {
        "retention_days": Meaning(
            "How many days payloads, attempts and deliveries that are over are kept. Null: 30.",
            {"minimum": SHORTEST_DAYS, "maximum": LONGEST_DAYS, "examples": [90]},
            default=False,
        ),
        "own_numbers": Meaning(
            "The organization's own phone numbers, in E.164: nobody is created in a CRM for them, and they "
            "cannot be erased. Null: none.",
            {
                "maxItems": MOST_OWN_NUMBERS,
                "items": {"type": "string", "pattern": r"^\+[1-9][0-9]{6,14}$"},
                "examples": [["+13175550100"]],
            },
            default=False,
        ),
        "default_region": Meaning(
            "The country of numbers that are written without one, by its two letters (ISO 3166): of callers, "
            "in files, in searches, and where a contact is named by a number. Null: the United States for "
            "the first three; contacts are then named by numbers in E.164 only.",
            {"pattern": "^[A-Z]{2}$", "examples": ["DE"]},
            default=False,
        ),
        **fields_callers.SETTINGS,
        "lookup_budget": Meaning(
            "How many numbers may be looked up for calls in a day (UTC): 0 is none. Null: 1,000, where there "
            "is an account to charge. Backfills are not counted.",
            {"examples": [500]},
            default=False,
        ),
        "lookup_cache_days": Meaning(
            "For how many days what a lookup has told of a number is of use before it is asked for anew, "
            "field by field; a field that is not named stays as it is, one that is null gets its default "
            "back. Line type and carrier are sold together, and asked for when one of them is out of date. "
            "Null: the defaults, 30 days unless the operator has set another time for the name.",
            whole=or_null(
                {
                    "type": "object",
                    "properties": {
                        name: or_null({"type": "integer", "minimum": 1, "maximum": most})
                        for name, most in (
                            ("caller_name", MOST_NAME_DAYS),
                            ("line_type", MOST_LINE_DAYS),
                            ("carrier", MOST_LINE_DAYS),
                        )
                    },
                    "additionalProperties": False,
                    "examples": [{"caller_name": 90, "carrier": 7}],
                }
            ),
            default=False,
        ),
        "lookup_credentials": Meaning(
            "The organization's own account for lookups of numbers, kept encrypted and never shown. Null: "
            "none; the installation's is used, if it has one.",
            whole=or_null(
                {
                    "type": "object",
                    "properties": {
                        "account_sid": {"type": "string", "pattern": "^[!-9;-~]{1,128}$"},
                        "auth_token": {"type": "string", "pattern": "^[!-~]{1,256}$"},
                    },
                    "required": ["account_sid", "auth_token"],
                    "additionalProperties": False,
                }
            ),
            default=False,
        ),
    },
    LookupsTest: {},
    ErasureCreate: {
        "phone": Meaning(
            "The number, in E.164.", {"pattern": r"^\+[1-9][0-9]{6,14}$", "examples": ["+13175550142"]}
        ),
        "reason": Meaning("For people; kept encrypted with the erasure.", {"maxLength": 500}),
        "dry_run": Meaning("Only counts."),
        "force": Meaning(
            "Also a number that events show to be the organization's own; never one that it lists in "
            "`own_numbers`."
        ),
    },
}

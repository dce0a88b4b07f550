"""HUM's contacts and calls as HubSpot holds them. Pure functions; the body of a call is in body.py.

HubSpot's properties are text, whatever they hold. A property that HUM said nothing about is left out, so
that an update never empties one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from connectors.hubspot.body import is_https
from connectors.kit.connector import Candidate
from connectors.kit.contract import Call, Contact, ContactRef, CreateRequest
from connectors.kit.phones import Phone, parse

CONTACT_PROPERTIES: Final = (
    "firstname", "lastname", "email", "phone", "mobilephone", "company", "jobtitle", "createdate",
)  # fmt: skip
EXTERNAL_ID: Final = "hs_call_external_id"
BODY: Final = "hs_call_body"

_CALL_TO_CONTACT: Final = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 194}
_DIRECTIONS: Final = {"inbound": "INBOUND", "outbound": "OUTBOUND"}
# HubSpot lets nobody but itself say that a call went to voicemail; the body says it.
_STATUSES: Final = {
    "completed": "COMPLETED",
    "missed": "NO_ANSWER",
    "voicemail": "NO_ANSWER",
    "busy": "BUSY",
    "failed": "FAILED",
    "canceled": "CANCELED",
}
_TITLES: Final = {
    ("inbound", "missed"): "Missed call",
    ("inbound", "voicemail"): "Voicemail",
    ("inbound", None): "Inbound call",
    ("outbound", None): "Outbound call",
}
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


class Associated(msgspec.Struct, frozen=True):
    id: str


class Associations(msgspec.Struct, frozen=True):
    results: list[Associated] = []


class Record(msgspec.Struct, frozen=True, rename="camel"):
    """An object of HubSpot: a contact or a call."""

    id: str
    properties: dict[str, str | None] = {}
    created_at: str = ""
    associations: dict[str, Associations] = {}

    def text(self, name: str) -> str | None:
        """A property; None when it is empty."""
        return (self.properties.get(name) or "").strip() or None

    @property
    def contacts(self) -> tuple[str, ...]:
        """The contacts that a call is associated with, when they were asked for."""
        return tuple(found.id for found in self.associations.get("contacts", Associations()).results)


class Links(msgspec.Struct, frozen=True):
    """Where a person opens a contact: the account's id, and the host of its data centre."""

    portal_id: str = ""
    app_url: str = "https://app.hubspot.com"

    def contact(self, contact_id: str) -> str | None:
        if not self.portal_id:
            return None
        return f"{self.app_url.rstrip('/')}/contacts/{self.portal_id}/record/0-1/{contact_id}"


def contact_search(phone: Phone, fields: Iterable[str] = ()) -> dict[str, Any]:
    """Everybody who might have the number: as E.164 where it was saved so, and by its national part, which
    HubSpot derives from any notation."""
    anywhere = "*" + phone.national_digits
    groups = (
        ("phone", "EQ", phone.e164),
        ("mobilephone", "EQ", phone.e164),
        ("hs_searchable_calculated_phone_number", "CONTAINS_TOKEN", anywhere),
        ("hs_searchable_calculated_mobile_number", "CONTAINS_TOKEN", anywhere),
        ("phone", "CONTAINS_TOKEN", anywhere),
    )
    return {
        "filterGroups": [_filter(*group) for group in groups],
        "properties": contact_properties(fields),
        "sorts": ["createdate"],
        "limit": 100,
    }


def email_search(email: str, fields: Iterable[str] = ()) -> dict[str, Any]:
    return {
        "filterGroups": [_filter("email", "EQ", email)],
        "properties": contact_properties(fields),
        "sorts": ["createdate"],
        "limit": 1,
    }


def call_search(call_id: str) -> dict[str, Any]:
    return {
        "filterGroups": [_filter(EXTERNAL_ID, "EQ", call_id)],
        "properties": [EXTERNAL_ID],
        "sorts": ["hs_createdate"],
        "limit": 1,
    }


def contact_properties(fields: Iterable[str] = ()) -> list[str]:
    return list(dict.fromkeys((*CONTACT_PROPERTIES, *fields)))


def candidate(record: Record, links: Links, fields: Iterable[str] = (), country: str = "US") -> Candidate:
    return Candidate(
        contact=contact(record, links, fields, country),
        phones=stored_phones(record),
        created=record.created_at,
    )


def contact(record: Record, links: Links, fields: Iterable[str] = (), country: str = "US") -> Contact:
    first, last = record.text("firstname"), record.text("lastname")
    return Contact(
        id=record.id,
        name=" ".join(filter(None, (first, last))) or None,
        first_name=first,
        last_name=last,
        email=record.text("email"),
        phone=_e164(stored_phones(record), country),
        company=record.text("company"),
        title=record.text("jobtitle"),
        url=links.contact(record.id),
        fields={name: text for name in fields if (text := record.text(name)) is not None},
    )


def stored_phones(record: Record) -> tuple[str, ...]:
    return tuple(text for name in ("phone", "mobilephone") if (text := record.text(name)))


def new_contact(request: CreateRequest) -> dict[str, str]:
    """The properties of a contact to be made. What is no e-mail address is left out: HubSpot would refuse
    the contact for it."""
    first, _, last = " ".join((request.name or "").split()).partition(" ")
    email = (request.email or "").strip()
    wanted = {
        "phone": request.phone,
        "firstname": first,
        "lastname": last,
        "email": email if _EMAIL.fullmatch(email) else "",
    }
    return {name: text for name, text in wanted.items() if text}


def new_call(call: Call, body: str, now: datetime) -> dict[str, str]:
    """The properties of a call that HubSpot does not have yet."""
    began = next(filter(None, map(_instant, (call.started_at, call.answered_at, call.ended_at))), now)
    return {
        "hs_call_title": "Call",
        **changes(call, body),
        "hs_timestamp": _milliseconds(began),
        EXTERNAL_ID: call.id,
    }


def changes(call: Call, body: str) -> dict[str, str]:
    """The properties that HUM knows of a call."""
    began = _instant(call.started_at)
    known = {
        "hs_timestamp": _milliseconds(began) if began else None,
        "hs_call_title": title(call),
        BODY: body,
        "hs_call_duration": _duration(call.duration_seconds),
        "hs_call_direction": _DIRECTIONS.get(call.direction or ""),
        "hs_call_status": _STATUSES.get(call.status or ""),
        "hs_call_from_number": call.from_,
        "hs_call_to_number": call.to,
        "hs_call_recording_url": call.recording_url if is_https(call.recording_url) else None,
    }
    return {name: text for name, text in known.items() if text}


def title(call: Call) -> str | None:
    """What stands on the timeline: `Missed call from +13175550142`. None while the direction is not known."""
    if call.direction not in _DIRECTIONS:
        return None
    kind = _TITLES.get((call.direction, call.status)) or _TITLES[call.direction, None]
    party, word = (call.from_, "from") if call.direction == "inbound" else (call.to, "to")
    return f"{kind} {word} {party}" if party else kind


def associations(contact: ContactRef | None) -> list[dict[str, Any]]:
    """The one contact that the call belongs to, however many share its number."""
    return [{"to": {"id": contact.id}, "types": [_CALL_TO_CONTACT]}] if contact else []


def _filter(name: str, operator: str, value: str) -> dict[str, Any]:
    return {"filters": [{"propertyName": name, "operator": operator, "value": value}]}


def _e164(stored: Iterable[str], country: str) -> str | None:
    return next((phone.e164 for text in stored if (phone := parse(text, country))), None)


def _instant(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _milliseconds(instant: datetime) -> str:
    return str(round(instant.timestamp() * 1000))


def _duration(seconds: float | None) -> str | None:
    return str(round(seconds * 1000)) if seconds is not None and 0 <= seconds < math.inf else None

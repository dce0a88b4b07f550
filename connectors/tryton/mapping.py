"""What a party is to HUM, how one is searched by phone, and a call as the text of a note. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

import phonenumbers
from phonenumbers import PhoneNumberType

from connectors.kit import phones
from connectors.kit.connector import Candidate
from connectors.kit.contract import Call, Contact, CreateRequest
from connectors.kit.noted import headline, mark, marked, one_line
from connectors.kit.phones import Phone
from connectors.kit.transcript import transcript_text
from connectors.tryton.client import Record

PARTY: Final = "party.party"
MECHANISM: Final = "party.contact_mechanism"
NOTE: Final = "ir.note"

PARTY_FIELDS: Final = (
    "name", "code", "create_date", "contact_mechanisms.type", "contact_mechanisms.value", "categories.name",
)  # fmt: skip
MECHANISM_FIELDS: Final = tuple(f"party.{field}" for field in PARTY_FIELDS)
NOTE_FIELDS: Final = ("resource", "message")

LONGEST_NOTE: Final = 50_000  # characters
_NO_NUMBERS = ("email", "website")
_PARTS = ("year", "month", "day", "hour", "minute", "second")


def phone_search(phone: Phone) -> list[Any]:
    """Every contact mechanism that may be the number. Tryton keeps E.164 beside what it could read; the rest
    stands as somebody typed it, so the last digits are looked for with anything between them."""
    typed = "%" + "%".join(phone.digits[-phones.SHORTEST_LOCAL :]) + "%"
    return [
        ["party.active", "=", True],
        ["type", "not in", list(_NO_NUMBERS)],
        ["OR", ["value_compact", "=", phone.e164], ["value", "like", typed]],
    ]


def call_search(call_id: str) -> list[Any]:
    """Every note that may tell of the call. `_` and `%` in a mark stand for anything: so more is found."""
    return [["resource", "like", f"{PARTY},%"], ["message", "like", f"%{mark(call_id)}"]]


def candidates(mechanisms: Iterable[Record], web_url: str, country: str) -> list[Candidate]:
    """The parties of these contact mechanisms, each once."""
    parties = {mechanism["party"]["id"]: mechanism["party"] for mechanism in mechanisms}
    return [candidate(party, web_url, country) for party in parties.values()]


def candidate(party: Record, web_url: str, country: str) -> Candidate:
    mechanisms = party.get("contact_mechanisms") or []
    numbers = tuple(
        str(one["value"]) for one in mechanisms if one["type"] not in _NO_NUMBERS and one["value"]
    )
    return Candidate(_contact(party, numbers, web_url, country), numbers, _moment(party.get("create_date")))


def new_party(request: CreateRequest, phone: Phone) -> Record:
    """The values of a party. The number stands in for a name that nobody knows."""
    mechanisms = [{"type": _type(phone), "value": phone.e164}]
    if request.email:
        mechanisms.append({"type": "email", "value": request.email.strip()})
    return {
        "name": one_line(request.name or "") or phone.e164,
        "contact_mechanisms": [["create", mechanisms]],
    }


def note_text(call: Call) -> str:
    """Headline, numbers, recording, what was said, and the mark."""
    told = (
        headline(call),
        f"From {call.from_}" if call.from_ else "",
        f"To {call.to}" if call.to else "",
        f"Recording: {call.recording_url}" if call.recording_url else "",
    )
    head = "\n".join(line for part in told if (line := one_line(part)))
    body = transcript_text(call, LONGEST_NOTE)
    return "\n\n".join(part for part in (head, body, mark(call.id)) if part)


def tells_of(note: Record, call_id: str) -> bool:
    return marked(str(note.get("message") or "")) == call_id


def party_of(note: Record) -> int | None:
    """The party that the note is on."""
    model, _, record_id = str(note.get("resource") or "").partition(",")
    return identifier(record_id) if model == PARTY else None


def identifier(text: str) -> int | None:
    """The id of a record; None for a text that cannot be one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 11 and int(text) < 2**31 else None


def _contact(party: Record, numbers: tuple[str, ...], web_url: str, country: str) -> Contact:
    mechanisms = party.get("contact_mechanisms") or []
    email = next((one["value"] for one in mechanisms if one["type"] == "email" and one["value"]), None)
    read = phones.parse(numbers[0], country) if numbers else None
    return Contact(
        id=str(party["id"]),
        name=_name(party.get("name"), numbers, country),
        email=email,
        phone=read.e164 if read else next(iter(numbers), None),
        url=f"{web_url}/model/{PARTY}/{party['id']}" if web_url else None,
        fields=_fields(party),
    )


def _name(name: str | None, numbers: tuple[str, ...], country: str) -> str | None:
    """A number that stands in for a name is none."""
    stands_in = phones.parse(name, country) if name and name.startswith("+") else None
    if stands_in and any(phones.match(stands_in, number, country) for number in numbers):
        return None
    return name or None


def _fields(party: Record) -> dict[str, Any]:
    categories = [one["name"] for one in party.get("categories") or [] if one.get("name")]
    known = {"code": party.get("code"), "categories": categories}
    return {name: value for name, value in known.items() if value}


def _type(phone: Phone) -> str:
    """Tryton refuses as `phone` or `mobile` what is not valid by its tables; as `other` it takes anything."""
    number = phonenumbers.parse(phone.e164)
    if not phonenumbers.is_valid_number(number):
        return "other"
    return "mobile" if phonenumbers.number_type(number) == PhoneNumberType.MOBILE else "phone"


def _moment(value: object) -> str:
    """Tryton writes a moment as its parts."""
    if not isinstance(value, dict):
        return ""
    try:
        year, month, day, hour, minute, second = (int(value[part]) for part in _PARTS)
        return datetime(year, month, day, hour, minute, second, int(value["microsecond"]), UTC).isoformat()
    except (KeyError, TypeError, ValueError):
        return ""

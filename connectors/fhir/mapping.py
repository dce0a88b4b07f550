"""A patient as a contact, a call as a Communication, and the notations that a number is searched by."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import phonenumbers
from phonenumbers import PhoneNumberFormat

from connectors.fhir.client import Resource
from connectors.kit import phones
from connectors.kit.connector import Candidate
from connectors.kit.contract import Call, Contact, CreateRequest
from connectors.kit.noted import headline
from connectors.kit.phones import Phone
from connectors.kit.transcript import transcript_text

LONGEST_TEXT: Final = 50_000  # characters of a payload
MOST: Final = 50  # patients that one search answers with

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}\Z")
_SYSTEM = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9:/._~%#?=&-]+\Z")
_SEPARATORS = ("-", ".", " ", "/", "")
_PHONE_CALL: Final = {"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationMode", "code": "PHONE"}
_CALLED = ("phone", "sms", "other", None)
_NAME_USES = ("usual", "official", None)
# What FHIR calls a call that came to nothing: nobody was spoken to.
_NOT_DONE = ("missed", "busy", "failed", "canceled")


def notations(phone: Phone) -> list[str]:
    """How the number may stand in a record. A FHIR server compares for equality, so these are many."""
    number = phonenumbers.parse(phone.e164)
    international = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    code = f"+{number.country_code}"
    found = [*phone.notations, international, phonenumbers.format_number(number, PhoneNumberFormat.RFC3966)]
    found += [
        f"{code} {phone.national}",
        f"{code} {phone.national_digits}",
        *_with_trunk_in_brackets(phone, code),
    ]
    for written in (phone.national, international, f"{number.country_code} {phone.national}"):
        groups = re.findall(r"\d+", written)
        plus = "+" if written.startswith("+") else ""
        found += [plus + separator.join(groups) for separator in _SEPARATORS]
    return list(dict.fromkeys(found))


def _with_trunk_in_brackets(phone: Phone, code: str) -> list[str]:
    """`+49 (0)30 12345678`, as it is written where a 0 is dialled inside the country alone."""
    if not phone.national.startswith("0"):
        return []
    inside = phone.national[1:]
    return [f"{code} (0){inside}", f"{code} (0) {inside}", f"{code}(0){inside}"]


def any_of(values: Iterable[str]) -> str:
    """As the value of a search parameter: alternatives are separated by commas, which values may hold."""
    return ",".join(re.sub(r"([\\,|$])", r"\\\1", value) for value in values)


def identifier(call_id: str) -> str:
    """The call's id without the characters that mean something in a search: servers unescape them each in its
    own way."""
    return quote(call_id, safe="-._~")


def is_system(text: str) -> bool:
    return bool(_SYSTEM.match(text))


def is_id(text: str) -> bool:
    return bool(_ID.match(text)) and text not in (".", "..")


def candidate(patient: Resource, country: str) -> Candidate | None:
    """None for a record that is not in use any more: it was merged with another, or made by mistake."""
    if patient.get("active") is False:
        return None
    return Candidate(contact(patient, country), _numbers(patient))


def contact(patient: Resource, country: str) -> Contact:
    numbers, telecom = _numbers(patient), _telecom(patient)
    name = _best_name(patient.get("name") or [])
    given, family = " ".join(name.get("given") or []), name.get("family") or ""
    read = phones.parse(numbers[0], country) if numbers else None
    shown = name.get("text") or f"{given} {family}".strip()
    return Contact(
        id=str(patient["id"]),
        name=None if _stands_in(shown, numbers, country) else shown or None,
        first_name=given or None,
        last_name=family or None,
        email=next((str(point["value"]) for point in telecom if point.get("system") == "email"), None),
        phone=read.e164 if read else next(iter(numbers), None),
        company=(patient.get("managingOrganization") or {}).get("display"),
    )


def new_patient(request: CreateRequest, phone: Phone) -> Resource:
    """The number stands in for a name that nobody knows."""
    text = " ".join((request.name or "").split())
    given, _, family = text.rpartition(" ")
    name = {"text": text or phone.e164, "family": family, "given": given.split()}
    telecom = [{"system": "phone", "value": phone.e164}]
    if request.email:
        telecom.append({"system": "email", "value": request.email.strip()})
    return {
        "resourceType": "Patient",
        "active": True,
        "name": [{part: value for part, value in name.items() if value}],
        "telecom": telecom,
    }


def communication(call: Call, patient_id: str | None, system: str) -> Resource:
    """What HUM knows of the call; what it does not know is not there."""
    subject = {"reference": f"Patient/{patient_id}"} if patient_id else None
    known: dict[str, Any] = {
        "resourceType": "Communication",
        "identifier": [{"system": system, "value": identifier(call.id)}],
        "status": _status(call.status),
        "statusReason": {"text": call.status} if call.status in _NOT_DONE else None,
        "medium": [{"coding": [_PHONE_CALL]}],
        "topic": {"text": headline(call)},
        "subject": subject,
        "sender": subject if call.direction == "inbound" else None,
        "recipient": [subject] if subject and call.direction == "outbound" else None,
        "sent": _moment(call.started_at),
        "received": _moment(call.ended_at),
        "payload": _payload(call) or None,
    }
    return {name: value for name, value in known.items() if value is not None}


def brought_up_to_date(there: Resource, told: Resource) -> Resource:
    """What others have added stays: their identifiers, notes, and everything else that is not said anew."""
    identifiers = [*(there.get("identifier") or [])]
    identifiers += [one for one in told["identifier"] if one not in identifiers]
    kept = {name: value for name, value in there.items() if name != "statusReason"}
    return {**kept, **told, "identifier": identifiers}


def _payload(call: Call) -> list[Resource]:
    text = transcript_text(call, LONGEST_TEXT)
    found: list[Resource] = [{"contentString": text}] if text else []
    if call.recording_url:
        found.append({"contentAttachment": {"url": call.recording_url, "title": "Recording"}})
    return found


def _moment(text: str | None) -> str | None:
    """As FHIR writes it, which is how HUM does; None for anything else."""
    try:
        return text if text and datetime.fromisoformat(text).tzinfo and "T" in text else None
    except ValueError:
        return None


def _status(status: str | None) -> str:
    if status is None:
        return "unknown"
    return "not-done" if status in _NOT_DONE else "completed"


def _numbers(patient: Resource) -> tuple[str, ...]:
    return tuple(str(point["value"]) for point in _telecom(patient) if point.get("system") in _CALLED)


def _telecom(patient: Resource) -> list[Resource]:
    return [point for point in patient.get("telecom") or [] if _in_use(point)]


def _in_use(point: Resource) -> bool:
    return (
        bool(point.get("value")) and point.get("use") != "old" and not (point.get("period") or {}).get("end")
    )


def _best_name(names: list[Resource]) -> Resource:
    in_use = [name for name in names if name.get("use") not in ("old", "maiden")]
    ranked = sorted(in_use, key=lambda name: _rank(name.get("use")))
    return ranked[0] if ranked else {}


def _rank(use: str | None) -> int:
    return _NAME_USES.index(use) if use in _NAME_USES else len(_NAME_USES)


def _stands_in(name: str, numbers: tuple[str, ...], country: str) -> bool:
    read = phones.parse(name, country) if name.startswith("+") else None
    return read is not None and any(phones.match(read, number, country) for number in numbers)

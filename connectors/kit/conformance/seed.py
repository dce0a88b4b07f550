"""What the integrator tells about contacts that are in the CRM under test (`--seed FILE`).

    {
      "contacts": {
        "+13175550142": {"id": "1001", "name": "Dana Quillfeather"},
        "+13175550143": {"id": "1002", "stored": "(317) 555-0143"},
        "+13175550144": {"id": "1003", "matches": 2}
      },
      "unknown": ["+13175550199"]
    }

All fields of a contact may be missing; only what is there is expected.
"""

from __future__ import annotations

import json
import re
from typing import Any, Literal

import msgspec

_E164 = re.compile(r"\+[1-9][0-9]{6,14}\Z")


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A contact that has the number. `stored`: how the CRM holds it; `match`: what the connector must say,
    by default what follows from `stored`; `matches`: how many share the number, and then `id` is the one to
    be answered."""

    id: str | None = None
    name: str | None = None
    stored: str | None = None
    match: Literal["exact", "suffix"] | None = None
    matches: int = 1


class _File(msgspec.Struct, forbid_unknown_fields=True):
    contacts: dict[str, Known] = {}
    unknown: list[str] = []


class Seed(msgspec.Struct, frozen=True):
    """`contacts` by E.164 number; `unknown` numbers that nobody has."""

    contacts: dict[str, Known] = {}
    unknown: tuple[str, ...] = ()

    def plain(self) -> tuple[str, Known] | None:
        """A contact that has its number alone, if possible one that is stored with its country."""
        own = [entry for entry in self.contacts.items() if entry[1].matches == 1]
        return next((entry for entry in own if expected_match(*entry) != "suffix"), next(iter(own), None))

    def local(self) -> tuple[str, Known] | None:
        """A contact that is stored without its country."""
        return next((e for e in self.contacts.items() if expected_match(*e) == "suffix"), None)

    def shared(self) -> tuple[str, Known] | None:
        """A number that several contacts have."""
        return next((entry for entry in self.contacts.items() if entry[1].matches > 1), None)


def expected_match(phone: str, known: Known) -> str | None:
    """`exact`, `suffix`, or None where it cannot be told."""
    if known.match is not None or known.stored is None:
        return known.match
    if known.stored.strip().startswith(("+", "00")):
        return "exact"
    digits = re.sub(r"\D", "", known.stored).lstrip("0")
    return "suffix" if len(digits) < len(phone) - 1 else None


def read_seed(text: str) -> Seed:
    """Raises ValueError that names what is wrong."""
    try:
        raw = json.loads(text, object_pairs_hook=_each_once)
        found = msgspec.convert(raw, _File)
    except msgspec.ValidationError as error:
        raise ValueError(f"{_contact_at_fault(raw)}{error}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    for phone in (*found.contacts, *found.unknown):
        if not _E164.match(phone):
            raise ValueError(f"{phone!r} is not a number in E.164, such as +13175550142")
    if twice := set(found.contacts) & set(found.unknown):
        raise ValueError(f"{min(twice)} is both a contact's and unknown")
    for phone, known in found.contacts.items():
        if known.matches < 1:
            raise ValueError(f"{phone}: matches must be 1 or more")
    return Seed(found.contacts, tuple(found.unknown))


def _contact_at_fault(raw: Any) -> str:
    """`+13175550142: ` where one contact does not read; "" where it is the file as a whole."""
    contacts = raw.get("contacts") if isinstance(raw, dict) else None
    for phone, known in contacts.items() if isinstance(contacts, dict) else ():
        try:
            msgspec.convert(known, Known)
        except msgspec.ValidationError:
            return f"{phone}: "
    return ""


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} stands there twice")
    return found

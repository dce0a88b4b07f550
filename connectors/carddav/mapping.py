"""What a vCard says of a person, and how a call stands in its note.

A call is one line of the contact's note: readable for whoever opens the contact, ending in a mark by which
the line is found again. What people write around such lines is theirs and stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from connectors.carddav import vcard
from connectors.carddav.vcard import Card, Line
from connectors.kit import phones
from connectors.kit.connector import Candidate
from connectors.kit.contract import Call, Contact, CreateRequest
from connectors.kit.noted import headline, mark, marked, one_line
from connectors.kit.phones import Phone

KEY_DIGITS: Final = phones.SHORTEST_LOCAL  # what numbers that may be the same end alike in, at the least
LONGEST_NOTES: Final = 10_000
CREATED: Final = "X-HUM-CREATED"

_BETWEEN_NUMBERS = re.compile(r"\s*(?:[/;,|\n]|\s(?:or|and|oder|und|ou|o)\s)\s*", re.IGNORECASE)
_REMARK = re.compile(r"[^\W\d_]|[/;,]")
_GROUPS = ("KIND", "X-ADDRESSBOOKSERVER-KIND")


def candidate(card: Card, name: str, country: str) -> Candidate | None:
    """The contact of that name with all its numbers; None for a group of contacts."""
    if any(_text(line).lower() == "group" for kind in _GROUPS for line in card.all(kind)):
        return None
    numbers = tuple(number for line in _preferred(card.all("TEL")) for number in _numbers(line))
    created = card.first(CREATED) or card.first("CREATED")
    return Candidate(_contact(card, name, numbers, country), numbers, _text(created))


def keys(numbers: Iterable[str], country: str) -> frozenset[str]:
    """By what these numbers are found: the last digits of each, however it is read."""
    found = set()
    for number in numbers:
        read = phones.parse(number, country)
        remark = _REMARK.search(number)
        whole = [read.digits] if read else []
        for digits in (*whole, _digits(number), _digits(number[: remark.start()]) if remark else ""):
            if len(digits) >= KEY_DIGITS:
                found.add(key(digits))
    return frozenset(found)


def key(digits: str) -> str:
    return digits[-KEY_DIGITS:]


def new_card(request: CreateRequest, phone: Phone, uid: str, moment: datetime) -> str:
    """A vCard for somebody who has called. The number stands in for a name that nobody knows."""
    name = " ".join((request.name or "").split())
    family, given = _split(name)
    properties = [
        ("PRODID", "-//HUM//CardDAV connector//EN"),
        ("UID", uid),
        ("FN", vcard.escape(name or phone.e164)),
        ("N", f"{vcard.escape(family)};{vcard.escape(given)};;;"),
        ("TEL;TYPE=VOICE", phone.e164),
    ]
    if request.email:
        properties.append(("EMAIL;TYPE=INTERNET", vcard.escape(request.email)))
    return vcard.write([*properties, (CREATED, moment.strftime("%Y-%m-%dT%H:%M:%SZ"))])


def calls_in(card: Card) -> frozenset[str]:
    """The ids of the calls that the notes tell of."""
    lines = (line for note in card.all("NOTE") for line in note.text.split("\n"))
    return frozenset(call_id for line in lines if (call_id := marked(line)) is not None)


def with_call(card: Card, call: Call, most: int) -> Card:
    """The call in the note: in place of the line that told of it before, else below all others. Of more than
    `most` such lines the first go."""
    said = f"{call_line(call)} {mark(call.id)}"
    note = _note_of(card, call.id)
    if note is None:
        return card.added("NOTE", said)
    lines = note.text.split("\n") if note.text else []
    of = [marked(line) for line in lines]
    if call.id in of:
        lines[of.index(call.id)] = said
    else:
        lines.append(said)
    return card.replaced(note, "\n".join(_without_the_first(lines, most, call.id)))


def _without_the_first(lines: list[str], most: int, call_id: str) -> list[str]:
    """At most so many lines that tell of calls, this one among them; and all that people wrote."""
    told = [number for number, line in enumerate(lines) if marked(line) is not None]
    dropped = {number for number in told[: max(len(told) - most, 0)] if marked(lines[number]) != call_id}
    return [line for number, line in enumerate(lines) if number not in dropped]


def call_line(call: Call) -> str:
    """`2026-11-20 21:05 UTC, inbound call, 3 min 5 s, completed: Asked about … Next: call back`"""
    told = (
        call.summary or "",
        f"Next: {'; '.join(call.next_actions)}" if call.next_actions else "",
        f"Recording: {call.recording_url}" if call.recording_url else "",
    )
    text = " ".join(one_line(part) for part in told if part)
    return f"{headline(call)}: {text}" if text else headline(call)


def _contact(card: Card, name: str, numbers: tuple[str, ...], country: str) -> Contact:
    family, given, *_ = (*(card.first("N") or Line("")).components, "", "")
    company = (card.first("ORG") or Line("")).components[0]
    return Contact(
        id=name,
        name=_name(card, family, given, company, numbers),
        first_name=_clean(given) or None,
        last_name=_clean(family) or None,
        email=next((_text(line) for line in _preferred(card.all("EMAIL"))), None),
        phone=next((_readable(number, country) for number in numbers), None),
        company=_clean(company) or None,
        title=_text(card.first("TITLE") or card.first("ROLE")) or None,
        notes=_notes(card)[:LONGEST_NOTES] or None,
        fields=_fields(card),
    )


def _name(card: Card, family: str, given: str, company: str, numbers: tuple[str, ...]) -> str | None:
    """As it is displayed; a number that stands in for a name is none."""
    display = _text(card.first("FN"))
    digits = {_digits(number) for number in numbers}
    if display and not (_digits(display) in digits and not re.search(r"[^\W\d_]", display)):
        return display
    return _clean(f"{given} {family}") or _clean(company) or _text(card.first("NICKNAME")) or None


def _fields(card: Card) -> dict[str, Any]:
    found = (part for line in card.all("CATEGORIES") for part in re.split(r"(?<!\\),", line.value))
    listed = [cleaned for part in found if (cleaned := _clean(vcard.unescape(part)))]
    return {"categories": listed} if listed else {}


def _notes(card: Card) -> str:
    """What people wrote; what this connector wrote, HUM knows."""
    lines = (line for note in card.all("NOTE") for line in note.text.split("\n") if marked(line) is None)
    return _replaced("\n".join(lines)).strip()


def _note_of(card: Card, call_id: str) -> Line | None:
    """The note that the call belongs into."""
    notes = [note for note in card.all("NOTE") if "ENCODING" not in note.parameters]
    marks = {id(note): {marked(line) for line in note.text.split("\n")} - {None} for note in notes}
    return max(notes, key=lambda note: (call_id in marks[id(note)], bool(marks[id(note)])), default=None)


def _preferred(lines: Iterable[Line]) -> list[Line]:
    """The one that a person prefers first, else as they stand."""
    return sorted((line for line in lines if line.value.strip()), key=_rank)


def _rank(line: Line) -> int:
    wish = next(iter(line.parameters.get("PREF", ())), "")
    if wish.isascii() and wish.isdigit():
        return int(wish[:3])
    return 1 if "pref" in line.types else 101


def _numbers(line: Line) -> Iterable[str]:
    """The numbers in a TEL, as they stand there. Two in one are told apart only where both are long enough:
    `0171/1234567` is one."""
    text = _text(line)
    yield text
    parts = _BETWEEN_NUMBERS.split(text)
    separate = len(parts) > 1 and all(len(_digits(part)) >= KEY_DIGITS for part in parts)
    if separate and not text.lower().startswith("tel:"):
        yield from parts


def _readable(number: str, country: str) -> str:
    read = phones.parse(number, country)
    return read.e164 if read else number


def _split(name: str) -> tuple[str, str]:
    """Family and given name, as far as one can tell."""
    if "," in name:
        family, _, given = name.partition(",")
        return family.strip(), given.strip()
    given, _, family = name.rpartition(" ")
    return (family, given) if given else ("", family)


def _text(line: Line | None) -> str:
    return _clean(line.text) if line else ""


def _clean(text: str) -> str:
    shown = (character for character in _replaced(text) if character.isprintable() or character.isspace())
    return " ".join("".join(shown).split())


def _replaced(text: str) -> str:
    """Bytes that are no UTF-8 are kept in the card, and shown as what they are: unreadable."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _digits(text: str) -> str:
    return "".join(re.findall(r"[0-9]", text))

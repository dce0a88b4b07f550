"""What is known of a caller, and what becomes of it when several sources know something.

Per field the first source counts that has it: a person's override, then CRMs by their priority, then a lookup
of the number. Names belong together: first and last name are those of the source that gave the name. Only a
person may change one part of a name; the other is then that of the next source, and the whole is made of
both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

import msgspec

FieldValue = str | int | float | bool
Match = Literal["exact", "suffix"]
Kind = Literal["override", "crm", "lookup"]

PRECEDENCE: Final[tuple[Kind, ...]] = ("override", "crm", "lookup")
"""Whose word counts, the first first. A new kind of source gets its place here."""

FIELDS: Final = (
    "name", "first_name", "last_name", "email", "company", "title", "carrier", "line_type", "caller_name",
)  # fmt: skip
NAMES: Final = ("name", "first_name", "last_name")
_PARTS: Final = ("first_name", "last_name")


class CrmContact(msgspec.Struct, frozen=True, omit_defaults=True):
    """A contact as a CRM has it, checked (`crm.contacts`). `url` is https, for a person to open."""

    id: str
    name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None
    company: str | None = None
    title: str | None = None
    url: str | None = None
    notes: str | None = None
    fields: dict[str, FieldValue] = {}


@dataclass(frozen=True, slots=True)
class CrmLink:
    """Where the contact stands in a CRM. `matches`: how many contacts there share the number."""

    connector_id: str
    contact_id: str
    url: str | None
    matches: int = 1


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What one source knows, as of `fetched_at` (ms). `rank` orders sources of one kind, the lowest first.
    `values` are texts by the names in FIELDS, `times` says since when they are known where that differs;
    `notes` and `fields` are for those who ask for them."""

    kind: Kind
    fetched_at: int
    rank: int = 0
    values: Mapping[str, str] = field(default_factory=dict)
    notes: str | None = None
    fields: Mapping[str, FieldValue] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    link: CrmLink | None = None
    times: Mapping[str, int] = field(default_factory=dict)


class Value(NamedTuple):
    """A value of the merged picture: which kind of source it is from, and since when (ms) it is known."""

    text: str
    kind: Kind
    at: int


@dataclass(frozen=True, slots=True)
class Caller:
    """All sources as one. `provenance` says of each value in `values` which kind of source it is from,
    `fetched` since when (ms) it is known."""

    values: Mapping[str, str] = field(default_factory=dict)
    provenance: Mapping[str, Kind] = field(default_factory=dict)
    fetched: Mapping[str, int] = field(default_factory=dict)
    notes: str | None = None
    fields: Mapping[str, FieldValue] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    links: tuple[CrmLink, ...] = ()


def merge(known: Iterable[Knowledge]) -> Caller:
    """The one picture out of what the sources know, in whatever order they come."""
    ordered = sorted(known, key=lambda one: (PRECEDENCE.index(one.kind), one.rank))
    if len(ordered) == 1 and ordered[0].kind != "override":
        return _alone(ordered[0])
    chosen = _choose(ordered)
    custom: dict[str, FieldValue] = {}
    for one in reversed(ordered):
        custom |= one.fields
    return Caller(
        values={name: value.text for name, value in chosen.items()},
        provenance={name: value.kind for name, value in chosen.items()},
        fetched={name: value.at for name, value in chosen.items()},
        notes=next((one.notes for one in ordered if one.notes), None),
        fields=custom,
        tags=tuple(dict.fromkeys(tag for one in ordered for tag in one.tags)),
        links=tuple(dict.fromkeys(one.link for one in ordered if one.link is not None)),
    )


def of_crm(
    contact: CrmContact, connector_id: str, *, fetched_at: int, rank: int = 0, matches: int = 1
) -> Knowledge:
    """What a CRM's contact says of the caller; the whole name is made of its parts where it is missing."""
    values = {name: value for name in FIELDS if (value := getattr(contact, name, None))}
    if "name" not in values:
        parts = [part for part in (contact.first_name, contact.last_name) if part]
        if parts:
            values["name"] = " ".join(parts)
    return Knowledge(
        "crm", fetched_at, rank, values, contact.notes, contact.fields,
        link=CrmLink(connector_id, contact.id, contact.url, matches),
    )  # fmt: skip


def _alone(one: Knowledge) -> Caller:
    """The picture that one source gives: what merging comes to when there is nothing to merge."""
    values = {name: text for name in FIELDS if (text := one.values.get(name))}
    return Caller(
        values,
        dict.fromkeys(values, one.kind),
        {name: one.times.get(name, one.fetched_at) for name in values},
        one.notes or None,
        dict(one.fields),
        tuple(dict.fromkeys(one.tags)),
        () if one.link is None else (one.link,),
    )


def _choose(ordered: Sequence[Knowledge]) -> dict[str, Value]:
    """What counts for which field, in the order of FIELDS."""
    found = _names(ordered)
    for one in ordered:
        for name, text in one.values.items():
            if text and name not in found and name not in NAMES:
                found[name] = _value(one, name)
    return {name: found[name] for name in FIELDS if name in found}


def _value(one: Knowledge, name: str) -> Value:
    return Value(one.values[name], one.kind, one.times.get(name, one.fetched_at))


def _names(ordered: Sequence[Knowledge]) -> dict[str, Value]:
    """Those of the first source that gives any; a part that a person has changed, with the rest of the name
    that it is a part of."""
    giving = [one for one in ordered if any(one.values.get(name) for name in NAMES)]
    if not giving:
        return {}
    names = {name: _value(giving[0], name) for name in NAMES if giving[0].values.get(name)}
    if "name" in names or giving[0].kind != "override":
        return names
    if len(giving) > 1:
        rest = giving[1]
        names = {name: _value(rest, name) for name in _PARTS if rest.values.get(name)} | names
    parts = [names[name] for name in _PARTS if name in names]
    return {"name": Value(" ".join(part.text for part in parts), "override", _latest(parts)), **names}


def _latest(parts: Iterable[Value]) -> int:
    return max(part.at for part in parts if part.kind == "override")

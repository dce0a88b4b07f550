"""What people say of a contact: field by field, who said it and when.

An override counts before everything that CRMs and look-ups say. Writing the same value again changes nothing,
not even its age. Tags are the address book's own, and no override: nobody else gives any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from gateway.domain.contact import FIELDS, NAMES, FieldValue, Knowledge
from gateway.domain.contact_requests import ContactWrite

CUSTOM: Final = "fields."
"""What the name of an organization's own field begins with, among overrides."""


class Override(msgspec.Struct, frozen=True, array_like=True):
    """One value, when (ms) it was said, and by whom (a key's id, or `X-HUM-Actor`)."""

    value: FieldValue
    at: int
    by: str


Overrides = Mapping[str, Override]
"""By field: `name`, …, `notes`, and `fields.<name>`."""


def said(request: ContactWrite) -> dict[str, FieldValue | None]:
    """What the request names, by field as in `Overrides`; None takes back. `fields: null`, which takes
    all of them back, is not in it, nor are tags."""
    given: dict[str, FieldValue | None] = {
        name: getattr(request, name)
        for name in ContactWrite.model_fields
        if name in request.model_fields_set and name not in ("fields", "tags")
    }
    for name, value in (request.fields or {}).items():
        given[CUSTOM + name] = value
    return given


def replaced(standing: Overrides, request: ContactWrite, at: int, by: str) -> dict[str, Override]:
    """Nothing but what the request says. A value that stood there already keeps its age."""
    given = {name: value for name, value in said(request).items() if value is not None}
    return {name: _kept_or_new(standing, name, value, at, by) for name, value in given.items()}


def patched(standing: Overrides, request: ContactWrite, at: int, by: str) -> dict[str, Override]:
    """A merge patch: what is not named stays, null takes back."""
    result = dict(standing)
    if "fields" in request.model_fields_set and request.fields is None:
        result = {name: one for name, one in result.items() if not name.startswith(CUSTOM)}
    for name, value in said(request).items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _kept_or_new(standing, name, value, at, by)
    return result


def joined(first: Overrides, second: Overrides) -> dict[str, Override]:
    """Of two contacts that are one person: the first one's word counts, and the names stay together."""
    others = dict(second)
    if any(name in first for name in NAMES):
        others = {name: one for name, one in others.items() if name not in NAMES}
    return {**others, **first}


def dropped(first: Mapping[str, Mapping[str, Any]], second: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Fields of which the second one's word goes in `joined`, unless it is the same: names of overrides, as
    they are shown, with the `value` of each."""
    name_stands = any(name in first for name in NAMES)
    gone = [name for name in second if name in first or (name_stands and name in NAMES)]
    return [name for name in gone if name not in first or first[name]["value"] != second[name]["value"]]


def custom_count(overrides: Overrides) -> int:
    """How many of the organization's own fields are in it."""
    return sum(name.startswith(CUSTOM) for name in overrides)


def knowledge_of(overrides: Overrides, tags: Sequence[str] = ()) -> Knowledge:
    """What people say, as the first among the sources."""
    values = {name: str(one.value) for name, one in overrides.items() if name in FIELDS}
    notes = overrides.get("notes")
    return Knowledge(
        "override",
        max((one.at for one in overrides.values()), default=0),
        values=values,
        notes=None if notes is None else str(notes.value),
        fields={
            name.removeprefix(CUSTOM): one.value for name, one in overrides.items() if name.startswith(CUSTOM)
        },
        tags=tuple(tags),
        times={name: overrides[name].at for name in values},
    )


def _kept_or_new(standing: Overrides, name: str, value: FieldValue, at: int, by: str) -> Override:
    before = standing.get(name)
    same = before is not None and before.value == value and type(before.value) is type(value)
    return before if same and before is not None else Override(value, at, by)

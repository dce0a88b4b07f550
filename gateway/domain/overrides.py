"""What people say of a contact: field by field, who said it and when; and what they may say.

An override counts before everything that CRMs and look-ups say. Writing the same value again changes nothing,
not even its age. Tags are the address book's own, and no override: nobody else gives any.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from gateway.domain.contact import FIELDS, NAMES, FieldValue, Knowledge

NAME_FIELDS: Final = NAMES
CUSTOM: Final = "fields."
"""What the name of an organization's own field begins with, among overrides."""

MOST_TEXT: Final = 200
MOST_EMAIL: Final = 254
MOST_NOTES: Final = 10_000
MOST_FIELDS: Final = 50
MOST_FIELD_NAME: Final = 60
MOST_FIELD_TEXT: Final = 1_000
MOST_TAGS: Final = 50
MOST_TAG: Final = 50
MOST_NUMBER: Final = 2**53 - 1  # what every reader of JSON takes

_EMAIL: Final = re.compile(r"[^\s@,;<>\"]+@[^\s@,;<>\"]+\Z")
_UNFIT_FOR_TAGS: Final = frozenset(';"\\')


class Override(msgspec.Struct, frozen=True, array_like=True):
    """One value, when (ms) it was said, and by whom (a key's id, or `X-HUM-Actor`)."""

    value: FieldValue
    at: int
    by: str


Overrides = Mapping[str, Override]
"""By field: `name`, …, `notes`, and `fields.<name>`."""


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must have printable characters only, on one line")
    if text != text.strip():
        raise ValueError("must not begin or end with a space")
    return text


def _lines(text: str) -> str:
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t\r":
            raise ValueError("must have printable characters only, and line breaks")
    return text


def _email(text: str) -> str:
    if not _EMAIL.match(text):
        raise ValueError("must be an e-mail address, such as ada@example.com")
    return _one_line(text)


def _tag(text: str) -> str:
    if _UNFIT_FOR_TAGS & set(text):
        raise ValueError('must not hold ; " or \\')
    return _one_line(text)


def _each_once(tags: list[str]) -> list[str]:
    return list(dict.fromkeys(tags))


def _field_value(value: Any) -> Any:
    """Checked by hand, so that the error says what is taken and not what each of four types says."""
    if isinstance(value, str):
        if len(value) > MOST_FIELD_TEXT:
            raise ValueError(f"must have at most {MOST_FIELD_TEXT} characters")
        return _lines(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and abs(value) <= MOST_NUMBER and math.isfinite(value):
        return value
    raise ValueError(f"must be a text, a boolean, or a number up to {MOST_NUMBER}")


Text = Annotated[str, StringConstraints(min_length=1, max_length=MOST_TEXT), AfterValidator(_one_line)]
Email = Annotated[str, StringConstraints(min_length=3, max_length=MOST_EMAIL), AfterValidator(_email)]
Notes = Annotated[str, StringConstraints(min_length=1, max_length=MOST_NOTES), AfterValidator(_lines)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=MOST_TAG), AfterValidator(_tag)]
Tags = Annotated[list[Tag], Field(max_length=MOST_TAGS), AfterValidator(_each_once)]
FieldName = Annotated[
    str, StringConstraints(min_length=1, max_length=MOST_FIELD_NAME), AfterValidator(_one_line)
]
Custom = Annotated[FieldValue | None, BeforeValidator(_field_value)]


class ContactWrite(BaseModel):
    """`PUT` and `PATCH /api/contacts/{id}`: what a person says of a contact. Null says nothing; in a PATCH it
    takes back what was said."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Text | None = None
    first_name: Text | None = None
    last_name: Text | None = None
    email: Email | None = None
    company: Text | None = None
    title: Text | None = None
    notes: Notes | None = None
    fields: Annotated[dict[FieldName, Custom], Field(max_length=MOST_FIELDS)] | None = None
    tags: Tags | None = None


def said(request: ContactWrite) -> dict[str, FieldValue | None]:
    """What the request names, by field as in `Overrides`; None takes back. `fields: null` is not in it
    (`takes_all_fields`), nor are tags."""
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
    if any(name in first for name in NAME_FIELDS):
        others = {name: one for name, one in others.items() if name not in NAME_FIELDS}
    return {**others, **first}


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

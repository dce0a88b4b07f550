"""What people may send about contacts: the requests, each with its limits."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    create_model,
)

from gateway.domain.contact import FieldValue

MOST_TEXT: Final = 200
MOST_EMAIL: Final = 254
MOST_NOTES: Final = 10_000
MOST_FIELDS: Final = 50
MOST_FIELD_NAME: Final = 60
MOST_FIELD_TEXT: Final = 1_000
MOST_TAGS: Final = 50
MOST_TAG: Final = 50
LEAST_REFRESH_MS: Final = 250
MOST_REFRESH_MS: Final = 30_000
DEFAULT_REFRESH_MS: Final = 5_000
MOST_SEARCHED: Final = 200
DEFAULT_SEARCHED: Final = 50
MOST_NUMBER: Final = 2**53 - 1  # what every reader of JSON takes

_EMAIL: Final = re.compile(r"[^\s@,;<>\"]+@[^\s@,;<>\"]+\Z")
_UNFIT_FOR_LINES: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_UNFIT_FOR_LISTS: Final = frozenset(';"\\')  # as which tags and names of fields stand in files


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must have printable characters only, on one line")
    if text != text.strip():
        raise ValueError("must not begin or end with a space")
    return text


def _lines(text: str) -> str:
    if _UNFIT_FOR_LINES.search(text):
        raise ValueError("must have printable characters only, and line breaks")
    return text


def _email(text: str) -> str:
    if not _EMAIL.match(text):
        raise ValueError("must be an e-mail address, such as ada@example.com")
    return _one_line(text)


def _word(text: str) -> str:
    if _UNFIT_FOR_LISTS & set(text):
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


def _not_too_many(fields: Any) -> Any:
    """Looked at before each of them is: otherwise thousands of mistakes would be described."""
    if isinstance(fields, dict) and len(fields) > MOST_FIELDS:
        raise ValueError(f"must have at most {MOST_FIELDS} entries")
    return fields


Text = Annotated[str, StringConstraints(min_length=1, max_length=MOST_TEXT), AfterValidator(_one_line)]
Email = Annotated[str, StringConstraints(min_length=3, max_length=MOST_EMAIL), AfterValidator(_email)]
Notes = Annotated[str, StringConstraints(min_length=1, max_length=MOST_NOTES), AfterValidator(_lines)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=MOST_TAG), AfterValidator(_word)]
Tags = Annotated[list[Tag], Field(max_length=MOST_TAGS), AfterValidator(_each_once)]
FieldName = Annotated[str, StringConstraints(min_length=1, max_length=MOST_FIELD_NAME), AfterValidator(_word)]
Custom = Annotated[FieldValue | None, BeforeValidator(_field_value)]
Fields = Annotated[dict[FieldName, Custom], Field(max_length=MOST_FIELDS), BeforeValidator(_not_too_many)]


class ContactWrite(BaseModel):
    """`PUT /api/contacts/{id}`: what a person says of a contact. Null says nothing."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Text | None = None
    first_name: Text | None = None
    last_name: Text | None = None
    email: Email | None = None
    company: Text | None = None
    title: Text | None = None
    notes: Notes | None = None
    fields: Fields | None = None
    tags: Tags | None = None


class ContactUpdate(ContactWrite):
    """`PATCH /api/contacts/{id}`: a merge patch; null takes back what was said."""


# `from` is a word of Python's own, which a class cannot have as a field.
ContactMerge: Final[type[BaseModel]] = create_model(
    "ContactMerge",
    __config__=ConfigDict(extra="forbid", strict=True),
    __doc__="`POST /api/contacts/{id}/merge`: which contact, by id or number, becomes part of this one.",
    **{"from": (str, ...)},  # type: ignore[call-overload]
)


class ContactRefresh(BaseModel):
    """`POST /api/contacts/{id}/refresh`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    deadline_ms: Annotated[int, Field(ge=LEAST_REFRESH_MS, le=MOST_REFRESH_MS)] = DEFAULT_REFRESH_MS


class ContactSearch(BaseModel):
    """`POST /api/contacts/search`: a number in any notation, a part of one, or words of a name."""

    model_config = ConfigDict(extra="forbid", strict=True)

    q: Annotated[str, StringConstraints(min_length=1, max_length=MOST_TEXT)]
    limit: Annotated[int, Field(ge=1, le=MOST_SEARCHED)] = DEFAULT_SEARCHED

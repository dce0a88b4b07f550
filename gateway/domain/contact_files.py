"""Files of contacts, read line by line: CSV with a line of names first, or a JSON object for each line.

Each line becomes a contact to write, or says what is wrong with it. An exported file comes back in as it went
out: columns that nobody can write are passed over, and where a file says which of its values are overrides
(`overridden`, `overrides`), only those are taken, so that what a CRM said does not become a person's word.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

from pydantic import ValidationError

from gateway.domain.contact_requests import ContactWrite
from gateway.domain.csv_cells import restored
from gateway.domain.overrides import CUSTOM
from gateway.domain.phone import Phone, parse
from gateway.errors import InvalidRequest, PayloadTooLarge

Kind = Literal["csv", "ndjson"]

MOST_LINES: Final = 100_000
WRITABLE: Final = tuple(ContactWrite.model_fields)
PASSED_OVER: Final = frozenset(
    {
        "id", "org_id", "phones", "other_phones", "carrier", "line_type", "caller_name", "crm", "provenance",
        "ages", "by_person", "created_at", "updated_at",
    }
)  # fmt: skip
_NO_NUMBER: Final = {
    "withheld": "names nobody",
    "short": "is too short to be anybody's in particular",
    "invalid": "is no phone number",
}
_SPREADSHEET: Final = "is a number that a spreadsheet has shortened: make the column text"


@dataclass(frozen=True, slots=True)
class Entry:
    """A contact of a file: the line where it begins, its number, and what is said of it."""

    line: int
    phone: str
    said: ContactWrite


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that is not taken: the column or field, and what is wrong."""

    line: int
    field: str
    message: str


class _Wrong(Exception):
    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


def read(kind: Kind, body: bytes, region: str) -> Iterator[Entry | Refused]:
    """The contacts of a file, in its order. `region` is where numbers without a country code belong. Raises
    InvalidRequest for a file that cannot be read at all, PayloadTooLarge for one with too many lines."""
    text = _text(body)
    if text.count("\n") > MOST_LINES:
        raise PayloadTooLarge(f"the file has more than {MOST_LINES} lines: split it")
    return _csv(text, region) if kind == "csv" else _lines(text, region)


def _text(body: bytes) -> str:
    """Spreadsheets write UTF-8 with a mark in front, or UTF-16."""
    encoding = "utf-16" if body[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return body.decode(encoding)
    except UnicodeDecodeError as error:
        raise InvalidRequest.field("", f"the file is not UTF-8: byte {error.start}") from None


def _csv(text: str, region: str) -> Iterator[Entry | Refused]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    try:
        names = _names(next(reader, []))
    except csv.Error as error:
        raise InvalidRequest.field("", f"the first line is not CSV: {error}") from None
    return _csv_lines(reader, names, region)


def _delimiter(text: str) -> str:
    """What stands between the names of the first line: a comma, or what some spreadsheets write instead."""
    head = text.partition("\n")[0]
    return max(",;\t", key=head.count)


def _names(row: Sequence[str]) -> list[str]:
    """The columns. `First Name` is `first_name`. Raises InvalidRequest for a column that there is none of."""
    names = [_name(cell) for cell in row]
    for name in names:
        known = name == "phone" or name in WRITABLE or name in PASSED_OVER or name == "overridden"
        if not known and not (name.startswith(CUSTOM) and name != CUSTOM):
            raise InvalidRequest.field(name, "is not a column; an own field is named fields.<name>")
        if names.count(name) > 1:
            raise InvalidRequest.field(name, "stands more than once in the first line")
    if "phone" not in names:
        raise InvalidRequest.field("phone", "the first line must name this column")
    return names


def _name(cell: str) -> str:
    text = cell.strip()
    if text.lower().startswith(CUSTOM):
        return CUSTOM + text[len(CUSTOM) :]
    return text.lower().replace(" ", "_").replace("-", "_")


def _csv_lines(reader: Any, names: list[str], region: str) -> Iterator[Entry | Refused]:
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:  # what follows cannot be told apart from it
            yield Refused(line, "", f"the rest of the file is not CSV: {error}")
            return
        if row is None:
            return
        if any(cell.strip() for cell in row):
            yield _taken(line, partial(_of_row, row, names, region))


def _lines(text: str, region: str) -> Iterator[Entry | Refused]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield _taken(number, partial(_of_object, line, region))


def _taken(line: int, make: Callable[[], tuple[str, ContactWrite]]) -> Entry | Refused:
    try:
        phone, said = make()
    except _Wrong as wrong:
        return Refused(line, wrong.field, wrong.message)
    return Entry(line, phone, said)


def _of_row(row: Sequence[str], names: Sequence[str], region: str) -> tuple[str, ContactWrite]:
    if len(row) > len(names):
        raise _Wrong("", f"has {len(row)} cells; the first line names {len(names)} columns")
    cells = {name: cell for name, cell in zip(names, map(restored, row), strict=False) if cell.strip()}
    given: dict[str, Any] = {
        name: cell if name == "notes" else cell.strip()
        for name, cell in cells.items()
        if name in WRITABLE and name not in ("tags", "fields")
    }
    own = {name.removeprefix(CUSTOM): cell for name, cell in cells.items() if name.startswith(CUSTOM)}
    if "fields" in cells:
        own |= _object("fields", cells["fields"])
    if "overridden" in names:
        taken = set(cells.get("overridden", "").split(";"))
        given = {name: value for name, value in given.items() if name in taken}
        own = {name: value for name, value in own.items() if CUSTOM + name in taken}
    if own:
        given["fields"] = own
    if "tags" in cells:
        given["tags"] = [tag.strip() for tag in cells["tags"].split(";") if tag.strip()]
    return _phone(cells.get("phone", "").strip(), region), _checked(given)


def _of_object(line: str, region: str) -> tuple[str, ContactWrite]:
    values = _object("", line)
    phone = values.pop("phone", None)
    if not isinstance(phone, str):
        raise _Wrong("phone", "is required" if phone is None else "must be a string")
    overrides = values.pop("overrides", None)
    given = {name: value for name, value in values.items() if name not in PASSED_OVER}
    if overrides is not None:
        given = _overridden(overrides) | ({"tags": values["tags"]} if "tags" in values else {})
    return _phone(phone, region), _checked(given)


def _overridden(overrides: Any) -> dict[str, Any]:
    """The values of `overrides` as an export has them."""
    if not isinstance(overrides, dict) or not all(
        isinstance(one, dict) and "value" in one for one in overrides.values()
    ):
        raise _Wrong("overrides", "must be an object of objects with a value")
    given = {name: one["value"] for name, one in overrides.items() if not name.startswith(CUSTOM)}
    own = {
        name.removeprefix(CUSTOM): one["value"] for name, one in overrides.items() if name.startswith(CUSTOM)
    }
    return given | ({"fields": own} if own else {})


def _object(field: str, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise _Wrong(field, "is not valid JSON") from None
    if not isinstance(value, dict):
        raise _Wrong(field, "must be an object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands more than once")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _phone(text: str, region: str) -> str:
    number = parse(text, region)
    if isinstance(number, Phone):
        return number.e164
    if not text:
        raise _Wrong("phone", "is required")
    shortened = "e+" in text.lower() and text[:1].isdigit()
    raise _Wrong("phone", _SPREADSHEET if shortened else _NO_NUMBER[number.reason])


def _checked(given: Mapping[str, Any]) -> ContactWrite:
    try:
        return ContactWrite.model_validate(given)
    except ValidationError as problem:
        error = problem.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in error["loc"] if part != "[key]")
        if error["type"] == "extra_forbidden":
            raise _Wrong(field, "is not a field") from None
        raise _Wrong(field, error["msg"].removeprefix("Value error, ").removeprefix("Input ")) from None

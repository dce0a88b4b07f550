"""What one line of a file of contacts says: a contact to write, or what is wrong with it.

Columns that nobody can write are passed over, and where a file says which of its values are overrides
(`overridden`, `overrides`), only those are taken, so that what a CRM said does not become a person's word.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from gateway.domain.contact_columns import MOST_SHOWN, NAMELESS, PASSED_OVER, WRITABLE, Columns
from gateway.domain.contact_requests import ContactWrite
from gateway.domain.csv_cells import restored
from gateway.domain.overrides import CUSTOM
from gateway.domain.phone import Phone, is_assigned, is_national, parse
from gateway.domain.strict_json import decode
from gateway.domain.wording import of_pydantic

MOST_KEYS: Final = 1_000
"""Of one object: other systems have many that are no field, and each is looked at."""

_NO_NUMBER: Final = {
    "withheld": "names nobody",
    "short": "is too short to be anybody's in particular",
    "invalid": "is no phone number",
}
_COUNTRY: Final = "write the country with +, or name the region of the file"
_SPREADSHEET: Final = "is a number that a spreadsheet has shortened: make the column text"


@dataclass(frozen=True, slots=True)
class Entry:
    """A contact of a file: the line where it begins, its number, what is said of it, and how many characters
    that took. `by_person` is False where an export tells what only others have said: that is nobody's word
    about the contact, and makes none."""

    line: int
    phone: str
    said: ContactWrite
    size: int
    by_person: bool = True


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


Said = tuple[str, ContactWrite, bool]
"""The number, what is said of it, and whether a person says so."""


def taken(line: int, size: int, make: Callable[[], Said]) -> Entry | Refused:
    """What `of_row` or `of_object` makes of the line where it begins; `size` in characters."""
    try:
        phone, said, by_person = make()
    except _Wrong as wrong:
        return Refused(line, wrong.field[:MOST_SHOWN], wrong.message)
    return Entry(line, phone, said, size, by_person)


def of_row(row: Sequence[str], names: Sequence[str | None], region: str) -> Said:
    """What the cells of a row say; `names` are the fields of the columns, None for one that is left out. One
    without a name may be there as long as it says nothing."""
    if len(row) > len(names):
        raise _Wrong("", f"has {len(row)} cells; the first line names {len(names)} columns")
    for number, (name, cell) in enumerate(zip(names, row, strict=False), 1):
        if name == NAMELESS and cell.strip():
            raise _Wrong("", f"has text in column {number}, to which the first line gives no name")
    cells = {
        name: cell
        for name, cell in zip(names, map(restored, row), strict=False)
        if name is not None and cell.strip()
    }
    given: dict[str, Any] = {
        name: cell if name == "notes" else cell.strip()
        for name, cell in cells.items()
        if name in WRITABLE and name not in ("tags", "fields")
    }
    own = {name.removeprefix(CUSTOM): cell for name, cell in cells.items() if name.startswith(CUSTOM)}
    if "fields" in cells:
        own |= _object("fields", cells["fields"])
    if "overridden" in names:
        overridden = set(cells.get("overridden", "").split(";"))
        given = {name: value for name, value in given.items() if name in overridden}
        own = {name: value for name, value in own.items() if CUSTOM + name in overridden}
    if own:
        given["fields"] = own
    if "tags" in cells:
        given["tags"] = [tag.strip() for tag in cells["tags"].split(";") if tag.strip()]
    by_person = "overridden" not in names or bool(given) or cells.get("by_person", "").lower() == "true"
    return _phone(cells.get("phone", "").strip(), region), _checked(given), by_person


def of_object(line: str, region: str, columns: Columns) -> Said:
    """What an object of JSON says."""
    found = _object("", line)
    if len(found) > MOST_KEYS:
        raise _Wrong("", f"has {len(found)} keys; at most {MOST_KEYS}")
    values = _by_field(found, columns)
    phone = values.pop("phone", None)
    if not isinstance(phone, str):
        raise _Wrong("phone", "is required" if phone is None else "must be a string")
    overrides = values.pop("overrides", None)
    given = {name: value for name, value in values.items() if name not in PASSED_OVER}
    if overrides is not None:
        given = _overridden(overrides) | ({"tags": values["tags"]} if values.get("tags") else {})
    by_person = overrides is None or bool(given) or values.get("by_person") is True
    return _phone(phone, region), _checked(given), by_person


def keys_of(line: str) -> Iterable[str]:
    """The keys of an object of JSON; none, when it is none."""
    try:
        return _object("", line).keys()
    except _Wrong:
        return ()


def _by_field(values: Mapping[str, Any], columns: Columns) -> dict[str, Any]:
    """The values under the fields that their keys stand for, without those that are left out."""
    given: dict[str, Any] = {}
    for key, value in values.items():
        name = columns.of_key(key)
        if name in given:
            raise _Wrong(name, f"is what {key[:MOST_SHOWN]} and another key of this line become")
        if name is not None:
            given[name] = value
    own = {name: given.pop(name) for name in columns.chosen.own & given.keys()}
    if own and given.get("fields") is None:
        given["fields"] = {}
    if own and isinstance(given["fields"], dict):  # else it is refused for what it is
        for name, value in own.items():
            if name.removeprefix(CUSTOM) in given["fields"]:
                raise _Wrong(name, "is what two keys of this line say")
            given["fields"][name.removeprefix(CUSTOM)] = value
    return given


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
        value = decode(text.encode())
        if "\\u" in text:  # the only way to write half of a surrogate pair
            json.dumps(value, ensure_ascii=False).encode()
    except ValueError:
        raise _Wrong(field, "is not valid JSON") from None
    if not isinstance(value, dict):
        raise _Wrong(field, "must be an object")
    return value


def _phone(text: str, region: str) -> str:
    number = parse(text, region)
    if isinstance(number, Phone):
        if is_national(text) and not is_assigned(number):
            raise _Wrong("phone", f"is no number of {region}; {_COUNTRY}")
        return number.e164
    if not text:
        raise _Wrong("phone", "is required")
    if "e+" in text.lower() and text[:1].isdigit():
        raise _Wrong("phone", _SPREADSHEET)
    hint = f" in {region}; {_COUNTRY}" if is_national(text) and number.reason != "withheld" else ""
    raise _Wrong("phone", _NO_NUMBER[number.reason] + hint)


def _checked(given: Mapping[str, Any]) -> ContactWrite:
    unknown = next((name for name in given if name not in WRITABLE), None)
    if unknown is not None:  # before each of very many becomes a mistake of its own
        raise _Wrong(unknown, "is not a field")
    try:
        return ContactWrite.model_validate(given)
    except ValidationError as problem:
        error = problem.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in error["loc"] if part != "[key]")
        raise _Wrong(field, of_pydantic(error["type"], error.get("ctx", {}), error["msg"])) from None

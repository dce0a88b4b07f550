"""What becomes of the columns of a file of contacts: of the names in its first line, or of the keys of its
objects.

A column that is called like a field is that field. Whoever brings the file in may say that another one is
(`Mobile:phone`), or that one is left out. A mistake in that would cost a field of every contact: all of them
are told at once, with those of the file, before anything is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pydantic import TypeAdapter, ValidationError

from gateway.domain.bounds import MOST_DETAILS
from gateway.domain.contact_requests import ContactWrite, FieldName
from gateway.domain.near_miss import nearest
from gateway.domain.overrides import CUSTOM
from gateway.domain.wording import of_pydantic
from gateway.errors import Detail, InvalidRequest

MOST_COLUMNS: Final = 200
MOST_SHOWN: Final = 100
"""Characters of a column's name, where it is shown."""
SEPARATOR: Final = ":"
EVERY_OTHER: Final = "*"
_MOST_HINTS: Final = 2
_COMPARED: Final = 24
"""Characters of two names: to compare long ones takes as long as their product."""
"""Of the columns that are not in a file: what was meant is worked out for so many."""

WRITABLE: Final = tuple(ContactWrite.model_fields)
PASSED_OVER: Final = frozenset(
    {
        "id", "org_id", "phones", "other_phones", "carrier", "line_type", "caller_name", "crm", "provenance",
        "ages", "by_person", "created_at", "updated_at",
    }
)  # fmt: skip
_FIELDS: Final = (
    f"there are phone, {', '.join(name for name in WRITABLE if name != 'fields')}, "
    "and fields.<name> for your own"
)
_NO_COLUMN: Final = "is not a column: map it to a field, or ignore it"
NAMELESS: Final = ""
"""The field of a column without a name, which is none: spreadsheets write one for a separator at the end."""
_NO_NAME: Final = '""'
_ALSO: Final = {"e_mail": "email", "phone_number": "phone", "telephone": "phone"}
_own_name: Final = TypeAdapter(FieldName)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What somebody has said of columns: the field that each becomes, None for one that is left out, and
    whether all others that are no field are left out too; `own` are those of the fields that are the
    organization's own (`fields.plan`). `places` tells where it was said (`map[0]`), and `mistakes` what is
    wrong with it, whatever the file is."""

    fields: Mapping[str, str | None] = field(default_factory=dict)
    others_ignored: bool = False
    own: frozenset[str] = frozenset()
    places: Mapping[str, str] = field(default_factory=dict)
    mistakes: Sequence[Detail] = ()

    def missing(self, columns: Collection[str]) -> list[Detail]:
        """Of the columns that were named those which the file, that has `columns`, does not have."""
        alike = {column[:_COMPARED]: column[:MOST_SHOWN] for column in columns}
        found: list[Detail] = []
        for column in self.fields:
            if column not in columns:
                message = f"{column[:MOST_SHOWN]} is not a column of the file"
                near = nearest(column[:_COMPARED], alike) if len(found) < _MOST_HINTS else None
                if near is not None:
                    message += f"; did you mean {alike[near]}?"
                found.append(Detail(self.places[column], message))
        return found


def chosen(maps: Sequence[str], ignored: Sequence[str]) -> Chosen:
    """What the entries say: of `maps` each a column and a field with a colon between them (the last one
    counts), of `ignored` each a column, or `*` for all that are no field."""
    mistakes = [
        Detail(name, f"stands {len(entries)} times; a file has at most {MOST_COLUMNS} columns")
        for name, entries in (("map", maps), ("ignore", ignored))
        if len(entries) > MOST_COLUMNS
    ]
    fields: dict[str, str | None] = {}
    places: dict[str, str] = {}
    for number, entry in enumerate(maps[:MOST_COLUMNS]):
        place = f"map[{number}]"
        column, _, name = (part.strip() for part in entry.rpartition(SEPARATOR))
        if column and name:
            mistakes += [Detail(place, message) for message in _of_pair(column, name, fields)]
            fields.setdefault(column, name)
            places.setdefault(column, place)
        else:
            mistakes.append(Detail(place, "must be a column and a field, such as Mobile:phone"))
    own = frozenset(name for name in fields.values() if name is not None and name.startswith(CUSTOM))
    for number, entry in enumerate(ignored[:MOST_COLUMNS]):
        place, column = f"ignore[{number}]", entry.strip()
        if (message := _of_ignored(column, fields)) is not None:
            mistakes.append(Detail(place, message))
        elif column != EVERY_OTHER:
            fields[column] = None
            places.setdefault(column, place)
    return Chosen(fields, EVERY_OTHER in map(str.strip, ignored), own, places, mistakes)


def _of_ignored(column: str, fields: Mapping[str, str | None]) -> str | None:
    """What is wrong with leaving the column out."""
    if not column:
        return "must be the name of a column"
    name = fields.get(column)
    if name is not None:
        return f"{column[:MOST_SHOWN]} is mapped to {name[:MOST_SHOWN]}, and cannot be ignored too"
    return None


def _of_pair(column: str, name: str, before: Mapping[str, str | None]) -> Iterator[str]:
    """What is wrong with an entry of a map, after those before it."""
    why = _unfit(name)
    if why is not None:
        yield f"{name[:MOST_SHOWN]} {why}"
    standing = before.get(column)
    if standing is not None:
        yield f"{column[:MOST_SHOWN]} is mapped already, to {standing[:MOST_SHOWN]}"
        return
    other = next((other for other, taken in before.items() if taken == name), None)
    if other is not None:
        yield f"{name[:MOST_SHOWN]} is what {other[:MOST_SHOWN]} becomes already"


def _unfit(name: str) -> str | None:
    """Why no column can become it; None: one can."""
    if name == "phone" or name in WRITABLE:
        return None
    if name.startswith(CUSTOM):
        try:
            _own_name.validate_python(name.removeprefix(CUSTOM))
        except ValidationError as problem:
            error = problem.errors(include_url=False, include_input=False)[0]
            why = of_pydantic(error["type"], error.get("ctx", {}), error["msg"])
            return f"is no name for a field of your own, which {why}"
        return None
    known = ("phone", *WRITABLE)
    meant = name.lower() if name.lower() in known else nearest(name[:MOST_SHOWN].lower(), known)
    return f"is not a field: {_FIELDS if meant is None else f'did you mean {meant}?'}"


@dataclass(slots=True)
class Columns:
    """The columns of one file. `became` says, as far as the file was read, which field each was taken for,
    None where it was passed over."""

    chosen: Chosen = field(default_factory=Chosen)
    became: dict[str, str | None] = field(default_factory=dict)

    def of_header(self, row: Sequence[str]) -> list[str | None]:
        """The field of each column, None for one that is left out, NAMELESS for one without a name; `First
        Name` is `first_name`. Raises InvalidRequest with all that is wrong."""
        if len(row) > MOST_COLUMNS:
            message = f"the first line names {len(row)} columns; at most {MOST_COLUMNS}"
            raise InvalidRequest.field("", message)
        columns = [cell.strip() for cell in row]
        names = [self._of_column(column) for column in columns]
        refuse(
            [
                *self.chosen.mistakes,
                *self.chosen.missing(columns),
                *self._unknown(columns, names),
                *self._twice(columns, names),
                *([] if "phone" in names else [Detail("phone", "the first line must name this column")]),
            ]
        )
        for column, name in zip(columns, names, strict=True):
            if name != NAMELESS:
                self._note(column, name)
        return names

    def of_key(self, key: str) -> str | None:
        """The field that a key of an object is taken for, None when it is left out; one that is no field
        stays as it is."""
        fields = self.chosen.fields
        if key in fields:
            name = fields[key]
        elif self.chosen.others_ignored and not _is_key(key):
            name = None
        else:
            name = key
        if name is None or _is_key(name) or key in fields:
            self._note(key, name)
        return name

    def _of_column(self, column: str) -> str | None:
        if column in self.chosen.fields:
            return self.chosen.fields[column]
        name = _name(column)
        return None if self.chosen.others_ignored and not _is_column(name) else name

    def _unknown(self, columns: Sequence[str], names: Sequence[str | None]) -> Iterator[Detail]:
        for column, name in zip(columns, names, strict=True):
            if name and column not in self.chosen.fields and not _is_column(name):
                yield Detail(column[:MOST_SHOWN], _NO_COLUMN)

    def _twice(self, columns: Sequence[str], names: Sequence[str | None]) -> Iterator[Detail]:
        """Fields that several columns become; not those of which only the map says so, which is a mistake of
        its own."""
        found: dict[str, list[str]] = {}
        for column, name in zip(columns, names, strict=True):
            if name is not None and (column in self.chosen.fields or _is_column(name)):
                found.setdefault(name, []).append(column)
        for name, several in found.items():
            twice = next((column for column, count in Counter(several).items() if count > 1), None)
            if twice is not None:
                yield Detail(twice[:MOST_SHOWN], "stands more than once in the first line")
            elif len(several) > 1 and not all(column in self.chosen.fields for column in several):
                which = " and ".join(column[:MOST_SHOWN] for column in several)
                yield Detail(name[:MOST_SHOWN], f"is what {which} become: ignore all but one")

    def _note(self, column: str, name: str | None) -> None:
        if len(self.became) < MOST_COLUMNS:
            self.became[column[:MOST_SHOWN]] = None if name in PASSED_OVER else name


def refuse(mistakes: Sequence[Detail]) -> None:
    """Raises InvalidRequest when there are any: with as many as MOST_DETAILS, and how many there are."""
    if not mistakes:
        return
    text = "; ".join(f"{one.field or _NO_NAME}: {one.message}" for one in mistakes[:5])
    if any(one.message == _NO_COLUMN for one in mistakes):
        text += f". Of fields {_FIELDS}"
    if len(mistakes) > MOST_DETAILS:
        text += f". {len(mistakes)} mistakes in all, of which the first {MOST_DETAILS} are described"
    raise InvalidRequest(text, details=list(mistakes[:MOST_DETAILS]))


def _name(column: str) -> str:
    if column.lower().startswith(CUSTOM):
        return CUSTOM + column[len(CUSTOM) :]
    name = column.lower().replace(" ", "_").replace("-", "_")
    return _ALSO.get(name, name)


def _is_column(name: str) -> bool:
    if name.startswith(CUSTOM):
        return name != CUSTOM
    return name == "phone" or name in WRITABLE or name in PASSED_OVER or name == "overridden"


def _is_key(name: str) -> bool:
    return name == "phone" or name in WRITABLE or name in PASSED_OVER or name == "overrides"

"""Files of contacts, read line by line: CSV with a line of names first, or a JSON object for each line.

What a line says is `contact_lines`' business, what becomes of a column that of `contact_columns`. However
large the file is, no line, no row and no list of columns in it is longer than a contact could need, so that
each is read in a moment.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any, Final, Literal, TextIO

from gateway.domain.contact_columns import MOST_COLUMNS, Columns, refuse
from gateway.domain.contact_lines import Entry, Refused, keys_of, of_object, of_row, taken
from gateway.errors import InvalidRequest, PayloadTooLarge

Kind = Literal["csv", "ndjson"]

MOST_LINES: Final = 100_000
MOST_CHARACTERS: Final = 512 * 1024
"""Of one line, or of one row that goes over several: several times what the largest contact comes to."""
MOST_REPORTED: Final = 1_000
"""Of the refused lines of one file, those that the report describes; it counts them all."""

_PIECE: Final = 64 * 1024
_SEPARATOR: Final = re.compile(r"sep=(.)\s*", re.IGNORECASE)  # a first line of spreadsheets
_BLANK: Final = " \t\r\n,;"
_MARKS: Final = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_NEWLINE: Final[Mapping[Kind, str]] = {"csv": "", "ndjson": "\n"}  # empty: each of the three kinds


class ContactFile:
    """A file of contacts that came as `body`. `region` is where numbers without a country code belong;
    `columns` tells what becomes of which column.

    The text is decoded as it is read, so that however large the file is, little more than the longest line
    is held besides it.
    """

    def __init__(self, kind: Kind, body: bytes, region: str, columns: Columns | None = None) -> None:
        self._kind, self._body, self._region = kind, body, region
        self.columns = columns or Columns()
        self._encoding, self._begin = _encoding(body)

    def look_through(self) -> Iterator[None]:
        """Reads the file once, a piece at a time. Raises InvalidRequest when it is not the text that it
        should be, or has no column that was named; PayloadTooLarge when it has too many lines: before
        anything of it is written."""
        decoder = codecs.getincrementaldecoder(self._encoding)()
        ends, last = 0, ""
        for at in range(self._begin, len(self._body), _PIECE):
            behind = len(decoder.getstate()[0])  # bytes of a character that is not whole yet
            try:
                piece = decoder.decode(self._body[at : at + _PIECE], at + _PIECE >= len(self._body))
            except UnicodeDecodeError as error:
                name, byte = self._encoding[:6].upper().rstrip("-"), at - behind + error.start
                line = self._body.count(b"\n", 0, byte) + 1
                message = f"the file is not {name} (line {line}, byte {byte}): save it as CSV UTF-8"
                raise InvalidRequest.field("", message) from None
            ends += self._ends(piece, last)
            last = piece[-1:]
            if ends > MOST_LINES:
                raise PayloadTooLarge(f"the file has more than {MOST_LINES} lines: split it")
            yield
        if self._kind == "ndjson":
            yield from self._look_for_keys()

    def _look_for_keys(self) -> Iterator[None]:
        """Until each key that was named has stood in an object. Raises InvalidRequest."""
        said, keys = self.columns.chosen, set[str]()
        for _, line in _lines_of_objects(self._text()):
            if keys.issuperset(said.fields):
                break
            if line is not None and len(line) <= MOST_CHARACTERS:
                for key in keys_of(line):
                    if key in said.fields or len(keys) < MOST_COLUMNS:
                        keys.add(key)
            yield
        refuse([*said.mistakes, *said.missing(keys)])

    def lines(self) -> Iterator[Entry | Refused | None]:
        """The contacts, in the order of the file; None for a line that holds nothing. Raises InvalidRequest
        when the first line does not say what the columns are."""
        read = _csv if self._kind == "csv" else _objects
        return read(self._text(), self._region, self.columns)

    def _text(self) -> TextIO:
        content = io.BytesIO(self._body)
        content.seek(self._begin)
        return io.TextIOWrapper(content, self._encoding, newline=_NEWLINE[self._kind])

    def _ends(self, piece: str, last: str) -> int:
        """How many line ends the piece holds; `last` is the character before it."""
        ends = piece.count("\n")
        if self._kind == "csv":
            both = piece.count("\r\n") + (last == "\r" and piece[:1] == "\n")
            ends += piece.count("\r") - both
        return ends


def _encoding(body: bytes) -> tuple[str, int]:
    """Spreadsheets write UTF-8 with a mark in front, or UTF-16: which it is, and how long the mark."""
    for mark, encoding in _MARKS.items():
        if body.startswith(mark):
            return encoding, len(mark)
    return "utf-8", 0


def _csv(text: TextIO, region: str, columns: Columns) -> Iterator[Entry | Refused | None]:
    lines = _Lines(text)
    try:
        first = lines.first()
        told = _SEPARATOR.fullmatch(first)
        if told is not None:
            first = lines.first()
        delimiter = told[1] if told is not None else _delimiter(first)
        reader = csv.reader(chain((first,), lines), delimiter=delimiter, strict=True)
        header = next(reader, [])
    except (csv.Error, _TooLong) as error:
        raise InvalidRequest.field("", f"the first line is not CSV: {error}") from None
    return _rows(reader, lines, columns.of_header(header), region)


class _TooLong(Exception):
    def __init__(self) -> None:
        super().__init__(f"a line has more than {MOST_CHARACTERS} characters")


class _Lines(Iterator[str]):
    """Lines, of which those of one row have at most MOST_CHARACTERS together: a quote that is never closed
    does not make the rest of the file one cell. `number` is that of the latest. Raises _TooLong."""

    def __init__(self, text: TextIO) -> None:
        self._text, self._room = text, MOST_CHARACTERS
        self.number = 0

    def first(self) -> str:
        """The next line that holds more than empty cells; nothing at the end."""
        self.begin()
        while (line := next(self, "")) and not line.strip(_BLANK):
            self.begin()
        return line

    def begin(self) -> None:
        """A row begins."""
        self._room = MOST_CHARACTERS

    def __next__(self) -> str:
        line = self._text.readline(self._room + 1)
        if not line:
            raise StopIteration
        self.number += 1
        self._room -= len(line)
        if self._room < 0:
            raise _TooLong
        return line


def _delimiter(first: str) -> str:
    """What stands between the names of the first line: a comma, or what some spreadsheets write instead."""
    return max(",;\t", key=first.count)


def _rows(
    reader: Any, lines: _Lines, names: list[str | None], region: str
) -> Iterator[Entry | Refused | None]:
    while True:
        line = lines.number + 1
        lines.begin()
        try:
            row = next(reader, None)
        except (csv.Error, _TooLong) as error:  # what follows cannot be told apart from it
            yield Refused(line, "", f"the rest of the file is not CSV: {error}")
            return
        if row is None:
            return
        if len(row) > MOST_COLUMNS or any(map(str.strip, row)):
            yield taken(line, sum(map(len, row)), partial(of_row, row, names, region))
        else:
            yield None


def _objects(text: TextIO, region: str, columns: Columns) -> Iterator[Entry | Refused | None]:
    for number, line in _lines_of_objects(text):
        if line is None:
            yield None
        elif len(line) > MOST_CHARACTERS:
            yield Refused(number, "", f"has more than {MOST_CHARACTERS} characters")
        else:
            yield taken(number, len(line), partial(of_object, line, region, columns))


def _lines_of_objects(text: TextIO) -> Iterator[tuple[int, str | None]]:
    """Each line with its number; None for one that holds nothing, and for each further piece of one that has
    more than MOST_CHARACTERS, of which the beginning comes first."""
    number = 0
    while line := text.readline(MOST_CHARACTERS + 1):
        number += 1
        yield number, None if line.isspace() else line
        if len(line) > MOST_CHARACTERS:
            while line and not line.endswith("\n"):
                line = text.readline(MOST_CHARACTERS)
                yield number, None

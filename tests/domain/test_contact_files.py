"""Files of contacts that are not what people write: however they are made, each step of reading them is
short."""

from __future__ import annotations

import json

import pytest

from gateway.domain.contact_columns import MOST_SHOWN
from gateway.domain.contact_files import MOST_CHARACTERS, MOST_COLUMNS, MOST_LINES, ContactFile, Kind
from gateway.domain.contact_lines import Entry, Refused
from gateway.errors import InvalidRequest, PayloadTooLarge

GOOD = "+13175550142"


def read(content: str | bytes, kind: Kind = "csv") -> list[Entry | Refused | None]:
    body = content.encode() if isinstance(content, str) else content
    file = ContactFile(kind, body, "US")
    for _ in file.look_through():
        pass
    return list(file.lines())


def mistakes(content: str | bytes, kind: Kind = "csv") -> list[tuple[int, str, str]]:
    """Line, field and what is wrong, of the lines that are refused."""
    return [(one.line, one.field, one.message) for one in read(content, kind) if isinstance(one, Refused)]


def taken(content: str | bytes, kind: Kind = "csv") -> list[int]:
    return [one.line for one in read(content, kind) if isinstance(one, Entry)]


def named(columns: int) -> str:
    return ",".join(["phone", *(f"fields.{n}" for n in range(columns - 1))]) + "\n"


def test_a_first_line_names_so_many_columns_and_no_more() -> None:
    assert taken(named(MOST_COLUMNS) + GOOD) == [2]
    for columns in (MOST_COLUMNS + 1, 20_000):
        with pytest.raises(InvalidRequest, match=f"names {columns} columns; at most {MOST_COLUMNS}"):
            read(named(columns) + GOOD)


def test_a_first_line_ends() -> None:
    for content in ("x" * (MOST_CHARACTERS + 1), '"phone', "\n" * 9, ""):
        with pytest.raises(InvalidRequest):
            read(content)


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_lines_are_counted_whatever_ends_them(end: str) -> None:
    assert read("phone" + end * MOST_LINES) == [None] * (MOST_LINES - 1)
    with pytest.raises(PayloadTooLarge):
        read("phone" + end * (MOST_LINES + 1))


def test_a_line_is_as_long_as_a_contact_can_need_and_no_longer() -> None:
    wide = f"phone\n{GOOD}\n{',' * (MOST_CHARACTERS + 1)}\n{GOOD}\n"
    assert mistakes(wide) == [
        (3, "", f"the rest of the file is not CSV: a line has more than {MOST_CHARACTERS} characters")
    ]
    assert taken(wide) == [2]
    over_many_lines = f"phone,notes\n{GOOD}," + ('"' + "x" * 96 + '\n",') * 10_000
    assert mistakes(over_many_lines) == [
        (2, "", f"the rest of the file is not CSV: a line has more than {MOST_CHARACTERS} characters")
    ]
    many = json.dumps({"phone": GOOD, "tags": ["x"] * MOST_CHARACTERS})
    assert mistakes(f"{many}\n{many}", "ndjson") == [
        (1, "", f"has more than {MOST_CHARACTERS} characters"),
        (2, "", f"has more than {MOST_CHARACTERS} characters"),
    ]
    assert taken(f'{many}\n{{"phone": "{GOOD}"}}\n', "ndjson") == [2]


def test_of_very_many_mistakes_in_one_line_the_first_is_told() -> None:
    for content, field, message in (
        ({f"a{n}": 1 for n in range(40_000)}, "", "has 40001 keys; at most 1000"),
        ({f"a{n}": 1 for n in range(900)}, "a0", "is not a field"),
        ({"fields": {f"a{n}": [] for n in range(40_000)}}, "fields", "must have at most 50 entries"),
        ({"tags": ["x"] * 100_000}, "tags", "must have at most 50 entries"),
    ):
        line = json.dumps({"phone": GOOD, **content}, separators=(",", ":"))
        assert mistakes(line, "ndjson") == [(1, field, message)]


def test_the_place_of_what_is_no_text_is_told() -> None:
    for body, at in (
        (b"phone\n\xff", 6),
        (b"\xef\xbb\xbfphone\n\xff", 9),
        (b"phone\n" + b"x" * 70_000 + b"\xc3", 70_006),
        (b"phone\n" + "é".encode() * 40_000 + b"\xff", 80_006),
    ):
        with pytest.raises(InvalidRequest, match=rf"is not UTF-8 \(line 2, byte {at}\)"):
            read(body)
    with pytest.raises(InvalidRequest, match=r"is not UTF-16 \(line 1, byte 12\)"):
        read("\ufeffphone".encode("utf-16-le") + b"x")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_texts_are_whole_wherever_the_pieces_end(encoding: str) -> None:
    for shift in range(4):
        notes = "x" * shift + "😀é" * 9_000
        (entry,) = read(f"phone,notes\r\n{GOOD},{notes[:10_000]}\r\n".encode(encoding))
        assert isinstance(entry, Entry)
        assert entry.said.notes == notes[:10_000]


def test_what_a_report_shows_of_a_long_key_is_short() -> None:
    [(_, field, _)] = mistakes(json.dumps({"phone": GOOD, "x" * 100_000: 1}), "ndjson")
    assert len(field) == MOST_SHOWN

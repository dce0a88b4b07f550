"""What becomes of the columns of a file: mapped, left out, passed over; and every mistake told at once."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

import pytest

from gateway.domain import contact_columns
from gateway.domain.bounds import MOST_DETAILS
from gateway.domain.contact_columns import MOST_COLUMNS, MOST_SHOWN, Columns, chosen
from gateway.domain.contact_files import ContactFile, Kind
from gateway.domain.contact_lines import Entry, Refused
from gateway.errors import InvalidRequest

GOOD = "+13175550142"


def read(
    content: str, maps: Sequence[str] = (), ignored: Sequence[str] = (), kind: Kind = "csv"
) -> tuple[list[Entry | Refused | None], dict[str, str | None]]:
    """The lines, and what each column became."""
    file = ContactFile(kind, content.encode(), "US", Columns(chosen(maps, ignored)))
    for _ in file.look_through():
        pass
    return list(file.lines()), file.columns.became


def mistakes(
    content: str, maps: Sequence[str] = (), ignored: Sequence[str] = (), kind: Kind = "csv"
) -> list[tuple[str, str]]:
    """Field and message of each."""
    with pytest.raises(InvalidRequest) as raised:
        read(content, maps, ignored, kind)
    return [(one.field, one.message) for one in raised.value.details]


TABLE = f"Mobile,Full Name,Plan,a:b,Labels,Internal Id\n{GOOD},Ada Example,gold,x,vip;slow,7\n"
MAPS = ["Mobile:phone", "Full Name:name", "Plan:fields.plan", "a:b:title", "Labels:tags"]
BECAME = {
    "Mobile": "phone", "Full Name": "name", "Plan": "fields.plan", "a:b": "title", "Labels": "tags",
    "Internal Id": None,
}  # fmt: skip


def test_columns_become_the_fields_they_are_mapped_to() -> None:
    (entry,), became = read(TABLE, MAPS, ["Internal Id"])
    assert isinstance(entry, Entry)
    assert entry.phone == GOOD
    assert entry.said.model_dump(exclude_none=True) == {
        "name": "Ada Example", "fields": {"plan": "gold"}, "title": "x", "tags": ["vip", "slow"],
    }  # fmt: skip
    assert became == BECAME


def test_keys_of_objects_become_the_fields_they_are_mapped_to() -> None:
    line = {
        "Mobile": GOOD, "Full Name": "Ada Example", "Plan": 7, "a:b": "x", "Labels": ["vip"],
        "Internal Id": {"n": [1]}, "fields": {"since": 2019},
    }  # fmt: skip
    content = "\n".join(map(json.dumps, [line, {"Mobile": "+13175550143"}]))
    (entry, other), became = read(content, MAPS, ["Internal Id"], "ndjson")
    assert isinstance(entry, Entry) and isinstance(other, Entry)
    assert (entry.phone, other.phone) == (GOOD, "+13175550143")
    assert entry.said.model_dump(exclude_none=True) == {
        "name": "Ada Example", "fields": {"since": 2019, "plan": 7}, "title": "x", "tags": ["vip"],
    }  # fmt: skip
    assert became == BECAME | {"fields": "fields"}


def test_a_column_that_is_called_like_a_field_can_be_something_else() -> None:
    table = f"phone,Mobile,name\n1,{GOOD},Ada\n"
    (entry,), became = read(table, ["phone:fields.desk", "Mobile:phone"], ["name"])
    assert isinstance(entry, Entry)
    assert (entry.phone, entry.said.fields, entry.said.name) == (GOOD, {"desk": "1"}, None)
    assert became == {"phone": "fields.desk", "Mobile": "phone", "name": None}


def test_all_that_is_no_field_can_be_left_out() -> None:
    table = f"Phone,Name,Colour,Size,id\n{GOOD},Ada,red,7,3\n"
    assert [field for field, _ in mistakes(table)] == ["Colour", "Size"]
    (entry,), became = read(table, ["Size:fields.size"], ["*"])
    assert isinstance(entry, Entry)
    assert (entry.said.name, entry.said.fields) == ("Ada", {"size": "7"})
    assert became == {"Phone": "phone", "Name": "name", "Colour": None, "Size": "fields.size", "id": None}
    line = json.dumps({"phone": GOOD, "colour": "red", "name": "Ada"})
    (entry,), became = read(line, [], ["*"], "ndjson")
    assert isinstance(entry, Entry)
    assert became == {"phone": "phone", "colour": None, "name": "name"}
    (refused,), became = read(line, kind="ndjson")
    assert isinstance(refused, Refused)
    assert (refused.field, became) == ("colour", {"phone": "phone", "name": "name"})


def test_a_column_without_a_name_is_passed_over_as_long_as_it_says_nothing() -> None:
    table = f"Phone;Name;;\n{GOOD};Ada;;\n+13175550143;Bo; ;\n+13175550144;Cy;;x\n+13175550145;Di\n"
    lines, became = read(table)
    assert [type(line) for line in lines] == [Entry, Entry, Refused, Entry]
    assert lines[2] == Refused(4, "", "has text in column 4, to which the first line gives no name")
    assert became == {"Phone": "phone", "Name": "name"}
    lines, became = read(table, [], ["*"])
    assert [type(line) for line in lines] == [Entry] * 4
    assert became == {"Phone": "phone", "Name": "name", "": None}


def test_what_an_export_lists_as_overridden_is_taken_or_everything() -> None:
    table = f"phone,name,company,overridden\n{GOOD},Ada,Example Ltd,name\n"
    line = {"phone": GOOD, "name": "Ada", "company": "Example Ltd", "overrides": {"name": {"value": "Ada"}}}
    files: list[tuple[str, str, Kind]] = [
        (table, "overridden", "csv"), (json.dumps(line), "overrides", "ndjson"),
    ]  # fmt: skip
    for content, ignored, kind in files:
        for more, said in (([], {"name": "Ada"}), ([ignored], {"name": "Ada", "company": "Example Ltd"})):
            (entry,), _ = read(content, [], more, kind)
            assert isinstance(entry, Entry)
            assert (entry.said.model_dump(exclude_none=True), entry.by_person) == (said, True)


@pytest.mark.parametrize("before", ["\n", "\r\n  \n", ";;\n\n,\t\n", "\nsep=;\n;;\n"])
def test_blank_lines_before_the_names_are_skipped_and_counted(before: str) -> None:
    (entry, refused), became = read(f"{before}Phone;Name\n{GOOD};Ada\n5;Bo\n")
    assert isinstance(entry, Entry) and isinstance(refused, Refused)
    assert (entry.line, refused.line) == (before.count("\n") + 2, before.count("\n") + 3)
    assert (entry.phone, entry.said.name) == (GOOD, "Ada")
    assert became == {"Phone": "phone", "Name": "name"}


MISTAKEN: list[tuple[list[str], list[str], list[tuple[str, str]]]] = [
    (["Mobile"], [], [("map[0]", "must be a column and a field, such as Mobile:phone")]),
    ([":phone", "Mobile:"], [], [("map[0]", "must be a column"), ("map[1]", "must be a column")]),
    (["Mobile:phon"], [], [("map[0]", "phon is not a field: did you mean phone?")]),
    (["Mobile:Phone"], [], [("map[0]", "Phone is not a field: did you mean phone?")]),
    (["Mobile:colour"], [], [("map[0]", "colour is not a field: there are phone, name, first_name")]),
    (["Mobile:id"], [], [("map[0]", "id is not a field")]),
    (["Mobile:fields."], [], [("map[0]", "fields. is no name for a field of your own")]),
    (["Mobile:fields.a;b"], [], [("map[0]", "fields.a;b is no name")]),
    (["Mobile:phone", "Full Name:phone"], [], [("map[1]", "phone is what Mobile becomes already")]),
    (["Mobile:phone", "Mobile:name"], [], [("map[1]", "Mobile is mapped already, to phone")]),
    (["Mobile:phone"], ["Mobile"], [("ignore[0]", "Mobile is mapped to phone, and cannot be ignored too")]),
    ([], ["", " "], [("ignore[0]", "must be the name of a column"), ("ignore[1]", "must be the name")]),
    (["Mobil:phone"], [], [("map[0]", "Mobil is not a column of the file; did you mean Mobile?")]),
    ([], ["Colour"], [("ignore[0]", "Colour is not a column of the file")]),
]


@pytest.mark.parametrize(("maps", "ignored", "told"), MISTAKEN)
@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_each_mistake_has_its_place(
    kind: Kind, maps: list[str], ignored: list[str], told: list[tuple[str, str]]
) -> None:
    content = {
        "csv": f"Mobile,Full Name,phone\n{GOOD},Ada,\n",
        "ndjson": json.dumps({"Mobile": GOOD, "Full Name": "Ada"}),
    }
    found = [one for one in mistakes(content[kind], maps, ignored, kind) if "[" in one[0]]
    assert [
        (field, message[: len(begins)]) for (field, message), (_, begins) in zip(found, told, strict=True)
    ] == told


def test_all_mistakes_are_told_at_once() -> None:
    table = "Mobile,Telephone,Colour,Name,Name\n"
    maps = ["Mobile:phone", "Home:name", "Name:nam", "x"]
    assert mistakes(table, maps, ["Size", "Mobile"]) == [
        ("map[2]", "nam is not a field: did you mean name?"),
        ("map[3]", "must be a column and a field, such as Mobile:phone"),
        ("ignore[1]", "Mobile is mapped to phone, and cannot be ignored too"),
        ("map[1]", "Home is not a column of the file"),
        ("ignore[0]", "Size is not a column of the file"),
        ("Colour", mistakes("phone,Colour\n")[0][1]),
        ("phone", "is what Mobile and Telephone become: ignore all but one"),
        ("Name", "stands more than once in the first line"),
    ]
    assert mistakes("Full Name\n", ["Full Name:name"]) == [("phone", "the first line must name this column")]


def test_of_very_many_mistakes_the_first_are_told_and_all_counted() -> None:
    maps = [f"c{n}:x" for n in range(MOST_COLUMNS + 1)]
    with pytest.raises(InvalidRequest) as raised:
        read("phone\n", maps)
    assert len(raised.value.details) == MOST_DETAILS
    assert raised.value.details[0].message.startswith(f"stands {MOST_COLUMNS + 1} times")
    of_each = 3 * MOST_COLUMNS - 1  # no field, of another column already but for the first, not in the file
    assert f"{1 + of_each} mistakes in all" in raised.value.message
    long = "x" * 10_000
    for _, message in mistakes("phone\n", [f"{long}:{long}"]):
        assert len(message) < 3 * MOST_SHOWN


def test_a_key_may_come_late_and_must_come() -> None:
    lines = [json.dumps({"phone": f"+131755501{n:02}"}) for n in range(50)]
    late = [*lines, json.dumps({"phone": GOOD, "Plan": "gold"})]
    found, became = read("\n".join(late), ["Plan:fields.plan"], kind="ndjson")
    assert len(found) == 51
    assert became["Plan"] == "fields.plan"
    assert mistakes("\n".join(lines), ["Plan:fields.plan"], kind="ndjson") == [
        ("map[0]", "Plan is not a column of the file")
    ]
    assert mistakes("not json\n[1]\n", [], ["Plan"], kind="ndjson") == [
        ("ignore[0]", "Plan is not a column of the file")
    ]


def test_two_keys_of_a_line_are_not_one_field() -> None:
    for line, field in (
        ({"Mobile": GOOD, "phone": GOOD}, "phone"),
        ({"phone": GOOD, "Plan": "gold", "fields": {"plan": "silver"}, "Mobile": None}, "phone"),
        ({"Mobile": GOOD, "Plan": "gold", "fields": {"plan": "silver"}}, "fields.plan"),
        ({"Mobile": GOOD, "Plan": "gold", "fields": "all"}, "fields"),
    ):
        keys = {"Mobile": GOOD, "Plan": "x"}
        content = f"{json.dumps(line)}\n{json.dumps(keys)}\n"
        (refused, taken), _ = read(content, ["Mobile:phone", "Plan:fields.plan"], kind="ndjson")
        assert isinstance(refused, Refused) and isinstance(taken, Entry)
        assert refused.field == field


def test_what_is_shown_of_columns_is_bounded() -> None:
    line = json.dumps({"phone": GOOD} | {f"{n}{'x' * 200}": n for n in range(999)})
    (entry,), became = read(line, [], ["*"], "ndjson")
    assert isinstance(entry, Entry)
    assert len(became) == MOST_COLUMNS
    assert max(map(len, became)) == MOST_SHOWN


def test_hints_compare_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comparing two names takes as long as the product of their lengths, and there may be many of both."""
    compared: list[tuple[int, int]] = []

    def counting(text: str, known: Collection[str]) -> None:
        compared.append((len(text), max(map(len, known))))

    monkeypatch.setattr(contact_columns, "nearest", counting)
    columns = ["phone", *("x" * 900 + str(number) for number in range(150))]
    maps = ["y" * 900 + f"{number}:fields.f{number}" for number in range(100)]
    assert len(mistakes(",".join(columns) + "\n", maps)) == MOST_DETAILS
    assert compared == [(24, 24)] * 2

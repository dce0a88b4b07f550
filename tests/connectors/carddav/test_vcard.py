"""Cards are read as vobject reads them, and an edit leaves everything else as it was, byte for byte."""

from __future__ import annotations

import pytest
import vobject
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.carddav import mapping, vcard
from connectors.kit.contract import Call

# Whatever may stand in a card: folds, quotes, colons, stray lines, letters of several bytes, no line end.
_pieces = st.sampled_from(
    ["TEL", "NOTE", ":", ";", ",", "=", '"', "\\", "\r\n", "\n", "\r", " ", "\t", "item1.", "TYPE=",
     "BEGIN:VCARD", "END:VCARD", "+13175550142", "ü", "木", "\u2028", "[hum:x]", "^n"]
)  # fmt: skip
bodies = st.lists(st.one_of(_pieces, st.text(max_size=5)), max_size=40).map("".join).map(str.lstrip)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=300)


def card(*properties: str) -> str:
    return "".join(f"{line}\r\n" for line in ("BEGIN:VCARD", "VERSION:3.0", "FN:x", *properties, "END:VCARD"))


@given(bodies)
def test_a_card_that_is_not_edited_is_the_same_text(body: str) -> None:
    text = f"BEGIN:VCARD\r\n{body}\r\nEND:VCARD\r\n"
    assert vcard.parse(text).text == text


@given(bodies, st.text(min_size=1, max_size=20), texts)
def test_an_edit_changes_the_note_alone(body: str, call_id: str, summary: str) -> None:
    before = vcard.parse(f"BEGIN:VCARD\r\n{body}\r\nEND:VCARD\r\n")
    after = vcard.parse(mapping.with_call(before, Call(call_id, summary=summary), 100).text)
    edited = [pair for pair in zip(before.lines, after.lines, strict=False) if pair[0] != pair[1]]
    if len(after.lines) == len(before.lines):
        assert len(edited) <= 1
        assert all(line.name == "NOTE" for line, _ in edited)
    else:
        added = len(after.lines) - len(before.lines)
        assert added == 1
        new = next(line for line in after.lines if line.name == "NOTE")
        assert [line for line in after.lines if line is not new] == list(before.lines)
    assert call_id in mapping.calls_in(after)


@given(texts)
def test_what_is_written_vobject_reads(text: str) -> None:
    written = vcard.parse(card()).added("NOTE", text).text
    wanted = text.replace("\r\n", "\n").replace("\r", "\n")
    assert vcard.parse(written).first("NOTE").text == wanted  # type: ignore[union-attr]
    assert max(len(line.encode()) for line in written.split("\r\n")) <= vcard.FOLD_AT
    if all(character.isprintable() or character == "\n" for character in wanted):
        assert vobject.readOne(written).note.value == wanted


@given(st.lists(st.text("ab;,\\n:ü ", max_size=6), min_size=1, max_size=5))
def test_structured_values_are_split_as_vobject_splits_them(parts: list[str]) -> None:
    value = ";".join(vcard.escape(part) for part in parts)
    assert list(vcard.Line("", "ORG", "ORG", value).components) == parts


def test_parameters_in_every_spelling() -> None:
    line = vcard.parse(
        card('item1.tel;CELL;TYPE="work,voice",HOME;pref=1;X-A="b;c:d";X-B=a^nb^\'^^:+1')
    ).lines[3]
    assert (line.name, line.head.partition(".")[0], line.value) == ("TEL", "item1", "+1")
    assert line.types == {"cell", "work", "voice", "home"}
    assert line.parameters["PREF"] == ("1",)
    assert (line.parameters["X-A"], line.parameters["X-B"]) == (("b;c:d",), ('a\nb"^',))


def test_what_vobject_would_have_cut_off() -> None:
    """Why the connector edits a line instead of writing the card anew: this loses a picture of vCard 4.0."""
    picture = "PHOTO:data:image/jpeg;base64,AAAA"
    text = card(picture)
    assert picture in mapping.with_call(vcard.parse(text), Call("call_1"), 100).text
    assert picture not in vobject.readOne(text).serialize()


def test_hostile_cards_take_no_time() -> None:
    long = card(
        "TEL" + ";x" * 100_000, 'TEL;"' + "a" * 300_000, "TEL:" + " " * 100_000, "NOTE:" + "\\" * 100_001
    )
    read = vcard.parse(long)
    assert read.text == long
    mapping.candidate(read, "/x.vcf", "US")
    mapping.with_call(read, Call("call_1"), 100)


def test_so_many_parameters_are_read_and_cards_so_long() -> None:
    line = vcard.parse(card("TEL;TYPE=first" + ";TYPE=x" * 100_000 + ":+1")).lines[3]
    assert line.parameters == {"TYPE": ("first", *["x"] * (vcard.MOST_PARAMETERS - 1))}
    assert (line.types, line.value) == ({"first", "x"}, "+1")
    room = vcard.MOST_CHARACTERS - len(card("NOTE:"))
    assert vcard.parse(card("NOTE:" + "x" * room)).first("NOTE") is not None
    with pytest.raises(ValueError, match="1 MiB"):
        vcard.parse(card("NOTE:" + "x" * (room + 1)))


@given(st.text(max_size=60))
@settings(max_examples=200)
def test_any_text_as_a_number_has_keys_and_breaks_nothing(text: str) -> None:
    for key in mapping.keys([text], "US"):
        assert len(key) == mapping.KEY_DIGITS

"""A call as text, and where it is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.contract import Call, Turn
from connectors.kit.transcript import MARKER, transcript_text

CALL = Call(
    id="call_1",
    summary="Ann asked for a later appointment.",
    key_points=["Prefers mornings", "Has moved\nto Carmel"],
    next_actions=["Send the new time"],
    outcome={"appointment": "moved", "at": {"day": "Tuesday"}, "paid": None},
    transcript=[
        Turn("agent", "Hello, this is the clinic.", 0.4),
        Turn("caller", "Could I come\r\nlater?\x07", 65.2),
        Turn("caller", "And where?", 3725),
        Turn("system", "call ended"),
    ],
)
TEXT = """Summary
Ann asked for a later appointment.

Key points
- Prefers mornings
- Has moved to Carmel

Next actions
- Send the new time

Outcome
appointment: moved
at: {"day": "Tuesday"}
paid: null

Transcript
0:00 Agent: Hello, this is the clinic.
1:05 Caller: Could I come later?
1:02:05 Caller: And where?
System: call ended"""


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def said(text: str) -> Call:
    return Call(id="call_1", summary=text)


def test_the_whole_text() -> None:
    assert transcript_text(CALL, 10_000) == TEXT
    assert transcript_text(CALL, len(TEXT)) == TEXT


def test_nothing_is_known() -> None:
    assert transcript_text(Call(id="call_1"), 100) == ""


def test_what_is_cut_off_is_said_to_be() -> None:
    cut = transcript_text(CALL, len(TEXT) - 1)
    assert cut.endswith(MARKER)
    assert TEXT.startswith(cut.removesuffix(MARKER))
    assert units(cut) < len(TEXT)


def test_a_cut_falls_between_words() -> None:
    cut = transcript_text(said("one two three four " * 20), 9 + 60)
    assert cut.removesuffix(MARKER).split()[-1] in ("one", "two", "three", "four")


@pytest.mark.parametrize(
    "character",
    ["👩‍👩‍👧", "👍🏽", "🇩🇪", "e\u0301", "❤️", "각", "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e007f"],
    ids=["family", "skin", "flag", "accent", "variation", "syllable", "tags"],
)
def test_no_visible_character_is_torn_apart(character: str) -> None:
    text = character * 40
    for limit in range(units(MARKER) + 9, units(text)):
        cut = transcript_text(said(text), limit).removesuffix(MARKER).removeprefix("Summary").strip()
        assert cut.replace(character, "") == "", limit


def test_an_endless_character_does_not_take_everything_away() -> None:
    assert len(transcript_text(said("a" + "\u0301" * 5000), 4000)) > 3000


@given(text=st.text(max_size=300), limit=st.integers(0, 400))
def test_never_longer_than_the_limit_and_always_text(text: str, limit: int) -> None:
    call = Call(id="call_1", summary=text, transcript=[Turn("caller", text, 1e300)])
    cut = transcript_text(call, limit)
    assert units(cut) <= limit
    cut.encode()


def test_a_time_without_end_is_left_out() -> None:
    call = Call(id="call_1", transcript=[Turn("caller", "hello", float("inf"))])
    assert transcript_text(call, 100) == "Transcript\nCaller: hello"

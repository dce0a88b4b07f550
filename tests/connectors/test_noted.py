"""A call in a note: readable, and found again whatever its id and its words are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.contract import Agent, Call
from connectors.kit.noted import LONGEST_LINE, headline, mark, marked, one_line


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (Call("c"), "call"),
        (Call("c", direction="outbound", status="no_answer"), "outbound call, no answer"),
        (Call("c", started_at="2026-11-20T23:05:09+02:00"), "2026-11-20 21:05 UTC, call"),
        (Call("c", ended_at="2026-11-20T21:05:09Z", duration_seconds=0), "2026-11-20 21:05 UTC, call, 0 s"),
        (Call("c", duration_seconds=3725.6), "call, 1 h 2 min 6 s"),
        (Call("c", started_at="yesterday", duration_seconds=-1), "call"),
        (Call("c", started_at="2026-11-20T21:05:09", duration_seconds=float("nan")), "call"),
        (Call("c", agent=Agent(name="Iris\n[hum:x]")), "call, with Iris [hum:x]"),
    ],
)
def test_the_headline(call: Call, told: str) -> None:
    assert headline(call) == told


@given(st.text(min_size=1), st.text())
def test_a_mark_is_found_again(call_id: str, words: str) -> None:
    line = f"{one_line(words)} {mark(call_id)}"
    assert marked(line) == call_id
    assert len(line.splitlines()) == 1


@pytest.mark.parametrize("line", ["", "[hum:]", "[hum:a] and more", "hum:a]", "[hum:a b]"])
def test_what_somebody_else_wrote_is_no_mark(line: str) -> None:
    assert marked(line) is None


def test_a_line_is_not_endless() -> None:
    assert len(one_line("word " * 1000)) == LONGEST_LINE


def test_a_mark_has_no_bracket_inside() -> None:
    """So a line of nothing but beginnings of marks is read once, not once for each."""
    assert marked("[hum:[hum:x]") == "x"
    assert marked("[hum:" * 300_000) is None

"""The body of a call: nothing lost, nothing executed, never too long, and updates leave the rest alone."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.hubspot.body import CUT, HEADINGS, LIMIT, length, merge, render, sections, split
from connectors.kit.contract import Agent, Call, Turn

FULL = Call(
    id="call_1",
    answered_at="2026-11-20T21:01:15.310Z",
    ended_at="2026-11-20T21:05:09.123Z",
    status="completed",
    summary="Moved her cleaning.\nWants a text.",
    key_points=["Thursday 10:30 suits her", "Prefers a text"],
    next_actions=["Send a reminder"],
    transcript=[
        Turn("agent", "Maple Grove Dental.", 3.3),
        Turn("caller", "Hi!", 3725.9),
        Turn("system", "Bye"),
    ],
    outcome={"appointment": "rescheduled", "slots": [1, 2], "paid": True},
    tags=["appointment", "existing"],
    agent=Agent("flow_front_desk", "Iris"),
    sentiment="positive",
)


def body(call: Call) -> str:
    return render(sections(call))


def text(html: str) -> str:
    """What a person reads."""
    reader = _Reader()
    reader.feed(html)
    return "".join(reader.found)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        if tag in ("br", "p"):
            self.found.append("\n")

    def handle_data(self, data: str) -> None:
        self.found.append(data)


def test_everything_that_is_known_can_be_read() -> None:
    assert text(body(FULL)).split("\n")[1:] == [
        "Summary", "Moved her cleaning.", "Wants a text.",
        "Key points", "• Thursday 10:30 suits her", "• Prefers a text",
        "Next actions", "• Send a reminder",
        "Outcome", "• appointment: rescheduled", "• slots: [1, 2]", "• paid: true",
        "Status", "completed",
        "Sentiment", "positive",
        "Tags", "appointment, existing",
        "Agent", "Iris (flow_front_desk)",
        "Answered", "2026-11-20T21:01:15.310Z",
        "Ended", "2026-11-20T21:05:09.123Z",
        "Transcript", "[0:03] Agent: Maple Grove Dental.", "[1:02:05] Caller: Hi!", "System: Bye",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("call", "shown"),
    [
        (Call("c"), []),
        (Call("c", summary="  "), []),
        (Call("c", key_points=["", " "]), []),
        (Call("c", agent=Agent()), []),
        (Call("c", agent=Agent(id="a_1")), ["Agent", "(a_1)"]),
        (Call("c", summary="a\x00b\x0bc"), ["Summary", "ab", "c"]),
        (Call("c", transcript=[Turn("caller", "two\nlines", -1.0)]), ["Transcript", "Caller: two lines"]),
        (Call("c", transcript=[Turn("robot", "beep", float("inf"))]), ["Transcript", "Robot: beep"]),
        (Call("c", recording_url="http://plain.example/a.mp3"), ["Recording", "http://plain.example/a.mp3"]),
        (Call("c", recording_url="https://good.example/a.mp3"), []),
    ],
)
def test_what_is_not_known_is_not_there(call: Call, shown: list[str]) -> None:
    assert text(body(call)).split("\n")[1:] == shown


SCRIPTS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</p><p><strong>Summary</strong>",
    "&lt;b&gt;",
)


@pytest.mark.parametrize("script", SCRIPTS)
def test_what_people_say_is_text_and_no_html(script: str) -> None:
    call = Call(
        "c", status=script, summary=script, key_points=[script], next_actions=[script], sentiment=script,
        transcript=[Turn(script, script)], outcome={script: script}, tags=[script],
        agent=Agent(script, script),
        answered_at=script, ended_at=script, recording_url=script,
    )  # fmt: skip
    html = body(call)
    reader = _Reader()
    reader.feed(html)
    assert reader.tags == {"p", "strong", "br"}
    assert text(html).count(script) == 15
    assert [*split(html)[1]] == [*HEADINGS], "what is said does not become a section"


def test_an_update_replaces_what_it_brings_and_keeps_the_rest() -> None:
    updated = merge(body(FULL), sections(Call("call_1", tags=["reviewed"], outcome={"appointment": "kept"})))
    read = text(updated)
    assert "reviewed" in read and "existing" not in read
    assert "appointment: kept" in read and "rescheduled" not in read
    assert "Moved her cleaning." in read and "[0:03] Agent: Maple Grove Dental." in read
    assert merge(updated, sections(FULL)) == body(FULL)


def test_an_update_may_bring_what_was_missing() -> None:
    late = merge(body(Call("c", transcript=[Turn("caller", "Hi")])), sections(Call("c", summary="Short.")))
    assert [*split(late)[1]] == ["Summary", "Transcript"]


@pytest.mark.parametrize(
    "edited",
    [
        "<p>Called back myself, <b>all fine</b></p>{}",
        '<div style="" dir="auto" data-top-level="true"><p style="margin:0;">all fine</p>{}</div>',
        "all fine\n{}",
        "{}<p>all fine</p>",
        "{}all fine",
    ],
)
def test_what_a_person_wrote_above_or_below_stays(edited: str) -> None:
    html = edited.format(body(FULL).replace("<p>", '<p style="margin:0;">').replace("<br>", "<br />"))
    read = text(merge(html, sections(Call("c", summary="Another.", transcript=[Turn("agent", "New")]))))
    assert "all fine" in read and "Another." in read and "Moved her cleaning." not in read
    assert (read.index("all fine") < read.index("Another.")) == (
        edited.index("all fine") < edited.index("{}")
    )
    again = merge(html, sections(Call("c", summary="Another.")))
    assert merge(again, sections(Call("c", summary="Another."))) == again, "told again it stays the same"


def test_a_body_that_only_a_person_wrote_stays_on_top() -> None:
    assert merge("mine", sections(Call("c", summary="S"))) == "mine" + body(Call("c", summary="S"))


LONG = Call(
    "c",
    summary="What it was about.",
    key_points=["one"],
    transcript=[Turn("caller", f"turn {number} & so on {'é' * 40}", number) for number in range(3000)],
)


def test_a_long_transcript_is_cut_at_a_line_and_says_so() -> None:
    html = body(LONG)
    assert LIMIT - 200 < length(html) <= LIMIT
    assert html.endswith(f"<br>{CUT}</p>")
    lines = text(html).split("\n")
    assert "What it was about." in lines and "• one" in lines
    assert re.fullmatch(r"\[\d+:\d\d\] Caller: turn \d+ & so on é+", lines[-2])


def test_a_cut_transcript_stays_within_the_limit_over_updates() -> None:
    html = body(LONG)
    for number in range(5):
        html = merge(html, sections(Call("c", summary=f"Longer by {number}. " + "x" * 500 * number)))
        assert length(html) <= LIMIT
        assert html.count(CUT) == 1
        assert f"Longer by {number}." in html


@pytest.mark.parametrize(
    "summary", ["&" * 200_000, "\U0001f600" * 100_000, "word " * 60_000, "\n".join("ab" * 50_000)]
)
def test_one_endless_text_is_cut_inside(summary: str) -> None:
    html = body(Call("c", summary=summary, transcript=[Turn("caller", "Hi", 0.0)]))
    assert length(html) <= LIMIT
    assert CUT in html
    assert "[0:00] Caller: Hi" in text(html), "the transcript is not crowded out"
    assert not re.search(r"&[a-z#0-9]{0,6}(?![a-z#0-9;])", html), "no entity is cut in half"
    reader = _Reader()
    reader.feed(html)
    assert set("".join(reader.found)) <= set(summary) | set(text(body(FULL))) | set(CUT)


def test_a_person_who_filled_the_body_is_not_overwritten() -> None:
    mine = "m" * (LIMIT - 10)
    assert merge(mine, sections(Call("c", summary="S"))) == mine


words = st.text(max_size=400)
calls = st.builds(
    Call,
    id=st.just("c"),
    summary=st.none() | words,
    key_points=st.lists(words, max_size=3),
    tags=st.lists(words, max_size=3),
    outcome=st.dictionaries(words, words, max_size=3),
    sentiment=st.none() | words,
    transcript=st.lists(st.builds(Turn, role=words, text=words, at=st.none() | st.floats()), max_size=3),
)


@settings(max_examples=150, deadline=None)
@given(calls, calls)
def test_any_two_revisions_make_one_sound_body(first: Call, second: Call) -> None:
    parts = {**sections(first), **sections(second)}
    html = merge(body(first), sections(second))
    assert html == render(parts)
    assert split(html) == ("", {name: parts[name] for name in HEADINGS if name in parts}, "")
    reader = _Reader()
    reader.feed(html)
    assert reader.tags <= {"p", "strong", "br", "em"}

"""Texts in the one form in which they are compared, and what a question is for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.contact_search import MOST_TEXT_BYTES, Wanted, plain, search_text, wanted


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Zoë  MÜLLER", "zoe muller"), ("Straße", "strasse"), ("  Ada\tExample\n", "ada example"),
        ("ＡＤＡ", "ada"), ("Łódź", "lodz"), ("Ærø", "aero"), ("ﬁne", "fine"),
        ("名前", "名前"), ("İzmir", "izmir"),
        ("e\u0301cole", "ecole"), ("a\u200bb\x00c", "a b c"), ("", ""),
    ],
)  # fmt: skip
def test_the_plain_form(text: str, form: str) -> None:
    assert plain(text) == form


@given(st.text(max_size=50))
def test_the_plain_form_is_plain_already(text: str) -> None:
    once = plain(text)
    assert plain(once) == once
    assert once == " ".join(once.split())


def test_under_what_somebody_is_found() -> None:
    values = {
        "name": "Ada Example", "first_name": "Ada", "last_name": "Example", "company": "Ex Ltd",
        "email": "ada@example.com", "title": "Dr", "carrier": "Mobile",
    }  # fmt: skip
    assert search_text(values) == "ada example ex ltd ada@example.com"
    assert search_text({"name": "Bob", "first_name": "Robert"}) == "bob robert"
    assert search_text({"title": "Dr"}) == ""
    long = search_text({"name": "名" * 500})
    assert len(long.encode()) <= MOST_TEXT_BYTES
    assert set(long) == {"名"}


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("Ada  EX", Wanted("ada ex", ("ada", "ex"))),
        ("(317) 555-0142", Wanted("(317) 555-0142", ("(317)", "555-0142"), "+13175550142", "3175550142")),
        ("0142", Wanted("0142", ("0142",), None, "142")),
        ("01", Wanted("01", ("01",))),
        ("sip:+13175550142@example.com", Wanted(
            "sip:+13175550142@example.com", ("sip:+13175550142@example.com",), "+13175550142"
        )),
        ("   ", Wanted("", ())),
    ],
)  # fmt: skip
def test_what_is_asked_for(q: str, found: Wanted) -> None:
    assert wanted(q) == found


@given(st.text(max_size=60))
def test_any_question_is_read(q: str) -> None:
    found = wanted(q)
    assert all(word and " " not in word for word in found.words)
    assert found.digits is None or found.digits.isdigit()

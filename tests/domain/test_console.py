"""The console's sessions and links, as rules."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from gateway.domain.console import (
    IDLE_MS,
    SEEN_EVERY_MS,
    SESSION_MS,
    Entry,
    LinkCreate,
    Session,
    form_token,
    is_form_token,
)

HERE = Entry(None, "key_local")


@pytest.mark.parametrize(
    ("seen_after", "asked_after", "lasts"),
    [
        (0, 0, True),
        (0, IDLE_MS - 1, True),
        (0, IDLE_MS, False),
        (SESSION_MS - 10, SESSION_MS - 1, True),
        (SESSION_MS - 10, SESSION_MS, False),
    ],
)
def test_a_session_ends_without_use_and_at_last(seen_after: int, asked_after: int, lasts: bool) -> None:
    begun = 1_000_000
    assert Session(HERE, begun, begun + seen_after).lasts(begun + asked_after) is lasts


def test_its_use_is_not_noted_all_the_time() -> None:
    session = Session(HERE, 0, 0)
    assert not session.unseen(SEEN_EVERY_MS - 1)
    assert session.unseen(SEEN_EVERY_MS)
    assert SEEN_EVERY_MS * 10 < IDLE_MS, "else somebody at work could be put out"


def test_a_forms_token_is_its_sessions() -> None:
    token = form_token("a session")
    assert is_form_token(token, "a session")
    assert not is_form_token(token, "another session")
    assert not is_form_token("", "a session")
    assert not is_form_token("ä\ud800", "a session")
    assert "a session" not in token


@pytest.mark.parametrize(
    "request_",
    [
        {"role": "owner", "actor": "Ada"},
        {"role": "admin", "actor": ""},
        {"role": "admin", "actor": "Ada\n"},
        {"role": "admin"},
        {"actor": "Ada"},
        {"role": "admin", "actor": "Ada", "expires_in": 3_601},
        {"role": "admin", "actor": "Ada", "expires_in": 29},
        {"role": "admin", "actor": "Ada", "org_id": "acme"},
    ],
)
def test_links_that_are_refused(request_: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LinkCreate.model_validate(request_)

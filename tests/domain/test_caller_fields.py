"""Which fields are shown at which level."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.domain.caller_fields import KNOWN, LEVELS, USUAL, CallerFields, Setting


@pytest.mark.parametrize(
    ("listed", "A", "B", "none"),
    [
        ({}, USUAL, USUAL, USUAL),
        ({"A": ["name", "email"]}, ["name", "email"], ["name"], ["name"]),
        ({"A": ["email", "name"], "B": ["email"]}, ["email", "name"], ["email"], []),
        ({"A": ["notes", *USUAL], "none": ["name"]}, ["notes", *USUAL], USUAL, ["name"]),
        ({"B": ["name"]}, USUAL, ["name"], ["name"]),
        ({"A": []}, [], [], []),
        ({"A": ["fields.plan", "name", "fields.plan"]}, ["fields.plan", "name"], ["name"], ["name"]),
    ],
)
def test_what_is_shown(listed: dict[str, Any], A: Any, B: Any, none: Any) -> None:  # noqa: N803
    fields = CallerFields(**listed)
    assert [list(fields.shown(level)) for level in ("A", "B", "none")] == [list(A), list(B), list(none)]


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ({"A": ["colour"]}, "must be one of name"),
        ({"A": ["fields."]}, "must be one of name"),
        ({"A": ["fields." + "x" * 100]}, "must be one of name"),
        ({"A": ["fields.a\nb"]}, "must be one of name"),
        ({"D": ["name"]}, "Extra inputs"),
        ({"B": ["email"]}, "must not list email at B: the level above does not show it"),
        ({"A": ["email"], "none": ["email"]}, "must not list email at none"),
        ({"A": ["name"], "C": ["name", "company"]}, "must not list company at C"),
        ({"A": ["name"] * 101}, "at most 100"),
        ({"A": "name"}, "valid list"),
    ],
)
def test_what_is_refused(listed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CallerFields(**listed)


@pytest.mark.parametrize(
    ("setting", "level"),
    [
        (Setting("inbound", "A"), "A"),
        (Setting("inbound", "B"), "B"),
        (Setting("inbound", "none"), "none"),
        (Setting("inbound", None), "none"),
        (Setting("outbound", None), "A"),
        (Setting("outbound", "C"), "A"),
    ],
)
def test_which_level_a_call_has(setting: Setting, level: str) -> None:
    assert setting.level == level


_LISTED = st.none() | st.lists(st.sampled_from((*KNOWN, "fields.plan", "fields.vip")), max_size=6)


@given(st.fixed_dictionaries(dict.fromkeys(LEVELS, _LISTED)))
def test_no_level_ever_shows_more_than_the_one_above(listed: dict[str, Any]) -> None:
    try:
        fields = CallerFields(**listed)
    except ValidationError:
        return
    shown = [set(fields.shown(level)) for level in LEVELS]
    assert shown[0] >= shown[1] >= shown[2] >= shown[3]
    for name in shown[0] - set(USUAL):
        assert name in (fields.A or ())

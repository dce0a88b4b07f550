"""How long answers count: a table, and what is true at every age."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.freshness import KEPT_MS, Use, expires_at, use_of

NOW = 1_795_000_000_000
SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000


@pytest.mark.parametrize(
    ("age", "use"),
    [
        (0, Use.FRESH),
        (5 * MINUTE - 1, Use.FRESH),
        (5 * MINUTE, Use.STALE),
        (DAY - 1, Use.STALE),
        (DAY, Use.REMNANT),
        (7 * DAY - 1, Use.REMNANT),
        (7 * DAY, Use.NONE),
        (70 * DAY, Use.NONE),
        (-HOUR, Use.FRESH),  # the clock was set back
    ],
)
def test_what_a_found_contact_is_good_for(age: int, use: Use) -> None:
    assert use_of("found", NOW - age, expires_at("found", NOW - age, 0.5), NOW) is use


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 30), (0.5, 75), (0.999, 120)])
def test_not_found_counts_for_a_while_by_chance_and_then_not_at_all(chance: float, seconds: int) -> None:
    until = expires_at("not_found", NOW, chance)
    assert round((until - NOW) / 1000) == seconds
    assert use_of("not_found", NOW, until, until - 1) is Use.FRESH
    assert use_of("not_found", NOW, until, until) is Use.NONE


@given(st.integers(0, 8 * DAY), st.integers(0, 8 * DAY), st.floats(0, 1, exclude_max=True))
def test_an_answer_is_never_good_for_more_as_it_ages(age: int, more: int, chance: float) -> None:
    order = [Use.FRESH, Use.STALE, Use.REMNANT, Use.NONE]
    until = expires_at("found", NOW, chance)
    young, old = use_of("found", NOW, until, NOW + age), use_of("found", NOW, until, NOW + age + more)
    assert order.index(young) <= order.index(old)
    assert until == NOW + KEPT_MS


@given(st.floats(0, 1, exclude_max=True))
def test_not_found_lives_30_to_120_seconds(chance: float) -> None:
    assert 30 * SECOND <= expires_at("not_found", NOW, chance) - NOW <= 120 * SECOND

"""Patterns: which webhooks hear which events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.event_types import CATALOGUE, RESERVED_TYPES, check_type, is_reserved
from gateway.domain.pattern import PatternSet, check_pattern, matches


@pytest.mark.parametrize(
    ("pattern", "event_type", "wanted"),
    [
        ("*", "call.completed", True), ("*", "external.crm.deal_won", True), ("*", "webhook.disabled", False),
        ("call.*", "call.completed", True), ("call.*", "call.a.b", True), ("call.*", "call", False),
        ("call.*", "callback.due", False), ("call.a.*", "call.a", False), ("call.a.*", "call.a.b", True),
        ("call.completed", "call.completed", True), ("call.completed", "call.completed.late", False),
        ("webhook.*", "webhook.failing", False), ("webhook.failing", "webhook.failing", True),
        ("webhook.*", "webhook.test", True), ("caller.*", "caller.resolved", False),
    ],
)  # fmt: skip
def test_what_a_pattern_matches(pattern: str, event_type: str, wanted: bool) -> None:
    assert PatternSet([pattern]).matches(event_type) is wanted
    assert matches(["other.type", pattern], event_type) is wanted


@pytest.mark.parametrize("own", sorted(RESERVED_TYPES))
def test_own_events_come_only_where_named(own: str) -> None:
    assert is_reserved(own)
    assert not matches(["*", own.partition(".")[0] + ".*"], own)
    assert matches(["*", own], own)


def test_no_patterns_match_nothing() -> None:
    assert not any(PatternSet([]).matches(name) for name in CATALOGUE)


@pytest.mark.parametrize("good", ["*", "call.*", "a.b.c.*", "call.completed", "webhook.failing", "x9.y_z"])
def test_good_patterns(good: str) -> None:
    check_pattern(good)


@pytest.mark.parametrize(
    "bad",
    ["", "**", "call*", "*.completed", "call.*.x", ".*", "Call.*", "call..*", "call.", " call.*", "call.*\n",
     "call.completed ", "9.x", "a.ü", "*.*", "x." * 80 + "*", "call.compl*"],
)  # fmt: skip
def test_bad_patterns_are_refused(bad: str) -> None:
    with pytest.raises(ValueError, match=r"must|may"):
        check_pattern(bad)


def test_a_prefix_without_star_is_explained() -> None:
    with pytest.raises(ValueError, match=r"call\.\*"):
        check_pattern("call")


_segment = st.from_regex(r"[a-z][a-z0-9_]{0,3}", fullmatch=True)
_type = st.lists(_segment, min_size=2, max_size=4).map(".".join)


@given(prefix=st.lists(_segment, min_size=1, max_size=2).map(".".join), event_type=_type)
def test_wildcards_agree_with_their_definition(prefix: str, event_type: str) -> None:
    check_type(event_type)
    check_pattern(prefix + ".*")
    length = prefix.count(".") + 1
    segments = event_type.split(".")
    expected = len(segments) > length and segments[:length] == prefix.split(".")
    assert matches([prefix + ".*"], event_type) is expected

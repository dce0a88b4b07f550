"""How a connector is doing, in words: by what came of its latest questions."""

from __future__ import annotations

import pytest

from gateway.domain.lookup_health import UNKNOWN, Health, Latest, health

AT = 1_795_000_000_000


def seen(story: str) -> Latest:
    """`a`nswered, answered `l`ate, `s`till out and late, `f`ailed: one a second."""
    latest = Latest()
    for second, letter in enumerate(story):
        at = AT + second * 1000
        if letter == "s":
            latest.late()
        elif letter == "f":
            latest.failed(at, "timeout")
        else:
            latest.answered(at, 71, late=letter == "l")
    return latest


@pytest.mark.parametrize(
    ("story", "state"),
    [
        ("", "unknown"), ("a", "ok"), ("as", "slow"), ("sl", "slow"), ("sla", "ok"), ("af", "failing"),
        ("fa", "ok"), ("sf", "failing"), ("fs", "slow"),
    ],
)  # fmt: skip
def test_the_latest_outcome_counts(story: str, state: str) -> None:
    assert health(seen(story), None).state == state
    assert health(seen(story), AT).state == "open"


def test_what_failed_is_remembered_when_answers_have_come_since() -> None:
    assert health(Latest(), None) == UNKNOWN
    assert health(seen("fa"), None) == Health("ok", None, AT + 1000, 71, "timeout", AT)
    assert health(seen("af"), AT + 9_000) == Health("open", AT + 9_000, AT, 71, "timeout", AT + 1000)


def test_until_when_it_is_spared_does_not_waver() -> None:
    latest = Latest()
    assert latest.spared_until(105.0, AT, 100.0) == AT + 5_000
    assert latest.spared_until(105.0, AT + 7, 100.006) == AT + 5_000  # one clock is ahead of the other
    assert latest.spared_until(115.0, AT + 10_000, 110.0) == AT + 15_000

"""So many in any second, for each name apart."""

from __future__ import annotations

from gateway.domain.pace import Pace


def test_so_many_in_any_second_and_no_more() -> None:
    now = 100.0
    pace = Pace(3, lambda: now)
    assert [pace.allows("acme") for _ in range(5)] == [True, True, True, False, False]
    assert pace.allows("other")
    now += 0.99
    assert not pace.allows("acme")
    now += 0.02
    assert pace.allows("acme")


def test_a_refused_one_does_not_count() -> None:
    now = 100.0
    pace = Pace(1, lambda: now)
    assert pace.allows("acme")
    now += 0.6
    assert not pace.allows("acme")
    now += 0.41
    assert pace.allows("acme")


def test_names_that_are_quiet_are_forgotten() -> None:
    now = 100.0
    pace = Pace(2, lambda: now)
    for number in range(1000):
        pace.allows(str(number))
    now += 2
    pace.allows("acme")
    assert len(pace._recent) == 1

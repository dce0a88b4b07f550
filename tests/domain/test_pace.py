"""So many in any second, or so much in a while, for each name apart."""

from __future__ import annotations

from gateway.domain.pace import Budget, Pace


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


def test_a_budget_counts_what_it_weighs_and_says_when_there_is_room() -> None:
    now = 100.0
    budget = Budget(10, 5.0, lambda: now)
    assert budget.spend("acme", 6) == 0
    now += 1
    assert budget.spend("acme", 4) == 0
    assert budget.spend("other", 10) == 0
    assert budget.spend("acme", 6) == 4
    assert budget.spend("acme", 7) == 5
    now += 4
    assert budget.spend("acme", 6) == 0
    now += 20
    budget.spend("other", 1)
    assert list(budget._spent) == ["other"]

"""When a second question goes, and that there are never too many."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.hedging import LEAST_WAIT, Hedging


def seasoned(*seconds: float, times: int = 100) -> Hedging:
    hedging = Hedging()
    for number in range(times):
        hedging.asked()
        hedging.took(seconds[number % len(seconds)])
    return hedging


def test_it_does_not_begin_before_a_hundred_answers() -> None:
    assert seasoned(0.1, times=99).patience(0.9) is None
    assert seasoned(0.1, times=100).patience(0.9) == 0.1


@pytest.mark.parametrize(
    ("taken", "left", "patience"),
    [
        ([0.1] * 19 + [3.0], 0.9, None),  # one in twenty is that long: sooner helps nobody
        ([0.1] * 20, 0.9, 0.1),
        ([0.1] * 39 + [3.0], 0.9, 0.1),
        ([0.001] * 20, 0.9, LEAST_WAIT),
        ([0.1] * 20, 0.1, None),  # who waits no longer than that gains nothing
        ([0.1] * 20, 0.101, 0.1),
        ([0.1] * 20, None, None),  # nobody waits
        ([0.3, 0.5], 0.9, 0.5),
    ],
)
def test_after_how_long(taken: list[float], left: float | None, patience: float | None) -> None:
    assert seasoned(*taken, times=200).patience(left) == patience


def test_what_it_knows_is_of_late() -> None:
    hedging = seasoned(0.05, times=500)
    for _ in range(500):
        hedging.asked()
        hedging.took(0.4)
    assert hedging.patience(0.9) == 0.4


def test_a_quiet_time_saves_no_more_than_five() -> None:
    hedging = seasoned(0.1, times=10_000)
    assert [hedging.take() for _ in range(6)] == [True] * 5 + [False]
    assert hedging.patience(0.9) is None


@given(st.integers(0, 2_000), st.integers())
def test_never_more_than_one_to_twenty(questions: int, seed: int) -> None:
    """However slow it becomes, and whoever asks for a second question each time."""
    hedging, second, chance = Hedging(), 0, random.Random(seed)
    for number in range(questions):
        hedging.asked()
        hedging.took(0.05 if number < 100 else chance.uniform(0.05, 5.0))
        if hedging.patience(10.0) is not None and hedging.take():
            second += 1
        assert second <= (number + 1) * 0.05

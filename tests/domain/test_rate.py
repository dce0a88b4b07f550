"""The bucket of tokens: whatever is asked of it, ten seconds see the rate, give or take a tenth."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.rate import Bucket


def taken(bucket: Bucket, moments: list[float]) -> list[float]:
    """At which of these moments there was a token."""
    found = []
    for now in moments:
        if bucket.has_one(now):
            bucket.take(now)
            found.append(now)
    return found


def most_in(window: float, moments: list[float]) -> int:
    """The most of them in any half-open stretch of that length."""
    return max((sum(1 for m in moments if at <= m < at + window) for at in moments), default=0)


@given(
    rate=st.integers(1, 40),
    waits=st.lists(st.floats(0.0001, 3.0) | st.floats(0.0001, 0.05), max_size=400),
)
def test_no_ten_seconds_see_more_than_a_tenth_above_the_rate(rate: int, waits: list[float]) -> None:
    now, moments = 0.0, []
    for wait in waits:
        now += wait
        moments.append(now)
    found = taken(Bucket(rate, 0.0), moments)
    assert most_in(10.0, found) <= rate * 10 * 1.1


@pytest.mark.parametrize("rate", [1, 3, 10, 333, 10_000])
def test_under_steady_demand_the_rate_is_used(rate: int) -> None:
    """Also by a caller that comes late, as timers do: up to a fifth of a second."""
    bucket, chance = Bucket(rate, 0.0), random.Random(rate)
    now, made = 0.0, 0
    while now < 20.0:
        while bucket.has_one(now):
            bucket.take(now)
            made += 1
        now += bucket.seconds_until_one(now) + chance.random() * min(0.2, 1 / rate)
    assert rate * 20 * 0.97 <= made <= rate * 20.5 + 1


def test_it_says_exactly_when_there_is_one() -> None:
    bucket = Bucket(7, 100.0)
    now = 100.0
    for _ in range(1000):
        assert bucket.has_one(now)
        bucket.take(now)
        assert not bucket.has_one(now)
        now += bucket.seconds_until_one(now)


def test_evenly_and_not_in_bursts() -> None:
    bucket, now, found = Bucket(10, 0.0), 0.0, []
    for _ in range(50):
        bucket.take(now)
        found.append(now)
        now += bucket.seconds_until_one(now)
    assert all(after - before == pytest.approx(0.1) for before, after in pairwise(found))


def test_after_idle_time_half_a_second_goes_at_once() -> None:
    bucket = Bucket(100, 0.0)
    assert len(taken(bucket, [3600.0] * 200)) == 51


def test_a_new_rate_counts_from_now() -> None:
    bucket = Bucket(1000, 0.0)
    bucket.change(2, 60.0)
    assert len(taken(bucket, [60.0] * 10)) == 2
    bucket.change(1000, 60.0)
    assert len(taken(bucket, [60.1] * 500)) == 100


def test_a_clock_that_stands_still_gives_nothing() -> None:
    bucket = Bucket(5, 10.0)
    bucket.take(10.0)
    assert not bucket.has_one(10.0) and not bucket.has_one(9.0)

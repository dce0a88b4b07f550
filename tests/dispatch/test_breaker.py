"""The breaker counts silence only, opens at ten, lets one probe through at a time, closes on any answer."""

from __future__ import annotations

import pytest

from gateway.dispatch.breaker import LONGEST_PAUSE_SECONDS, OPENS_AFTER, Breaker


def silent(breaker: Breaker, times: int, now: float = 100.0) -> Breaker:
    for _ in range(times):
        breaker.record(answered=False, now=now)
    return breaker


def test_it_opens_at_the_tenth_silence_in_a_row_and_not_before() -> None:
    breaker = silent(Breaker(), 9)
    assert not breaker.open
    assert breaker.allows(100.0, in_flight=63)
    breaker.record(answered=False, now=100.0)
    assert OPENS_AFTER == 10
    assert breaker.open


def test_an_answer_in_between_starts_the_count_anew() -> None:
    breaker = silent(Breaker(), 9)
    breaker.record(answered=True, now=100.0)
    assert not silent(breaker, 9).open
    assert silent(breaker, 1).open


@pytest.mark.parametrize(
    ("now", "in_flight", "allowed"),
    [
        (100.0, 0, False),  # at once
        (104.999, 0, False),  # before the pause is over
        (105.0, 0, True),  # the probe
        (105.0, 1, False),  # one probe at a time
        (9999.0, 1, False),  # however long it takes
    ],
)
def test_an_open_breaker_lets_one_probe_through_after_each_pause(
    now: float, in_flight: int, allowed: bool
) -> None:
    breaker = silent(Breaker(pause=5.0), 10, now=100.0)
    assert breaker.allows(now, in_flight) is allowed


def test_a_silent_probe_starts_the_next_pause() -> None:
    breaker = silent(Breaker(pause=5.0), 10, now=100.0)
    breaker.record(answered=False, now=107.0)
    assert not breaker.allows(111.9, in_flight=0)
    assert breaker.allows(112.0, in_flight=0)


def test_one_answer_closes_it_for_good() -> None:
    breaker = silent(Breaker(pause=5.0), 25, now=100.0)
    breaker.record(answered=True, now=105.0)
    assert not breaker.open
    assert breaker.allows(105.0, in_flight=63)


@pytest.mark.parametrize(("first_wait", "pause"), [(1.0, 1.0), (5.0, 5.0), (30.0, 30.0), (86400.0, 30.0)])
def test_no_pause_is_longer_than_half_a_minute(first_wait: float, pause: float) -> None:
    breaker = silent(Breaker(pause=first_wait), 10, now=0.0)
    assert breaker.next_probe == pause <= LONGEST_PAUSE_SECONDS


def test_late_silences_of_requests_that_were_under_way_only_move_the_probe() -> None:
    # 64 requests hang; the breaker opens at the tenth timeout, the others come in later.
    breaker = silent(Breaker(pause=5.0), 10, now=100.0)
    breaker.record(answered=False, now=103.0)
    assert breaker.open
    assert not breaker.allows(107.9, in_flight=0)
    assert breaker.allows(108.0, in_flight=0)

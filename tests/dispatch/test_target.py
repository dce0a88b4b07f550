"""How much a target gets at once: one until its first 2xx, then more with each success, less on request."""

from __future__ import annotations

import pytest

from gateway.dispatch.record import together
from gateway.dispatch.target import AFTER_FIRST_SUCCESS, MOST_AT_ONCE, Target
from gateway.domain.exchange import Exchange, ExchangeError
from gateway.domain.outcome import Outcome, Policy, Progress, judge
from gateway.domain.owed import Owed
from gateway.store.health import Health

NOW = 1_795_208_709_123
POLICY = Policy((5, 300), max_hold_seconds=3600)


def learn(
    target: Target,
    status: int | None = None,
    *,
    error: ExchangeError | None = None,
    retry_after: str | None = None,
    now: int = NOW,
) -> Outcome:
    """What the target takes from one attempt, judged as in production."""
    headers = [("Retry-After", retry_after)] if retry_after is not None else []
    exchange = Exchange(now, 10, status_code=status, error=error, response_headers=headers)
    outcome = judge(
        exchange,
        Progress(0, 0, now + 10**9),
        POLICY,
        now=now,
        holds_in_a_row=target.holds_in_a_row,
        chance=0.5,
    )
    target.learn(exchange, outcome, monotonic=now / 1000)
    return outcome


def proven(at_once: float = AFTER_FIRST_SUCCESS) -> Target:
    return Target("whk_1", "org_1", proven=True, at_once=at_once)


def owed(number: int, *, urgent: bool = False) -> Owed:
    return Owed(f"dlv_{number}", "org_1", "whk_1", None, "lse_1", 0, 0, NOW + 10**9, int(urgent), NOW)


def test_one_at_a_time_until_the_first_2xx_whatever_else_it_answers() -> None:
    target = Target("whk_1", "org_1")
    for status in (500, 404, 301, 429):
        learn(target, status)
        assert (target.limit, target.proven) == (1, False)
    learn(target, 204)
    assert target.proven
    assert target.limit > 1


def test_the_number_grows_by_one_with_each_success_up_to_the_cap() -> None:
    target = proven()
    limits = []
    for _ in range(MOST_AT_ONCE + 10):
        learn(target, 200)
        limits.append(target.limit)
    assert limits[:3] == [5, 6, 7]
    assert limits[-1] == MOST_AT_ONCE == max(limits)


@pytest.mark.parametrize(
    ("status", "error", "limit"),
    [
        (429, None, 16),
        (502, None, 16),
        (503, None, 16),
        (504, None, 16),
        (None, "timeout", 16),
        (200, "timeout", 16),  # a body that drips
        (500, None, 32),
        (400, None, 32),
        (404, None, 32),
        (302, None, 32),
        (None, "connect_refused", 1),
        (None, "connect_timeout", 1),
        (None, "reset", 1),
        (None, "tls", 1),
        (None, "target_unreachable", 1),
    ],
)
def test_what_a_failure_does_to_the_number(
    status: int | None, error: ExchangeError | None, limit: int
) -> None:
    target = proven(at_once=32)
    learn(target, status, error=error)
    assert target.limit == limit


def test_halving_ends_at_one() -> None:
    target = proven(at_once=5)
    for _ in range(6):
        learn(target, 504)
    assert target.limit == 1


def test_retry_after_holds_everything_and_starts_over_with_one() -> None:
    target = proven(at_once=32)
    target.push(owed(1))
    outcome = learn(target, 429, retry_after="30")
    assert outcome.hold_until == target.held_until == NOW + 30_000
    assert not target.ready(NOW + 29_999, 0)
    assert target.ready(NOW + 30_000, 0)
    assert target.limit == 1


def test_a_shorter_hold_never_shortens_a_longer_one() -> None:
    target = proven()
    learn(target, 503, retry_after="60")
    learn(target, 503, retry_after="2", now=NOW + 1000)
    assert target.held_until == NOW + 60_000


def test_holds_in_a_row_grow_and_a_success_forgets_them() -> None:
    target = proven()
    holds = []
    for _ in range(5):
        outcome = learn(target, 429, retry_after="1")
        assert outcome.hold_until is not None
        holds.append((outcome.hold_until - NOW) // 1000)
    assert holds == [1, 2, 4, 8, 16]
    learn(target, 200)
    assert learn(target, 429, retry_after="1").hold_until == NOW + 1000


def test_410_stops_it_at_once() -> None:
    target = proven()
    target.push(owed(1))
    learn(target, 410)
    assert target.blocked(NOW, 0)
    assert not target.ready(NOW, 0)
    assert target.waiting == 1


def test_ten_silences_open_the_breaker_and_refusals_in_words_do_not() -> None:
    answering, silent = proven(), proven()
    for target in (answering, silent):
        target.push(owed(1))
    for _ in range(10):
        learn(answering, 500)
        learn(silent, error="connect_refused")
    assert answering.ready(NOW, NOW / 1000)
    assert not silent.ready(NOW, NOW / 1000)
    assert silent.ready(NOW + 5000, NOW / 1000 + 5)


@pytest.mark.parametrize(
    ("status", "error", "untried"),
    [(200, None, False), (500, None, False), (None, "timeout", True), (None, "connect_refused", True)],
)
def test_silence_makes_a_proven_target_untried_again(
    status: int | None, error: ExchangeError | None, untried: bool
) -> None:
    target = proven()
    learn(target, status, error=error)
    assert target.untried is untried


def test_urgent_deliveries_go_first_and_each_kind_in_its_order() -> None:
    target = proven()
    for number, urgent in ((1, False), (2, True), (3, False), (4, True)):
        target.push(owed(number, urgent=urgent))
    assert [target.pop().id for _ in range(4)] == ["dlv_2", "dlv_4", "dlv_1", "dlv_3"]


def news(at: int, *, failed: bool = False, first: bool = False) -> Health:
    return Health(
        "whk_1",
        "org_1",
        success_at=None if failed else at,
        first_success_at=at if first else None,
        failing_since=at if failed else None,
        failures=int(failed),
    )


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([news(1, first=True), news(2, failed=True)], (1, 1, 2, 1)),
        ([news(1, failed=True), news(2, failed=True), news(3, failed=True)], (None, None, 1, 3)),
        ([news(1, failed=True), news(2, first=True)], (2, 2, None, 0)),
        ([news(1), news(2)], (2, None, None, 0)),
    ],
)
def test_news_of_one_transaction_are_told_as_one_and_none_is_forgotten(
    told: list[Health], expected: tuple[int | None, int | None, int | None, int]
) -> None:
    whole: Health | None = None
    for each in told:
        whole = together(whole, each)
    assert whole is not None
    assert (whole.success_at, whole.first_success_at, whole.failing_since, whole.failures) == expected

"""What every answer means, by the rules of the contract."""

from __future__ import annotations

from collections import Counter
from typing import get_args

import pytest

from gateway.domain.delivery import FINAL, Reason, Status
from gateway.domain.exchange import Exchange, ExchangeError
from gateway.domain.outcome import (
    PAUSE_AFTER_ABORT_MS,
    Outcome,
    Policy,
    Progress,
    Verdict,
    expire,
    give_back,
    judge,
)

NOW = 1_795_208_709_123
SCHEDULE = (5, 300, 1800)
LATER = NOW + 30 * 86_400_000
ERRORS = tuple(error for error in get_args(ExchangeError) if error != "aborted")


def judged(
    status: int | None,
    error: ExchangeError | None = None,
    *,
    header: str | None = None,
    steps: int = 0,
    expires_at: int = LATER,
    chance: float = 0.5,
    in_a_row: int = 0,
) -> Outcome:
    headers = [] if header is None else [("Retry-After", header)]
    exchange = Exchange(NOW - 5, 5, status, error, response_headers=headers)
    progress = Progress(4, steps, expires_at)
    policy = Policy(SCHEDULE, 3600)
    return judge(exchange, progress, policy, now=NOW, holds_in_a_row=in_a_row, chance=chance)


def expected_verdict(
    status: int | None, error: ExchangeError | None, header: str | None, steps: int
) -> Verdict:
    """The contract, read a second time."""
    if status is not None and 200 <= status <= 299 and error is None:
        return Verdict.DELIVERED
    if status in (429, 503) and header is not None:
        return Verdict.HELD
    if status == 410:
        return Verdict.GONE
    return Verdict.RETRY if steps < len(SCHEDULE) else Verdict.FAILED


@pytest.mark.proof
def test_every_status_and_error_ends_as_the_contract_says() -> None:
    counted: Counter[Verdict] = Counter()
    for status in (None, *range(100, 600)):
        for error in (None, *ERRORS):
            if status is None and error is None:
                continue
            for header in (None, "60"):
                for steps in range(len(SCHEDULE) + 1):
                    outcome = judged(status, error, header=header, steps=steps)
                    verdict = expected_verdict(status, error, header, steps)
                    assert outcome.verdict is verdict, (status, error, header, steps)
                    _check(outcome, steps, status)
                    counted[verdict] += 1
    total = sum(counted.values())
    print(f"outcomes: {total} combinations of status, error, header and step judged: {dict(counted)}")
    assert counted[Verdict.DELIVERED] == 100 * 2 * 4
    assert counted[Verdict.HELD] == 2 * (len(ERRORS) + 1) * 4


def _check(outcome: Outcome, steps: int, status: int | None) -> None:
    """What has to hold for every outcome of an attempt that was made."""
    assert outcome.attempts_made == 5
    over = outcome.status in FINAL
    assert (outcome.due_at is None) is over
    if outcome.verdict is Verdict.DELIVERED:
        assert (outcome.status, outcome.steps_used, outcome.reason) == (Status.DELIVERED, steps, None)
        assert not outcome.slow_down
    elif outcome.verdict is Verdict.HELD:
        assert (outcome.status, outcome.steps_used) == (Status.PENDING, steps)
        assert outcome.due_at == outcome.hold_until == NOW + 60_000
        assert outcome.slow_down
    elif over:
        assert (outcome.status, outcome.reason) == (Status.FAILED, Reason.EXHAUSTED)
        assert steps == len(SCHEDULE)
    else:
        assert outcome.status is Status.PENDING
        assert outcome.steps_used == steps + 1
        assert outcome.due_at == NOW + SCHEDULE[steps] * 1000
    if outcome.verdict is not Verdict.HELD:
        assert outcome.hold_until is None
    if status in (429, 502, 503, 504):
        assert outcome.slow_down


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 304, 300])
def test_a_redirect_is_a_failure_like_any_other(status: int) -> None:
    assert judged(status).verdict is Verdict.RETRY


@pytest.mark.parametrize(
    ("status", "error", "slow"),
    [(None, "timeout", True), (200, "timeout", True), (None, "connect_timeout", False),
     (None, "reset", False), (500, None, False), (502, None, True), (503, None, True),
     (504, None, True), (429, None, True),
     (410, None, False), (404, None, False), (200, None, False)],
)  # fmt: skip
def test_what_asks_for_fewer_requests(status: int | None, error: ExchangeError | None, slow: bool) -> None:
    assert judged(status, error).slow_down is slow


def test_a_success_that_broke_off_is_none() -> None:
    for error in ERRORS:
        assert judged(200, error).verdict is Verdict.RETRY


def test_gone_is_told_even_by_the_last_attempt() -> None:
    last = judged(410, steps=len(SCHEDULE))
    assert (last.verdict, last.status, last.reason) == (Verdict.GONE, Status.FAILED, Reason.EXHAUSTED)
    assert judged(410).status is Status.PENDING  # nothing is lost: it waits while the webhook is disabled


@pytest.mark.parametrize("status", [400, 404, 408, 413, 425, 500, 502, 504, 200, 301, 410])
def test_retry_after_counts_only_with_429_and_503(status: int) -> None:
    assert judged(status, header="60") == judged(status)


@pytest.mark.parametrize("steps", range(4))
def test_what_the_gateway_breaks_off_uses_nothing_up(steps: int) -> None:
    for status in (None, 200, 410, 429):
        outcome = judged(status, "aborted", steps=steps, header="60")
        soon = NOW + PAUSE_AFTER_ABORT_MS
        assert outcome == give_back(Progress(4, steps, LATER), soon)
        assert (outcome.verdict, outcome.status, outcome.due_at) == (Verdict.ABORTED, Status.PENDING, soon)
        assert (outcome.attempts_made, outcome.steps_used) == (4, steps)


def test_no_wait_goes_past_the_expiry() -> None:
    soon = NOW + 1500
    assert judged(500, expires_at=soon).due_at == soon
    held = judged(429, header="60", expires_at=soon)
    assert held.due_at == soon
    assert held.hold_until == NOW + 60_000  # the webhook is held all the same


def test_expiry_makes_no_attempt() -> None:
    outcome = expire(Progress(4, 2, NOW))
    assert (outcome.status, outcome.reason, outcome.due_at) == (Status.FAILED, Reason.EXPIRED, None)
    assert (outcome.attempts_made, outcome.steps_used) == (4, 2)


def test_the_pause_grows_when_it_is_asked_for_again() -> None:
    waits = [(judged(429, header="1", in_a_row=n).hold_until or 0) - NOW for n in range(8)]
    assert waits == [1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 64_000]

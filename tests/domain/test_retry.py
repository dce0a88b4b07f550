"""When an attempt is made again: the schedule, its jitter, and every Retry-After there is."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.domain.exchange import Exchange
from gateway.domain.outcome import Outcome, Policy, Progress, Verdict, judge
from gateway.domain.retry import (
    DEFAULT_SCHEDULE,
    JITTER,
    check_schedule,
    hold_seconds,
    retry_after,
    wait_before_next,
)

NOW = 1_795_208_709_123  # 2026-11-20T21:05:09.123Z
CAP = 3600
FOREVER = 2**60
schedules = st.lists(st.integers(1, 604_800), min_size=1, max_size=20)
chances = st.floats(0, 1, exclude_max=True)


def test_the_documented_schedule() -> None:
    assert len(DEFAULT_SCHEDULE) + 1 == 10
    assert 75 <= sum(DEFAULT_SCHEDULE) / 3600 < 76
    assert check_schedule(DEFAULT_SCHEDULE) is None


@given(schedules, chances)
def test_each_wait_lies_within_its_jitter_and_then_it_is_over(schedule: list[int], chance: float) -> None:
    for step, wait in enumerate(schedule):
        waited = wait_before_next(schedule, step, chance)
        assert waited is not None
        assert 0.8 * wait <= waited <= 1.2 * wait
    assert wait_before_next(schedule, len(schedule), chance) is None


@pytest.mark.proof
def test_the_jitter_is_uniform() -> None:
    chance = random.Random(20)
    waits = [wait_before_next([1000], 0, chance.random()) or 0 for _ in range(20_000)]
    buckets = [0] * 10
    for wait in waits:
        buckets[int((wait - 800) / 40)] += 1
    chi_squared = sum((count - 2000) ** 2 / 2000 for count in buckets)
    assert chi_squared < 27.9  # 9 degrees of freedom, p = 0.001
    assert wait_before_next([1000], 0, 0.0) == 1000 * (1 - JITTER)
    assert wait_before_next([1000], 0, 0.5) == 1000
    print(f"jitter: {min(waits):.0f} to {max(waits):.0f} s around 1000 s, tenths of the range {buckets}")


@pytest.mark.parametrize(
    ("schedule", "sound"),
    [([1], True), ([604_800] * 20, True), ([], False), ([1] * 21, False), ([0], False), ([604_801], False),
     ([5, -1], False)],
)  # fmt: skip
def test_which_schedules_are_taken(schedule: list[int], sound: bool) -> None:
    assert (check_schedule(schedule) is None) is sound


@pytest.mark.proof
@given(schedules, st.randoms(use_true_random=False))
@example([1], random.Random(1))
@example(list(DEFAULT_SCHEDULE), random.Random(1))
def test_exhausted_after_exactly_n_attempts(schedule: list[int], chance: random.Random) -> None:
    """Held and broken-off attempts in between use no step."""
    progress, now, failures = Progress(0, 0, FOREVER), NOW, 0
    while True:
        kind = chance.choice(["fail", "fail", "hold", "abort"])
        outcome = judge(EXCHANGES[kind], progress, Policy(schedule, CAP), now=now, holds_in_a_row=0,
                        chance=chance.random())  # fmt: skip
        failures += kind == "fail"
        if outcome.due_at is None:
            break
        if kind == "fail":
            wait = schedule[progress.steps_used] * 1000
            assert 0.8 * wait - 1 <= outcome.due_at - now <= 1.2 * wait + 1
        now = outcome.due_at
        progress = Progress(outcome.attempts_made, outcome.steps_used, FOREVER)
    assert failures == len(schedule) + 1
    assert (outcome.verdict, outcome.status, outcome.reason) == ("failed", "failed", "exhausted")


EXCHANGES = {
    "fail": Exchange(NOW, 5, 500),
    "hold": Exchange(NOW, 5, 429, response_headers=[("Retry-After", "7")]),
    "abort": Exchange(NOW, 5, None, "aborted"),
}


def date(seconds: float) -> str:
    return format_datetime(datetime.fromtimestamp(NOW / 1000, UTC) + timedelta(seconds=seconds), usegmt=True)


HUGE = 10**9
CORPUS: list[tuple[list[str], float | None]] = [
    (["7"], 7), ([" 7 "], 7), (["007"], 7), (["3600"], 3600), (["3601"], 3601), (["999999999"], 999_999_999),
    # Longer than anybody will wait: as good as the longest pause, never as good as no header.
    (["1000000000"], HUGE), (["99999999999999999999"], HUGE), (["9" * 400], HUGE), (["0" * 400 + "5"], 5),
    (["0"], None), (["00"], None), (["-1"], None), (["-0"], None), (["+5"], None), (["5.5"], None),
    (["1e3"], None), (["0x10"], None), (["1_000"], None), (["1,000"], None), (["5 s"], None), (["5;"], None),
    (["٣"], None), (["५"], None), (["５"], None), (["²"], None), (["NaN"], None), (["Infinity"], None),
    (["inf"], None), ([""], None), ([" "], None), (["soon"], None), (["null"], None), (["\x00"], None),
    (["7\n8"], None), (["7\x0b8"], None), (["\udcff"], None), (["7" + "\u00a0" + "7"], None),
    ([], None), (["3", "9"], 9), (["9", "3"], 9), (["garbage", "4"], 4), (["4", "-1"], 4), (["0", "0"], None),
    ([date(60)], 60), ([date(60), "20"], 60), ([date(-1)], None), ([date(0)], None), ([date(-1e9)], None),
    (["Fri, 20 Nov 2026 21:06:09 -0000"], 60), (["Fri, 20 Nov 2026 21:06:09"], 60),
    (["Fri, 20 Nov 2026 22:06:09 +0100"], 60), (["Friday, 20-Nov-26 21:06:09 GMT"], 60),
    (["Fri Nov 20 21:06:09 2026"], 60),
    (["Fri, 31 Dec 9999 23:59:59 GMT"], HUGE), (["Fri, 20 Nov 99999 21:06:09 GMT"], None),
    (["Fri, 20 Nov -2026 21:06:09 GMT"], None), (["Fri, 99 Nov 2026 21:06:09 GMT"], None),
    (["Fri, 20 Nov 2026 25:61:61 GMT"], None), (["Fri, 20 Nov 2026 21:06:09 +99999999"], None),
    (["Fri, 20 Nov 0000 21:06:09 GMT"], None), (["2026-11-20T21:06:09Z"], None), (["0, "], None),
    (["Fri, 20 Nov 2026 21:06:09 GMT" + " " * 100 + "x"], None), (["," * 64], None), ([":" * 10], None),
]  # fmt: skip


def held(values: list[str], *, status: int = 429, cap: int = CAP, in_a_row: int = 0) -> Outcome:
    headers = [("Retry-After" if n % 2 else "retry-AFTER", value) for n, value in enumerate(values)]
    exchange = Exchange(NOW, 5, status, response_headers=[("X-Other", "99"), *headers])
    progress = Progress(3, 2, FOREVER)
    return judge(exchange, progress, Policy([5, 5, 5], cap), now=NOW, holds_in_a_row=in_a_row, chance=0.5)


@pytest.mark.proof
def test_the_corpus_of_retry_after() -> None:
    for values, asked in CORPUS:
        for status in (429, 503):
            outcome = held(values, status=status)
            assert outcome.due_at is not None
            wait = (outcome.due_at - NOW) / 1000
            if asked is None:
                assert (outcome.verdict, outcome.hold_until, wait) == (Verdict.RETRY, None, 5), values
            else:
                # A date names whole seconds: up to one second may have gone already.
                assert min(asked, CAP) - 1 <= wait <= CAP, values
                assert outcome.verdict is Verdict.HELD, values
                assert outcome.due_at == outcome.hold_until, values
                assert outcome.steps_used == 2, values
    print(f"Retry-After: {len(CORPUS)} headers, none crashes, each wait between the header and the cap")


@pytest.mark.parametrize(
    ("values", "asked"), [([date(60)], 59.877), (["Fri, 31 Dec 9999 23:59:59 GMT"], None)]
)
def test_dates_are_counted_from_now(values: list[str], asked: float | None) -> None:
    seconds = retry_after([("retry-after", value) for value in values], NOW)
    assert seconds is not None
    assert asked is None or seconds == pytest.approx(asked)


header_like = st.text(max_size=80) | st.binary(max_size=40).map(lambda raw: raw.decode("latin-1"))
date_like = st.lists(
    st.sampled_from(["Fri", ",", " ", "20", "Nov", "2026", "99999", "-", "+", ":", "21:06:09", "GMT", "-0000",
                     "0", "1_0", "٣", "Z", "T", "(", ")", '"', "\\"]),
    max_size=10,
).map("".join)  # fmt: skip


@given(st.lists(header_like | date_like, max_size=3), st.integers(0, 9), st.integers(1, 86_400))
@example(["0, "], 0, 1)
def test_whatever_a_receiver_says_the_wait_is_finite_and_capped(
    values: list[str], in_a_row: int, cap: int
) -> None:
    outcome = held(values, cap=cap, in_a_row=in_a_row)
    assert outcome.due_at is not None
    if outcome.verdict is Verdict.HELD:
        assert 0 < outcome.due_at - NOW <= cap * 1000
    else:
        assert (outcome.verdict, outcome.due_at - NOW) == (Verdict.RETRY, 5000)


@given(st.integers(1, 10**30), st.integers(0, 20), st.integers(1, 86_400))
def test_every_whole_number_of_seconds_is_heeded(asked: int, in_a_row: int, cap: int) -> None:
    due = held([str(asked)], cap=cap, in_a_row=in_a_row).due_at
    assert due is not None
    assert due - NOW >= min(asked, cap) * 1000


def test_asked_again_and_again_the_pause_grows_up_to_its_cap() -> None:
    waits = [hold_seconds(1, n, 3600) for n in range(10)]
    assert waits == [1, 2, 4, 8, 16, 32, 64, 64, 64, 64]
    assert hold_seconds(500, 6, 3600) == 500
    assert hold_seconds(0.2, 9, 10) == 10

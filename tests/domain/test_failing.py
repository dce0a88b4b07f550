"""When a webhook that keeps failing is warned about, and when it is disabled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.failing import DAY_MS, Disable, Failing, Warn, day_of, decide

HOUR = DAY_MS // 24
SINCE = 20_000 * DAY_MS + 7 * HOUR


@pytest.mark.parametrize(
    ("age", "failures", "days", "warned", "wanted"),
    [
        (0, 1, 1, None, None),
        (DAY_MS - 1, 500, 2, None, None),
        (DAY_MS, 2, 2, None, Warn(1)),
        (DAY_MS, 2, 2, 1, None),
        (3 * DAY_MS - 1, 50, 3, 1, None),
        (3 * DAY_MS, 50, 4, 1, Warn(3)),
        (4 * DAY_MS, 2, 2, None, Warn(3)),  # the warning of day 1 is too late
        (4 * DAY_MS, 50, 5, 3, None),
        (5 * DAY_MS - 1, 500, 6, 3, None),
        (5 * DAY_MS, 10, 3, 3, Disable()),
        (5 * DAY_MS, 10, 3, None, Disable()),  # even if nobody was warned
        (5 * DAY_MS, 9, 3, 3, None),  # too few failures
        (5 * DAY_MS, 500, 2, 3, None),  # on too few days
        (5 * DAY_MS, 9, 3, 1, Warn(3)),
        (400 * DAY_MS, 9, 9, 3, None),
    ],
)
def test_the_rule(
    age: int, failures: int, days: int, warned: int | None, wanted: Warn | Disable | None
) -> None:
    assert decide(Failing(SINCE, failures, days, warned), SINCE + age) == wanted


@given(st.lists(st.tuples(st.integers(1, 2 * DAY_MS), st.booleans()), max_size=80))
def test_over_any_life_it_is_warned_once_of_each_day_and_disabled_never_too_early(
    life: list[tuple[int, bool]],
) -> None:
    """Attempts after random pauses, some of which succeed."""
    now, since, failures, days, last_day = SINCE, None, 0, 0, -1
    warned: int | None = None
    for pause, succeeds in life:
        now += pause
        if succeeds:
            since, failures, days, last_day, warned = None, 0, 0, -1, None
            continue
        since = now if since is None else since
        failures += 1
        days += day_of(now) != last_day
        last_day = day_of(now)
        decision = decide(Failing(since, failures, days, warned), now)
        if isinstance(decision, Warn):
            assert decision.day in (1, 3)
            assert now - since >= decision.day * DAY_MS
            assert decision.day > (warned or 0)
            warned = decision.day
        elif decision is not None:
            assert now - since >= 5 * DAY_MS
            assert failures >= 10
            assert days >= 3
            return
        else:  # nothing was due that has not been done
            assert now - since < DAY_MS or (warned or 0) >= (3 if now - since >= 3 * DAY_MS else 1)
            assert now - since < 5 * DAY_MS or failures < 10 or days < 3

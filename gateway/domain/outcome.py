"""What an answer means, and what becomes of the delivery: the receiver's word and the webhook's policy.

Success is 2xx and nothing else. 410 says that nobody lives there any more. 429 and 503 with Retry-After ask
for a pause, which the whole webhook gets. Everything else is a failure that the schedule answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec

from gateway.domain.delivery import Reason, Status, Step, after
from gateway.domain.exchange import Exchange
from gateway.domain.retry import hold_seconds, retry_after, wait_before_next

PAUSE_AFTER_ABORT_MS: Final = 500


class Verdict(StrEnum):
    """What one attempt amounts to; also the label of the attempts metric."""

    DELIVERED = "delivered"
    RETRY = "retry"
    HELD = "held"
    FAILED = "failed"
    GONE = "gone"
    ABORTED = "aborted"
    SKIPPED = "skipped"


class Outcome(msgspec.Struct, frozen=True):
    """What the recorder writes. `due_at` is None for a delivery that is over.

    `hold_until` concerns the whole webhook; `slow_down` asks for fewer requests at a time.
    """

    verdict: Verdict
    status: Status
    due_at: int | None
    attempts_made: int
    steps_used: int
    reason: Reason | None = None
    hold_until: int | None = None
    slow_down: bool = False


class Policy(msgspec.Struct, frozen=True):
    """What of the webhook decides over a failed attempt."""

    schedule: Sequence[int]
    max_hold_seconds: int


class Progress(msgspec.Struct, frozen=True):
    """Where the delivery stood when the attempt began. `attempts_made` does not yet count the attempt."""

    attempts_made: int
    steps_used: int
    expires_at: int


_SLOW_DOWN = frozenset({429, 502, 503, 504})


def judge(
    exchange: Exchange, progress: Progress, policy: Policy, *, now: int, holds_in_a_row: int, chance: float
) -> Outcome:
    """The outcome of an attempt that ended at `now` (ms). `chance` in [0, 1) is the jitter's."""
    if exchange.error == "aborted":
        return give_back(progress, now + PAUSE_AFTER_ABORT_MS)
    attempts = progress.attempts_made + 1
    if exchange.succeeded:
        return Outcome(Verdict.DELIVERED, _then(Step.SUCCEED), None, attempts, progress.steps_used)
    if exchange.status_code in (429, 503):
        asked = retry_after(exchange.response_headers, now)
        if asked is not None:
            return _hold(asked, attempts, progress, policy, now, holds_in_a_row)
    return _fail(exchange, attempts, progress, policy, now, chance)


def give_back(progress: Progress, now: int) -> Outcome:
    """The gateway broke the attempt off itself: it is made again at once and uses nothing up."""
    return Outcome(Verdict.ABORTED, _then(Step.GIVE_BACK), now, progress.attempts_made, progress.steps_used)


def expire(progress: Progress) -> Outcome:
    """Its time was over before an attempt began."""
    return Outcome(
        Verdict.FAILED,
        _then(Step.EXPIRE),
        None,
        progress.attempts_made,
        progress.steps_used,
        reason=Reason.EXPIRED,
    )


def skip(progress: Progress, reason: Reason) -> Outcome:
    """There is nothing to send, for a reason that stays."""
    attempts, steps = progress.attempts_made, progress.steps_used
    return Outcome(Verdict.SKIPPED, _then(Step.CANCEL), None, attempts, steps, reason=reason)


def of_another(outcome: Outcome, now: int) -> Outcome:
    """What remains of an outcome whose answer another receiver gave, because the target's origin has changed
    meanwhile: nobody asks for a pause, nobody is gone. A delivery that was to wait for that is due now."""
    if outcome.verdict is Verdict.HELD:
        return msgspec.structs.replace(outcome, due_at=now, hold_until=None)
    if outcome.verdict is Verdict.GONE:
        goes_on = outcome.status is Status.PENDING
        return msgspec.structs.replace(outcome, verdict=Verdict.RETRY if goes_on else Verdict.FAILED)
    return outcome


def _hold(
    asked: float, attempts: int, progress: Progress, policy: Policy, now: int, holds_in_a_row: int
) -> Outcome:
    until = now + round(1000 * hold_seconds(asked, holds_in_a_row, policy.max_hold_seconds))
    due = min(until, progress.expires_at)
    return Outcome(
        Verdict.HELD, _then(Step.HOLD), due, attempts, progress.steps_used, hold_until=until, slow_down=True
    )


def _fail(
    exchange: Exchange, attempts: int, progress: Progress, policy: Policy, now: int, chance: float
) -> Outcome:
    gone = exchange.status_code == 410
    slow = exchange.status_code in _SLOW_DOWN or exchange.error == "timeout"
    wait = wait_before_next(policy.schedule, progress.steps_used, chance)
    if wait is None:
        return Outcome(
            Verdict.GONE if gone else Verdict.FAILED,
            _then(Step.EXHAUST),
            None,
            attempts,
            progress.steps_used,
            reason=Reason.EXHAUSTED,
            slow_down=slow,
        )
    due = min(now + round(wait * 1000), progress.expires_at)
    return Outcome(
        Verdict.GONE if gone else Verdict.RETRY,
        _then(Step.RETRY),
        due,
        attempts,
        progress.steps_used + 1,
        slow_down=slow,
    )


def _then(step: Step) -> Status:
    return after(Status.IN_FLIGHT, step)

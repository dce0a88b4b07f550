"""Why a pending delivery waits: its time, its target, or others before it. What a person reads at 3 a.m."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.clock import format_time
from gateway.domain.addressee import Addressee
from gateway.domain.delivery import DUE_QUEUE
from gateway.domain.ordering import is_behind


class Why(StrEnum):
    """What a delivery waits for."""

    DISABLED = "disabled"  # for somebody who enables its target
    HOLD = "hold"  # for the end of the pause that the receiver has asked for
    TIME = "time"  # for its next attempt's time
    ORDER = "order"  # for an earlier one of its ordering key
    NO_ANSWER = "no_answer"  # for any answer from its target
    RATE = "rate"  # for its place under the target's rate limit
    TURN = "turn"  # for others of the same target


@dataclass(frozen=True, slots=True)
class Waiting:
    """`until` (ms) only where a moment is known; `message` is a sentence for a person."""

    why: Why
    message: str
    until: int | None = None


def waiting(
    queue: str, due_at: int, target: Addressee, *, held_until: int, silent: bool, now: int
) -> Waiting:
    """What a pending delivery of this queue waits for. Several reasons can hold at once: told is the one that
    lasts longest. `silent`: the latest attempt to the target got no answer."""
    kind = target.kind
    if not target.enabled:
        return Waiting(Why.DISABLED, f"the {kind} is disabled ({target.disabled_reason}): enable it")
    timed = queue == DUE_QUEUE
    if held_until > now and not (timed and due_at > held_until):
        message = f"the {kind} is held until {format_time(held_until)}: its receiver has asked for that pause"
        return Waiting(Why.HOLD, message, held_until)
    if timed and due_at > now:
        return Waiting(Why.TIME, f"its time: the next attempt is at {format_time(due_at)}", due_at)
    if is_behind(queue):
        return Waiting(Why.ORDER, "an earlier delivery with its ordering key, which is not over yet")
    if silent:
        message = f"no answer from the {kind}: one delivery at a time tries whether there is one again"
        return Waiting(Why.NO_ANSWER, message)
    if target.rate_limit_per_second is not None:
        rate = target.rate_limit_per_second
        return Waiting(Why.RATE, f"its turn: the {kind} takes at most {rate} a second, oldest first")
    return Waiting(Why.TURN, f"its turn: others of the {kind} go first")

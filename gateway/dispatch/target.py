"""What the dispatcher knows of one target while it runs: its queue, how much it may get at once, its breaker.

Until a target's first 2xx it gets one request at a time. Then the number grows with each success, is halved
by timeouts and by answers that ask for less, and starts over at one after a failure to connect, after a hold
and when the target is enabled again.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Final

from gateway.dispatch.breaker import Breaker
from gateway.dispatch.lane import Lane
from gateway.domain.delivery import LATER
from gateway.domain.exchange import Exchange
from gateway.domain.outcome import Outcome, Verdict
from gateway.domain.owed import Owed

if TYPE_CHECKING:
    from gateway.dispatch.alarms import Alarm
    from gateway.dispatch.places import Membership
    from gateway.dispatch.rotating import Memory

MOST_AT_ONCE: Final = 64
AFTER_FIRST_SUCCESS: Final = 4
MOST_LATER: Final = 400  # of what jobs made: its places must not be all theirs when events come


@dataclass(slots=True, eq=False)
class Target:
    """`kept` counts the places taken in memory (reserved, queued and under way). Times: `held_until` in wall
    milliseconds. `later` holds what jobs made: it goes when nothing else waits. `backlog` counts how often
    something was left in the target's own queue in the database since that was last found empty.
    `membership`: what it shares with others of its host and organization; `slow`: how many of its requests
    have been on the wire for long (`places`). `lane`: for one that a single node serves. `hold_told`: since
    when (monotonic) the database knows of a hold that this node heard of. `rotation`: what it takes while its
    secret is being rotated (`rotating`). `alarm`: when it is looked at again (`alarms`)."""

    id: str
    org_id: str
    proven: bool = False
    enabled: bool = True
    urgent: deque[Owed] = field(default_factory=deque)
    normal: deque[Owed] = field(default_factory=deque)
    later: deque[Owed] = field(default_factory=deque)
    kept: int = 0
    in_flight: int = 0
    at_once: float = AFTER_FIRST_SUCCESS
    held_until: int = 0
    holds_in_a_row: int = 0
    breaker: Breaker = field(default_factory=Breaker)
    backlog: int = 0
    silent: bool = False
    enlisted: bool = False
    failing: bool = False
    health_written: int = 0
    membership: Membership | None = None
    slow: int = 0
    lane: Lane | None = None
    hold_told: float = 0.0
    rotation: Memory | None = None
    alarm: Alarm | None = None

    @property
    def waiting(self) -> int:
        """How many wait that are not a job's: those give way to them."""
        return len(self.urgent) + len(self.normal)

    @property
    def room_for_later(self) -> int:
        """How many more of those it may keep in memory; `Dispatcher.room` is for all."""
        return max(0, MOST_LATER - len(self.later))

    @property
    def limit(self) -> int:
        return int(self.at_once) if self.proven else 1

    @property
    def untried(self) -> bool:
        """Nobody knows whether it answers: never a success, or silence at the last attempt."""
        return self.silent or not self.proven

    def blocked(self, now: int, monotonic: float) -> bool:
        """Whether nothing may go to it at the moment, for a reason that lasts."""
        return (
            not self.enabled
            or now < self.held_until
            or (self.lane is not None and not self.lane.owned)
            or (self.breaker.open and not self.breaker.allows(monotonic, self.in_flight))
        )

    def ready(self, now: int, monotonic: float) -> bool:
        if self.urgent or self.normal:
            most = self.limit
        elif self.later:  # half of the places stay free for what may come
            most = max(1, self.limit // 2)
        else:
            return False
        return (
            self.in_flight < most
            and not self.blocked(now, monotonic)
            and (self.lane is None or self.lane.may_start(monotonic))
        )

    def shut_for(self, now: int, monotonic: float) -> float:
        """Seconds until what time alone ends is over: a hold, the wait for a breaker's probe, and for the
        next token if something waits for that. 0 when nothing of this kind is in its way."""
        if not self.enabled:
            return 0.0
        hold = (self.held_until - now) / 1000
        probe = self.breaker.next_probe - monotonic if self.breaker.open else 0.0
        token = self.lane.pause(monotonic) if self.lane is not None and not self.idle else 0.0
        return max(hold, probe, token, 0.0)

    @property
    def idle(self) -> bool:
        """Whether nothing at all waits for it in memory."""
        return not (self.urgent or self.normal or self.later)

    @property
    def owned(self) -> bool:
        """Whether this node alone serves it."""
        return self.lane is not None and self.lane.owned

    @property
    def sought(self) -> bool:
        """Whether this node should try to become the one that serves it."""
        return self.lane is not None and self.lane.sought

    def start_slowly(self) -> None:
        """After a pause: one request first, and more with each success."""
        self.at_once = 1

    def push(self, owed: Owed) -> None:
        if owed.priority == LATER:
            self.later.append(owed)
        else:
            (self.urgent if owed.priority else self.normal).append(owed)

    def pop(self) -> Owed:
        return (self.urgent or self.normal or self.later).popleft()

    def remove(self, delivery_id: str) -> Owed | None:
        """Takes one that waits out of its queue; None when it does not wait here."""
        for queue in (self.urgent, self.normal, self.later):
            for owed in queue:
                if owed.id == delivery_id:
                    queue.remove(owed)
                    return owed
        return None

    def take_all(self) -> list[Owed]:
        """Everything that waits, in the order in which it would have gone."""
        waiting = [*self.urgent, *self.normal, *self.later]
        self.urgent.clear()
        self.normal.clear()
        self.later.clear()
        return waiting

    def learn(self, exchange: Exchange, outcome: Outcome, monotonic: float) -> None:
        """Adjusts the flow to what the receiver did."""
        self.breaker.record(exchange.answered, monotonic)
        self.silent = not exchange.answered
        if outcome.verdict is Verdict.DELIVERED:
            self.proven = True
            self.holds_in_a_row = 0
            self.at_once = min(self.at_once + 1, MOST_AT_ONCE)
            return
        if outcome.verdict is Verdict.HELD:
            self.holds_in_a_row += 1
            self.held_until = max(self.held_until, outcome.hold_until or 0)
            self.hold_told = inf  # not before it is written
            self.start_slowly()
        elif outcome.slow_down:
            self.at_once = max(1.0, self.at_once / 2)
        elif not exchange.answered:
            self.start_slowly()
        if outcome.verdict is Verdict.GONE:
            self.enabled = False

"""What the dispatcher knows of one target while it runs: its queue, how much it may get at once, its breaker.

Until a target's first 2xx it gets one request at a time. Then the number grows with each success, is halved
by timeouts and by answers that ask for less, and starts over after a failure to connect.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from gateway.dispatch.breaker import Breaker
from gateway.domain.exchange import Exchange
from gateway.domain.outcome import Outcome, Verdict
from gateway.domain.owed import Owed

if TYPE_CHECKING:
    from gateway.dispatch.places import Membership
    from gateway.dispatch.rotating import Memory

MOST_AT_ONCE: Final = 64
AFTER_FIRST_SUCCESS: Final = 4


@dataclass(slots=True, eq=False)
class Target:
    """`kept` counts the places taken in memory (reserved, queued and under way). Times: `held_until` in wall
    milliseconds. `backlog` counts how often something was left in the target's own queue in the database
    since that was last found empty. `membership`: what it shares with others of its host and organization;
    `slow`: how many of its requests have been on the wire for long (`places`). `rotation`: what it takes
    while its secret is being rotated (`rotating`)."""

    id: str
    org_id: str
    proven: bool = False
    enabled: bool = True
    urgent: deque[Owed] = field(default_factory=deque)
    normal: deque[Owed] = field(default_factory=deque)
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
    rotation: Memory | None = None

    @property
    def waiting(self) -> int:
        return len(self.urgent) + len(self.normal)

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
            or (self.breaker.open and not self.breaker.allows(monotonic, self.in_flight))
        )

    def ready(self, now: int, monotonic: float) -> bool:
        return self.waiting > 0 and self.in_flight < self.limit and not self.blocked(now, monotonic)

    def push(self, owed: Owed) -> None:
        (self.urgent if owed.priority else self.normal).append(owed)

    def pop(self) -> Owed:
        return self.urgent.popleft() if self.urgent else self.normal.popleft()

    def take_all(self) -> list[Owed]:
        """Everything that waits, in the order in which it would have gone."""
        waiting = [*self.urgent, *self.normal]
        self.urgent.clear()
        self.normal.clear()
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
            self.at_once = 1
        elif outcome.slow_down:
            self.at_once = max(1.0, self.at_once / 2)
        elif not exchange.answered:
            self.at_once = 1
        if outcome.verdict is Verdict.GONE:
            self.enabled = False

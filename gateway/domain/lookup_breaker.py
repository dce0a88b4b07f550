"""Whether a connector is asked about callers at all, or spared because it does not answer. Times are
monotonic seconds, given as arguments.

    closed     every question goes; five failures in a row open it, and so does half of the last twenty
    open       none goes, for five seconds, twice as long after each failed probe, never over ten
    half open  one goes, the probe: when it is answered, everything is as at the beginning
    any        one that a person insists on goes

Slow is a failure, counted while the answer is still out: a CRM that hangs is known to hang before its own
time limit says so. An answer that is merely wrong is none: the CRM is there, and the next number may be
answered rightly.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final, Literal

IN_A_ROW: Final = 5
WINDOW: Final = 20
OF_WINDOW: Final = 10
FIRST_PAUSE: Final = 5.0
LONGEST_PAUSE: Final = 10.0

SLOW_MS: Final = 4_000
"""Longer than this nobody should wait for a CRM; unless somebody says that they do."""

Verdict = Literal["answered", "failed", "neither"]
State = Literal["closed", "open", "half_open"]

_NEITHER: Final = frozenset({"aborted", "busy", "target_denied"})
_UNREAD: Final = frozenset({"timeout", "reset", "protocol"})
_SAYS_LATER: Final = frozenset({408, 429})


def judge(error: str | None, status: int | None) -> Verdict:
    """What an answer says of the connector as a whole; `error` is its word for a failure, None for an answer
    that is as it should be."""
    if error is None:
        return "answered"
    if error in _NEITHER:  # nothing went out
        return "neither"
    if status is None:
        return "failed"
    return "failed" if error in _UNREAD or status >= 500 or status in _SAYS_LATER else "answered"


def slow_after_ms(timeout_ms: int, waits_ms: int | None) -> int:
    """From when on an answer is slow; `waits_ms` is how long somebody waits for it, None when nobody does."""
    return min(timeout_ms, max(SLOW_MS, waits_ms or 0))


@dataclass(slots=True, eq=False)
class Pass:
    """One question that may go; it counts once."""

    epoch: int
    probe: bool
    counted: bool = False


@dataclass(slots=True, eq=False)
class Breaker:
    """The breaker of one connector's base URL."""

    _in_a_row: int = 0
    _failed: deque[bool] = field(default_factory=lambda: deque(maxlen=WINDOW))
    _opened: bool = False
    _pause: float = FIRST_PAUSE
    _until: float = 0.0
    _epoch: int = 0
    _probe: Pass | None = None

    @property
    def closed(self) -> bool:
        return not self._opened

    @property
    def open_until(self) -> float | None:
        """From when on a probe goes; None while it is closed."""
        return self._until if self._opened else None

    def state(self, now: float) -> State:
        if not self._opened:
            return "closed"
        return "open" if now < self._until else "half_open"

    def admit(self, now: float) -> Pass | None:
        """Lets a question go, or not. Whoever gets a pass says what became of it (`count`)."""
        if not self._opened:
            return Pass(self._epoch, probe=False)
        if now < self._until or self._probe is not None:
            return None
        self._probe = Pass(self._epoch, probe=True)
        return self._probe

    def insist(self, now: float) -> Pass:
        """Lets a question go whatever the state; while the breaker is open it is the probe, if none is out.
        Whoever gets the pass says what became of it."""
        one = Pass(self._epoch, probe=self._opened)
        if self._opened and self._probe is None:
            self._probe = one
        return one

    def count(self, one: Pass, verdict: Verdict, now: float) -> None:
        """What became of a question. Only its first word counts, and none of those that were under way when
        the breaker opened or closed: they are of another time."""
        if one.counted:
            return
        one.counted = True
        if one.epoch != self._epoch:
            return
        if one is self._probe:
            self._judge_probe(verdict, now)
        elif self._opened:
            if verdict == "answered":
                self._close()
        elif verdict != "neither":
            self._add(verdict == "failed", now)

    def _add(self, failed: bool, now: float) -> None:
        self._in_a_row = self._in_a_row + 1 if failed else 0
        self._failed.append(failed)
        half = len(self._failed) == WINDOW and sum(self._failed) >= OF_WINDOW
        if half or self._in_a_row >= IN_A_ROW:
            self._open(FIRST_PAUSE, now)

    def _judge_probe(self, verdict: Verdict, now: float) -> None:
        self._probe = None
        if verdict == "failed":
            self._open(min(self._pause * 2, LONGEST_PAUSE), now)
        elif verdict == "answered":
            self._close()

    def _close(self) -> None:
        self._opened, self._in_a_row, self._probe = False, 0, None
        self._failed.clear()
        self._epoch += 1

    def _open(self, pause: float, now: float) -> None:
        self._opened, self._pause, self._until = True, pause, now + pause
        self._epoch += 1

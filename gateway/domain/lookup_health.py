"""How a connector is doing that is asked about callers, in words for people, as one node has seen it.

    unknown  this node has not asked it since it started
    ok       its latest answer came in time
    slow     its latest answer came late, or it is being waited for and is late
    failing  its latest answer was none, or not as it should be
    open     it did not answer and is spared (`domain.lookup_breaker`)

What was not the connector's doing says nothing of it. Times are milliseconds, given as arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["unknown", "ok", "slow", "failing"]
State = Literal["unknown", "ok", "slow", "failing", "open"]


@dataclass(slots=True, eq=False)
class Latest:
    """What came of the latest questions. A failure is remembered also when answers have come since."""

    outcome: Outcome = "unknown"
    answered_at: int | None = None
    answer_ms: int | None = None
    error: str | None = None
    error_at: int | None = None
    spared: tuple[float, int] | None = None

    def spared_until(self, until: float, now: int, monotonic: float) -> int:
        """The moment `until` (monotonic seconds) in milliseconds, where `now` is `monotonic`: the same one
        however often it is asked for, though the two clocks do not run alike."""
        if self.spared is None or self.spared[0] != until:
            self.spared = until, now + round((until - monotonic) * 1000)
        return self.spared[1]

    def late(self) -> None:
        """A question is out for longer than it should take."""
        self.outcome = "slow"

    def answered(self, at: int, took_ms: int, *, late: bool) -> None:
        self.outcome = "slow" if late else "ok"
        self.answered_at, self.answer_ms = at, took_ms

    def failed(self, at: int, error: str) -> None:
        self.outcome = "failing"
        self.error, self.error_at = error, at


@dataclass(frozen=True, slots=True)
class Health:
    """What is shown. `open_until`: until when nothing is asked; from then on the next question is the probe,
    and the state is open until that is answered."""

    state: State = "unknown"
    open_until: int | None = None
    last_answer_at: int | None = None
    last_answer_ms: int | None = None
    last_error: str | None = None
    last_error_at: int | None = None


UNKNOWN = Health()


def health(latest: Latest, open_until: int | None) -> Health:
    """`open_until`: None unless the connector is spared."""
    state: State = latest.outcome if open_until is None else "open"
    return Health(state, open_until, latest.answered_at, latest.answer_ms, latest.error, latest.error_at)

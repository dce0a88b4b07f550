"""What the outcomes of one transaction add to the hourly statistics of their targets (`store.stats`)."""

from __future__ import annotations

from typing import Final

from gateway.domain.delivery import Status
from gateway.domain.outcome import Outcome, Verdict
from gateway.domain.owed import Owed
from gateway.store.stats import HOUR_MS, Key, bucket

_RESULTS: Final = {
    Verdict.DELIVERED: "delivered",
    Verdict.RETRY: "retried",
    Verdict.HELD: "held",
    Verdict.FAILED: "failed",
}
_NAMES: dict[int | str, str] = {}


class Tally(dict[Key, int]):
    """Counts by target, hour and name; equal ones are added up, so that each is written once."""

    def result(self, owed: Owed, name: str, at: int) -> None:
        key = (owed.target_id, at - at % HOUR_MS, name, owed.org_id)
        self[key] = self.get(key, 0) + 1

    def attempt(
        self, owed: Owed, outcome: Outcome, at: int, duration_ms: int, came_to: int | str | None
    ) -> None:
        """An attempt that ended `at`; `came_to` is its status code, or the word for its error."""
        result = _RESULTS.get(outcome.verdict) or (
            "failed" if outcome.status is Status.FAILED else "retried"  # 410
        )
        target, org, hour = owed.target_id, owed.org_id, at - at % HOUR_MS
        for name in (result, bucket(duration_ms), _name(came_to)):
            key = (target, hour, name, org)
            self[key] = self.get(key, 0) + 1


def _name(came_to: int | str | None) -> str:
    """Made once for each: there are few."""
    if came_to is None:
        return "error:unknown"
    name = _NAMES.get(came_to)
    if name is None:
        name = _NAMES[came_to] = f"code:{came_to}" if isinstance(came_to, int) else f"error:{came_to}"
    return name

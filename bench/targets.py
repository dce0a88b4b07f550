"""What the figures are held against. A target that is missed is said plainly; it is never an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

BOTH: Final = ("sqlite", "postgresql")
SQLITE: Final = ("sqlite",)
POSTGRESQL: Final = ("postgresql",)


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on the figure at `path` (part, group, name) of a database's results."""

    path: tuple[str, ...]
    bound: float
    at_least: bool = False
    kinds: tuple[str, ...] = BOTH

    @property
    def text(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:,g}"

    def judge(self, value: float) -> tuple[bool, str]:
        """Whether it is met, and by how much."""
        met = value >= self.bound if self.at_least else value <= self.bound
        off = abs(value - self.bound) / self.bound
        return met, f"{'met' if met else 'missed'} by {off:.0%}"


def _growth(case: str, group: str) -> Target:
    return Target(("growth", case, group, "ratio"), 0.9, at_least=True)


TARGETS: Final = (
    Target(("throughput", "single", "events_per_second"), 2500, at_least=True, kinds=SQLITE),
    Target(("throughput", "batch", "events_per_second"), 6000, at_least=True, kinds=SQLITE),
    Target(("throughput", "single", "to_sqlite"), 0.6, at_least=True, kinds=POSTGRESQL),
    Target(("throughput", "batch", "to_sqlite"), 0.6, at_least=True, kinds=POSTGRESQL),
    Target(("throughput", "single", "times_floor"), 2.5),
    Target(("throughput", "batch", "times_floor"), 1.6),
    Target(("throughput", "batch", "statements"), 0.1),
    Target(("latency", "p99_ms"), 25),
    Target(("memory", "pending_mb"), 250),
    Target(("callers", "new", "p50_ms"), 5),
    Target(("callers", "steady", "p99_ms"), 10),
    Target(("callers", "warm", "per_core"), 1500, at_least=True),
    Target(("callers", "whole", "per_core"), 1500, at_least=True),
    Target(("callers_busy", "p99_ms"), 900),
    Target(("start", "new_seconds"), 1.5),
    Target(("start", "empty_seconds"), 1.5),
    Target(("start", "pending_seconds"), 3.0),
    *(
        _growth(case, group)
        for case in ("history", "pending", "webhooks", "webhooks_in_use", "webhooks_in_one")
        for group in ("single", "batch")
    ),
    *(Target(("isolation", case, "p99_ratio"), 1.2) for case in ("one", "many", "worked_before")),
)


def figure(results: dict[str, Any], path: tuple[str, ...]) -> Any:
    """What stands at `path`, or None when that was not measured."""
    found: Any = results
    for step in path:
        found = found.get(step) if isinstance(found, dict) else None
    return found


def compare(results: dict[str, Any]) -> None:
    """Puts PostgreSQL's events/s in proportion to SQLite's, where both were measured."""
    for group in ("single", "batch"):
        rates = {kind: figure(results, (kind, "throughput", group, "events_per_second")) for kind in BOTH}
        if all(rates.values()):
            found = results["postgresql"]["throughput"][group]
            found["to_sqlite"] = rates["postgresql"] / rates["sqlite"]


def verdicts(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Every target whose figure was measured, with what came of it."""
    found = []
    for target in TARGETS:
        for kind in target.kinds:
            value = figure(results.get(kind, {}), target.path)
            if value is not None:
                met, by = target.judge(value)
                found.append({"database": kind, "figure": ".".join(target.path), "value": value,
                              "target": target.text, "met": met, "by": by})  # fmt: skip
    return found

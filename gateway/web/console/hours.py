"""Hourly counts of attempts as a drawing: bars of so many hours each, what arrived below what did not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

WIDTH: Final = 760
HEIGHT: Final = 170
LEFT: Final = 46
RIGHT: Final = WIDTH - 20
TOP: Final = 16
BOTTOM: Final = HEIGHT - 26
HOURS: Final = {"1h": 1, "24h": 1, "7d": 6, "30d": 24}
"""How many hours a bar is of, by window."""

_PARTS: Final = (("delivered", "good"), ("retried", "warm"), ("held", "warm"), ("failed", "bad"))
_MOST_NAMED: Final = 6


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a bar: `kind` is good, warm or bad."""

    kind: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    width: float
    pieces: Sequence[Piece]
    says: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Lengths in the units of the drawing, WIDTH by HEIGHT. `most` is what the highest bar stands for."""

    bars: Sequence[Bar]
    times: Sequence[tuple[float, str]]
    most: int
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = RIGHT
    top: int = TOP
    bottom: int = BOTTOM


def chart(stats: Mapping[str, Any]) -> Chart:
    """Of what `getConnectorStats` answers."""
    size, hours = HOURS[stats["window"]], stats["hours"]
    groups = [hours[at : at + size] for at in range(0, len(hours), size)]
    counts = [{name: sum(hour[name] for hour in group) for name, _ in _PARTS} for group in groups]
    most = max((sum(count.values()) for count in counts), default=0)
    step = (RIGHT - LEFT) / max(len(groups), 1)
    named = -(-len(groups) // _MOST_NAMED)
    starts = [group[0]["hour"] for group in groups]
    return Chart(
        bars=[
            _bar(LEFT + step * place, step, count, most, start)
            for place, (count, start) in enumerate(zip(counts, starts, strict=True))
        ],
        times=[
            (round(LEFT + step * place, 1), _short(start, size))
            for place, start in enumerate(starts)
            if place % named == 0
        ],
        most=most,
    )


def _bar(x: float, step: float, count: Mapping[str, int], most: int, start: str) -> Bar:
    pieces, below = [], 0
    for name, kind in _PARTS:
        if count[name]:
            height = (BOTTOM - TOP) * count[name] / most
            below += count[name]
            y = BOTTOM - (BOTTOM - TOP) * below / most
            pieces.append(Piece(kind, round(y, 1), round(height, 1)))
    told = ", ".join(f"{count[name]:,} {name}" for name, _ in _PARTS)
    return Bar(round(x, 1), round(step * 0.8, 1), pieces, f"from {start[:10]} {start[11:16]} UTC: {told}")


def _short(start: str, size: int) -> str:
    return start[11:16] if size == 1 else start[5:10]

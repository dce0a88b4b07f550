"""The hours of a webhook or connector as a drawing: a bar each, below what arrived, above what did not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

WIDTH: Final = 760
HEIGHT: Final = 210
LEFT: Final = 52
RIGHT: Final = WIDTH - 12
TOP: Final = 14
BOTTOM: Final = HEIGHT - 26
MOST_BARS: Final = 170
WIDE_HOURS: Final = 6
LEAST_HEIGHT: Final = 1.5
"""So that one failure beside thousands that arrived is seen."""

STACK: Final = (
    ("delivered", "good", "delivered"),
    ("retried", "warm", "tried again"),
    ("held", "soft", "held"),
    ("failed", "bad", "failed"),
)
"""From below: result, colour, and its word."""


@dataclass(frozen=True, slots=True)
class Piece:
    y: float
    height: float
    colour: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour, or some together. `says` has all figures."""

    x: float
    width: float
    pieces: Sequence[Piece]
    says: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """Lengths in the units of the drawing, WIDTH by HEIGHT. `hours_each`: how many hours a bar stands for."""

    levels: Sequence[tuple[float, str]]
    times: Sequence[tuple[float, str]]
    bars: Sequence[Bar]
    hours_each: int
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = RIGHT


def drawing(stats: Mapping[str, Any]) -> Drawing:
    """Of what `getWebhookStats` and `getConnectorStats` answer. Beyond a week six hours share a bar: others
    would be hairlines."""
    hours: Sequence[Mapping[str, Any]] = stats["hours"]
    each = 1 if len(hours) <= MOST_BARS else WIDE_HOURS
    groups = [list(found) for _, found in groupby(hours, lambda hour: _slot(hour, each))]
    counts = [[sum(hour[name] for hour in group) for name, _, _ in STACK] for group in groups]
    top = _ceiling(max((sum(one) for one in counts), default=0))
    step = (RIGHT - LEFT) / max(len(groups), 1)
    return Drawing(
        levels=[(_y(count, top), f"{count:,}") for count in (0, top // 2, top)],
        times=[
            (round(LEFT + step * (place + 0.5), 1), label)
            for place, label in _labels([group[0]["hour"] for group in groups], len(hours))
        ],
        bars=[
            _bar(place, step, group, count, top)
            for place, (group, count) in enumerate(zip(groups, counts, strict=True))
            if sum(count)
        ],
        hours_each=each,
    )


def _bar(place: int, step: float, group: Sequence[Mapping[str, Any]], counts: Sequence[int], top: int) -> Bar:
    gap = min(step * 0.2, 3.0)
    pieces, floor = [], float(BOTTOM)
    for count, (_, colour, _) in zip(counts, STACK, strict=True):
        if count:
            height = max(round(BOTTOM - _y(count, top), 1), LEAST_HEIGHT)
            floor = round(floor - height, 1)
            pieces.append(Piece(floor, height, colour))
    hour = group[0]["hour"]
    figures = ", ".join(f"{count:,} {word}" for count, (_, _, word) in zip(counts, STACK, strict=True))
    span = "" if len(group) == 1 else f", {len(group)} hours"
    return Bar(
        round(LEFT + step * place + gap / 2, 2),
        round(step - gap, 2),
        pieces,
        f"{hour[:10]} {hour[11:16]} UTC{span}: {figures}",
    )


def _slot(hour: Mapping[str, Any], each: int) -> tuple[str, int]:
    begins: str = hour["hour"]
    return begins[:10], int(begins[11:13]) // each


def _labels(begins: Sequence[str], hours: int) -> list[tuple[int, str]]:
    """Under which bars something stands: hours within a day, else days, of a month every fifth."""
    if hours <= 25:
        every = 1 if hours <= 6 else 4
        return [(at, text[11:16]) for at, text in enumerate(begins) if int(text[11:13]) % every == 0]
    days = [(at, text[5:10]) for at, text in enumerate(begins) if text[11:13] == "00"]
    return days if len(days) <= 8 else days[::5]


def _ceiling(most: int) -> int:
    """A round number from `most` up, whose half is whole."""
    size = 1
    while most > 10 * size:
        size *= 10
    return next(size * digit for digit in (2, 4, 6, 8, 10) if most <= size * digit)


def _y(count: int, top: int) -> float:
    return round(BOTTOM - (BOTTOM - TOP) * count / top, 1)

"""The deadline dial as a drawing: a line for all callers and one for each connector, over the deadlines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

WIDTH: Final = 760
HEIGHT: Final = 300
LEFT: Final = 46
RIGHT: Final = WIDTH - 20
TOP: Final = 24
BOTTOM: Final = HEIGHT - 34
LONGEST_MS: Final = 1_600
MARKED: Final = (600, 900, 1_200)
COLOURS: Final = 6
"""Of connectors, after that of all together; then they begin again."""


@dataclass(frozen=True, slots=True)
class Line:
    """One curve. `points` is SVG's list of them; `dots` are x, y and what they say."""

    name: str
    colour: int
    whole: bool
    points: str
    dots: Sequence[tuple[float, float, str]]


@dataclass(frozen=True, slots=True)
class Mark:
    """A deadline in question, and the share of all callers that would be known by then."""

    x: float
    deadline_ms: int
    share: float | None


@dataclass(frozen=True, slots=True)
class Drawing:
    """Lengths in the units of the drawing, WIDTH by HEIGHT."""

    levels: Sequence[tuple[float, str]]
    times: Sequence[tuple[float, str]]
    marks: Sequence[Mark]
    lines: Sequence[Line]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = RIGHT
    top: int = TOP
    bottom: int = BOTTOM


def drawing(dial: Mapping[str, Any]) -> Drawing:
    """Of what `getCallerDial` answers. Whoever was asked about nobody has no line."""
    return _drawing([("all together", dial), *((one["name"], one) for one in dial["connectors"])])


def drawing_of(connector: Mapping[str, Any]) -> Drawing:
    """Of one connector's part of that answer alone."""
    return _drawing([(connector["name"], connector)])


def _drawing(curves: Sequence[tuple[str, Mapping[str, Any]]]) -> Drawing:
    """The first curve is the whole: the marks are its own."""
    return Drawing(
        levels=[(_y(level / 4), f"{level * 25} %") for level in range(5)],
        times=[(_x(at), f"{at:,} ms") for at in (0, 300, *MARKED, 1_500)],
        marks=[
            Mark(_x(at["deadline_ms"]), at["deadline_ms"], at["share"])
            for at in curves[0][1]["deadlines"]
            if at["deadline_ms"] in MARKED
        ],
        lines=[_line(name, curve, place) for place, (name, curve) in enumerate(curves) if curve["callers"]],
    )


def _line(name: str, curve: Mapping[str, Any], place: int) -> Line:
    dots = [
        (
            _x(at["deadline_ms"]),
            _y(at["share"]),
            f"{name}, {at['deadline_ms']:,} ms: {at['known']:,} of {curve['callers']:,} ({at['share']:.0%})",
        )
        for at in curve["deadlines"]
    ]
    points = " ".join(f"{x},{y}" for x, y, _ in dots)
    return Line(name, place % COLOURS, place == 0, points, dots)


def _x(milliseconds: int) -> float:
    return round(LEFT + (RIGHT - LEFT) * milliseconds / LONGEST_MS, 1)


def _y(share: float) -> float:
    return round(TOP + (BOTTOM - TOP) * (1 - share), 1)

"""The drawing of hours: where its bars stand, how high they are, and what they say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.web.console import bars
from gateway.web.console.bars import BOTTOM, HEIGHT, LEAST_HEIGHT, LEFT, RIGHT, TOP, drawing

BEGIN = datetime(2026, 11, 20, 21, tzinfo=UTC)


def stats(counts: list[tuple[int, int, int]], begin: datetime = BEGIN) -> dict[str, Any]:
    return {
        "hours": [
            {
                "hour": (begin + timedelta(hours=at)).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "delivered": delivered, "retried": retried, "failed": failed, "held": 0,
            }
            for at, (delivered, retried, failed) in enumerate(counts)
        ]
    }  # fmt: skip


def test_a_bar_is_as_high_as_its_figures() -> None:
    found = drawing(stats([(30, 20, 50), (0, 0, 0), (50, 0, 0)]))
    assert [level for _, level in found.levels] == ["0", "50", "100"]
    assert [y for y, _ in found.levels] == [BOTTOM, (BOTTOM + TOP) / 2, TOP]
    whole = BOTTOM - TOP
    first, last = found.bars
    assert [(piece.colour, piece.height) for piece in first.pieces] == [
        ("good", pytest.approx(whole * 0.3, abs=0.1)), ("warm", pytest.approx(whole * 0.2, abs=0.1)),
        ("bad", pytest.approx(whole * 0.5, abs=0.1)),
    ]  # fmt: skip
    assert first.pieces[-1].y == pytest.approx(TOP, abs=0.2)
    assert [(piece.colour, piece.y) for piece in last.pieces] == [("good", (BOTTOM + TOP) / 2)]
    assert first.says == "2026-11-20 21:00 UTC: 30 delivered, 20 tried again, 0 held, 50 failed"


def test_one_failure_beside_thousands_is_seen() -> None:
    [bar] = drawing(stats([(100_000, 0, 1)])).bars
    assert [piece.height for piece in bar.pieces][1] == LEAST_HEIGHT


def test_nothing_is_an_empty_drawing() -> None:
    found = drawing(stats([(0, 0, 0)] * 25))
    assert found.bars == []
    assert [level for _, level in found.levels] == ["0", "1", "2"]
    assert drawing({"hours": []}).bars == []


@pytest.mark.parametrize(
    ("count", "bars", "each", "labels"),
    [
        (2, 2, 1, ["21:00", "22:00"]),
        (25, 25, 1, ["00:00", "04:00", "08:00", "12:00", "16:00", "20:00"]),
        (169, 169, 1, ["11-21", "11-22", "11-23", "11-24", "11-25", "11-26", "11-27"]),
        (721, 121, 6, ["11-21", "11-26", "12-01", "12-06", "12-11", "12-16"]),
    ],
)
def test_each_window_has_bars_that_can_be_told_apart(
    count: int, bars: int, each: int, labels: list[str]
) -> None:
    found = drawing(stats([(1, 0, 0)] * count))
    assert (len(found.bars), found.hours_each) == (bars, each)
    assert [label for _, label in found.times] == labels
    assert sum(int(bar.says.split(" delivered")[0].rpartition(" ")[2]) for bar in found.bars) == count
    assert min(bar.width for bar in found.bars) > 3


@settings(max_examples=30)
@given(st.lists(st.tuples(*[st.integers(0, 10**7)] * 3), min_size=1, max_size=200))
def test_everything_stands_inside_and_nothing_over_another(counts: list[tuple[int, int, int]]) -> None:
    found = drawing(stats(counts))
    right = LEFT - 0.1
    for bar in found.bars:
        assert bar.x >= right
        right = round(bar.x + bar.width, 2)
        floor = float(BOTTOM)
        for piece in bar.pieces:
            assert piece.y + piece.height == pytest.approx(floor, abs=0.01)
            floor = piece.y
        assert floor >= TOP - 3 * LEAST_HEIGHT
    assert right <= RIGHT + 0.1
    assert all(0 < y < HEIGHT for y, _ in found.levels)


@given(st.integers(0, 10**9))
def test_the_scale_is_round_and_has_a_whole_middle(most: int) -> None:
    top = bars._ceiling(most)
    assert top >= most
    assert top % 2 == 0
    assert top <= max(2, 2 * most)

"""Proof D2: five hundred endpoints that do not answer do not delay the fifty that do.

The quick form is a fifth of it: a hundred beside ten, at a gateway with a fifth of the places in flight.
`make prove` judges the time itself. When the machine stands still now and then, the meter says how much of
the measurement it left out for that.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pytest

from tests.support.isolation import RATE, Waits, open_scene
from tests.support.isolation_ailing import AT_ONCE, WAYS, ailing

pytestmark = [pytest.mark.anyio, pytest.mark.proof]

MOST_TIMES_SLOWER = 1.2
CEILING = 10  # quick runs share a busy machine
LEAST_SECONDS = 0.05  # what a quick run takes for the p99 of the healthy alone, if it was less
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Size:
    """How much of it: webhooks that answer and that do not, and the seconds of the two measurements."""

    well: int
    ill: int
    rate: float
    alone: float
    beside: float
    at_once: int = AT_ONCE
    variant: str | None = None


QUICK = Size(10, 100, RATE / 5, 1, 2, variant="a_fifth")
CONTROL = Size(10, 100, RATE / 5, 1, 1, at_once=8, variant="a_fifth,shares_nothing")
FULL = Size(50, 500, RATE, 8, 33)  # longer than two of their timeouts of 15 s


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


@pytest.mark.parametrize(
    ("kind", "way", "one_org"),
    [("sqlite", "silent", True), ("sqlite", "fell_silent", False), ("postgresql", "no_dns", False)],
)
async def test_a_hundred_hung_endpoints_delay_nobody(
    kind: str, way: str, one_org: bool, tmp_path: Path
) -> None:
    alone, beside = await _both(QUICK, kind, way, one_org, tmp_path)
    print(f"D2 {_what(kind, way, one_org)}: alone {alone}; beside {beside}")
    assert beside.p99 <= MOST_TIMES_SLOWER * CEILING * max(alone.p99, LEAST_SECONDS)


@pytest.mark.long
@pytest.mark.parametrize("one_org", [False, True], ids=["many_orgs", "one_org"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_five_hundred_hung_endpoints_delay_nobody(
    kind: str, way: str, one_org: bool, tmp_path: Path
) -> None:
    ratios = []
    for number in range(ROUNDS):
        directory = tmp_path / str(number)
        directory.mkdir()
        alone, beside = await _both(FULL, kind, way, one_org, directory)
        ratios.append(beside.p99 / alone.p99)
        print(f"D2 {_what(kind, way, one_org)}: ratio {ratios[-1]:.2f}: alone {alone}; beside {beside}")
    print(f"D2 {_what(kind, way, one_org)}: median ratio {median(ratios):.2f}")
    assert median(ratios) <= MOST_TIMES_SLOWER


async def test_control_without_shares_the_healthy_wait_for_the_hung(tmp_path: Path) -> None:
    alone, beside = await _both(CONTROL, "sqlite", "silent", False, tmp_path)
    print(f"D2 control, no shares: alone {alone}; beside {beside}")
    assert beside.p99 > MOST_TIMES_SLOWER * CEILING * max(alone.p99, LEAST_SECONDS)


async def _both(size: Size, kind: str, way: str, one_org: bool, directory: Path) -> tuple[Waits, Waits]:
    """The waits of the healthy alone, and beside those that do not answer."""
    async with open_scene(kind, directory, one_org=one_org, variant=size.variant) as scene:
        async with ailing(scene, way, size.ill, at_once=size.at_once) as begin:
            await scene.add_healthy(size.well, rate=size.rate)
            await asyncio.sleep(1)  # the first requests to each of them go one by one
            alone = await scene.measure(size.alone)
            await begin()
            hanging = await scene.in_flight()
            beside = await scene.measure(size.beside)
    assert hanging > size.ill / 5, "they do not hang"
    assert not scene.refused, "events were refused because of them"
    return alone, beside


def _what(kind: str, way: str, one_org: bool) -> str:
    return f"{kind}, {way}, {'one organization' if one_org else 'an organization each'}"

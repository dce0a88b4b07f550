"""The deadline dial: every caller counts once, where somebody first knew them, late or in time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.domain.dial import BOUNDS, DEADLINES, FOUND, KNOWN, curve, timed
from tests.enrich.conftest import PHONE, resolve, settled
from tests.support import receiver as r
from tests.support.crm import Crm
from tests.support.node import Node
from tests.support.receiver import Received

pytestmark = pytest.mark.anyio


def test_what_is_shown_is_a_bound() -> None:
    assert set(DEADLINES) <= set(BOUNDS)
    assert list(BOUNDS) == sorted(BOUNDS)


@pytest.mark.parametrize(
    ("seconds", "name"),
    [
        (0.0, "known:50"),
        (0.3, "known:300"),
        (0.3004, "known:300"),
        (0.3006, "known:400"),
        (500.0, "known:70000"),
    ],
)
def test_in_which_bucket_a_time_counts(seconds: float, name: str) -> None:
    assert timed(KNOWN, seconds) == name


def test_the_curve() -> None:
    totals = {"known:50": 3, "known:300": 2, "known:400": 1, "known:900": 4, "known:5000": 5, "not_known": 7}
    found = curve(totals, KNOWN)
    assert (found.callers, found.known) == (22, 15)
    assert dict(found.within) == {300: 5, 600: 6, 900: 10, 1_200: 10, 1_500: 10}
    other = {"found:300": 2, "not_found:50": 9, "failed": 4, "delivered": 100, "ms:250": 100, "code:200": 100}
    found = curve(other, FOUND)
    assert (found.callers, found.known, found.within[300]) == (15, 2, 2)


async def dial(node: Node, **query: Any) -> dict[str, Any]:
    await settled(node)
    answer = await node.call("GET", "/api/callers/dial", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_callers_count_where_they_were_first_known(node: Node, crm: Crm, new_crm: Any) -> None:
    """One at once, one late, one never, one whom a connector has failed; a withheld number does not count."""
    slow = await new_crm()
    first, second = await crm.join(node, name="quick"), await slow.join(node, name="slow", priority=-1)
    crm.knows(PHONE, name="Ada Example")
    slow.knows(PHONE, name="Ada Example")
    slow.knows("+13175550143", name="Bo Sample")

    async def wait(request: Received) -> None:
        await asyncio.sleep(1.6 if request.json()["phone"] == "+13175550143" else 0)

    slow.gate = wait
    await resolve(node, deadline_ms=10_000)
    await resolve(node, deadline_ms=10_000)  # from what is kept
    await resolve(node, "+13175550143", deadline_ms=500)
    await resolve(node, "+13175550144", deadline_ms=10_000)
    crm.instead = r.answer(500)
    await resolve(node, "+13175550145", deadline_ms=10_000)
    await resolve(node, "anonymous")
    found = await dial(node, window="7d")
    assert (found["window"], found["callers"], found["known"]) == ("7d", 5, 3)
    at = {one["deadline_ms"]: one for one in found["deadlines"]}
    assert list(at) == [300, 600, 900, 1_200, 1_500]
    assert at[1_500]["known"] == 2 and at[1_500]["share"] == 0.4
    quick, late = found["connectors"]
    assert (quick["connector_id"], quick["name"], quick["callers"], quick["known"]) == (
        first.id,
        "quick",
        5,
        2,
    )
    assert (late["connector_id"], late["callers"], late["known"]) == (second.id, 5, 3)
    assert late["deadlines"][-1]["known"] == 2


async def test_an_organization_that_nobody_has_called(lite: Node, crm: Crm) -> None:
    await crm.join(lite, "umbrella")
    await resolve(lite, org="umbrella")
    await resolve(lite, "anonymous")
    found = await dial(lite)
    assert (found["window"], found["callers"], found["known"], found["connectors"]) == ("7d", 0, 0, [])
    assert found["deadlines"][0] == {"deadline_ms": 300, "known": 0, "share": None}


@pytest.mark.parametrize("org", ["cnr_1", "acme"])
async def test_no_organization_counts_as_another(lite: Node, crm: Crm, org: str) -> None:
    await crm.join(lite, org)
    await resolve(lite, org=org)
    await settled(lite)
    other = await lite.call("GET", "/api/callers/dial", org="callers-other")
    assert other.status_code == 404
    answer = await lite.call("GET", "/api/callers/dial", org=org)
    assert (answer.json()["callers"], answer.json()["connectors"][0]["callers"]) == (1, 1)


async def test_mistakes_are_named(lite: Node) -> None:
    await resolve(lite)
    answer = await lite.call("GET", "/api/callers/dial", params={"window": "8d"})
    assert answer.status_code == 422
    assert answer.json()["details"][0]["field"] == "window"

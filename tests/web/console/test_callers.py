"""The pages of callers: the deadline dial, and what an agent would be told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.domain.dial import FAILED, FOUND, KNOWN, NOT_FOUND, NOT_KNOWN, callers_of, timed
from gateway.store import stats
from gateway.web.console.dial import BOTTOM, LEFT, RIGHT, TOP, drawing
from tests.support.inside import sign_in
from tests.support.node import Node, running_node

pytestmark = pytest.mark.anyio

CALLERS = "/console/o/acme/callers"


@pytest.fixture
async def node(any_database: str) -> AsyncIterator[Node]:
    async with running_node(any_database) as running:
        yield running


Known = dict[int, int]
"""Of each deadline, how many callers would be known."""


def dial(callers: int, known: Known, connectors: tuple[tuple[str, int, Known], ...] = ()) -> Any:
    """As the API answers it."""

    def curve(callers: int, known: Known) -> dict[str, Any]:
        deadlines = [
            {"deadline_ms": at, "known": count, "share": count / callers if callers else None}
            for at, count in known.items()
        ]
        return {"callers": callers, "known": max(known.values()), "deadlines": deadlines}

    whole = curve(callers, known)
    parts = [{"name": name, **curve(*given)} for name, *given in connectors]
    return whole | {"connectors": parts}


def test_the_drawing() -> None:
    found = drawing(
        dial(200, {300: 0, 600: 100, 900: 150, 1_200: 180, 1_500: 200}, (
            ("CRM", 100, {300: 0, 600: 20, 900: 50, 1_200: 100, 1_500: 100}),
            ("asked nobody", 0, {300: 0, 600: 0, 900: 0, 1_200: 0, 1_500: 0}),
        ))
    )  # fmt: skip
    whole, crm = found.lines
    assert (whole.name, whole.whole, whole.colour) == ("all together", True, 0)
    assert (crm.name, crm.whole, crm.colour) == ("CRM", False, 1)
    assert [(mark.deadline_ms, mark.share) for mark in found.marks] == [(600, 0.5), (900, 0.75), (1_200, 0.9)]
    x, y, says = whole.dots[1]
    assert (x, y) == (found.marks[0].x, (TOP + BOTTOM) / 2), "half of all, half way up"
    assert says == "all together, 600 ms: 100 of 200 (50%)"
    assert whole.dots[0][1] == BOTTOM
    assert whole.dots[-1][1] == TOP
    xs = [x for x, _, _ in whole.dots]
    assert xs == sorted(xs)
    assert xs[0] > LEFT
    assert xs[-1] < RIGHT
    assert whole.points == " ".join(f"{x},{y}" for x, y, _ in whole.dots)
    assert [place for place, _ in found.times][1:-1] == [xs[0], *(mark.x for mark in found.marks)]


def test_of_nobody_there_is_nothing_to_draw() -> None:
    nobody = drawing(dial(0, {300: 0, 600: 0, 900: 0, 1_200: 0, 1_500: 0}))
    assert nobody.lines == []
    assert [mark.share for mark in nobody.marks] == [None] * 3


async def test_the_dial_draws_what_the_api_says(node: Node) -> None:
    connector = await node.connector("http://127.0.0.1:9/crm", name="<CRM & co>")
    hour = node.gateway.clock.now() // 3_600_000 * 3_600_000
    counted = {
        callers_of("acme"): {timed(KNOWN, 0.4): 6, timed(KNOWN, 0.85): 2, timed(KNOWN, 1.1): 1, NOT_KNOWN: 1},
        connector["id"]: {timed(FOUND, 0.55): 3, timed(FOUND, 0.9): 3, NOT_FOUND: 3, FAILED: 1},
    }
    async with node.gateway.store.transaction() as tx:
        await stats.add(
            tx.conn,
            {(of, hour, name, "acme"): n for of, names in counted.items() for name, n in names.items()},
        )
    ada = await sign_in(node, await node.new_key("viewer"))
    page = await ada.get(CALLERS, window="24h")
    told = (await node.call("GET", "/api/callers/dial?window=24h")).json()
    assert (told["callers"], [at["share"] for at in told["deadlines"]]) == (10, [0, 0.6, 0.8, 0.9, 0.9])
    drawn = drawing(told)
    assert [line["points"] for line in page.all("polyline")] == [line.points for line in drawn.lines[::-1]]
    assert "60% within 600 ms 80% within 900 ms 90% within 1,200 ms" in page.text
    assert "all together 10 0% 60% 80% 90% 90% 90%" in page.text
    assert "<CRM & co> 10 0% 30% 60% 60% 60% 60%" in page.text
    assert page.form("Show").fields == {"window": "24h"}
    assert (await ada.send(page, "Show", window="1h")).form("Show").fields == {"window": "1h"}
    assert (await ada.get(CALLERS, window="nonsense")).form("Show").fields == {"window": "7d"}
    assert "24 hours 10 asked for 60% known within 600 ms" in (await ada.get("/console/o/acme/")).text


async def test_nobody_was_asked_for(node: Node) -> None:
    ada = await sign_in(node, await node.new_key("viewer"))
    page = await ada.get(CALLERS)
    assert "Nobody was asked for in this time." in page.text
    assert page.all("svg") == []


async def test_what_an_agent_would_be_told(node: Node) -> None:
    contact = {"name": "Ann <b>Example</b>", "notes": "Prefers mornings"}
    await node.call("PUT", "/api/contacts/+13175550142", json=contact)
    ada = await sign_in(node, await node.new_key("operator"))
    page = await ada.send(await ada.get(CALLERS), "Preview", phone="(317) 555-0142", attestation="A")
    told = await node.call("POST", "/api/callers/preview", json={"phone": "+13175550142", "attestation": "A"})
    assert "+13175550142 found" in page.text
    assert " ".join(told.json()["context"].split()) in page.text
    assert "Known and not told: notes." in page.text
    assert page.form("Preview").fields["phone"] == "(317) 555-0142"
    assert page.form("Preview").fields["attestation"] == "A"
    page = await ada.send(page, "Preview", phone="anonymous")
    assert "no number unknown" in page.text
    page = await ada.send(page, "Preview", direction="sideways")
    assert page.status == 422
    assert page.all("div", role="alert")
    assert "direction" in page.text

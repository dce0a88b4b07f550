"""Two nodes that record failures of one webhook at the same time warn once and disable once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import update

from gateway.dispatch import telling
from gateway.domain.failing import DAY_MS
from gateway.store.tables import target_health
from tests.support.node import Node, running_node
from tests.support.receiver import Receiver

pytestmark = pytest.mark.anyio


@pytest.fixture
async def nodes(postgres_database: str) -> AsyncIterator[list[Node]]:
    async with running_node(postgres_database) as one, running_node(postgres_database) as two:
        yield [one, two]


async def fail_on_both(nodes: list[Node], failing_days: int) -> Counter[str]:
    """A webhook that has been failing for days gets sixteen failures at once, eight on each node; which of
    the gateway's own events there are of it."""
    one, two = nodes
    async with Receiver() as receiver:
        receiver.respond(500)
        hook = await one.webhook(receiver.url(), ["a.b"], retry_schedule=[600])
        ear = ["webhook.failing", "webhook.disabled"]
        await one.webhook("http://127.0.0.1:9/", ear)
        await one.send("a.b")
        await receiver.wait_for(1)
        await _known(one, hook["id"])
        async with one.gateway.store.transaction() as tx:
            since = one.gateway.clock.now() - failing_days * DAY_MS
            row = update(target_health).where(target_health.c.target_id == hook["id"])
            await tx.conn.execute(row.values(failing_since=since, failures=50, failure_days=5))
        sent = [node.send("a.b") for node in (one, two) for _ in range(8)]
        await asyncio.gather(*sent)
        # Behind the disabled webhook the rest stays where it is.
        await _recorded(one, hook["id"], 17 if failing_days < 5 else 2)
        found = await _own(one)
    return Counter(event["type"] for event in found)


async def _known(node: Node, webhook_id: str) -> None:
    async with asyncio.timeout(10):
        while not (await node.call("GET", f"/api/webhooks/{webhook_id}")).json()["failing_since"]:
            await asyncio.sleep(0.02)


async def _recorded(node: Node, webhook_id: str, count: int) -> None:
    """That many of its attempts are written down, with all that follows from them."""
    async with asyncio.timeout(20):
        while True:
            rows = await node.deliveries(type="a.b")
            if sum(row["attempts_made"] for row in rows if row["target"]["id"] == webhook_id) >= count:
                return
            await asyncio.sleep(0.02)


async def _own(node: Node) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = (await node.call("GET", "/api/events?limit=200")).json()["data"]
    return [event for event in events if event["type"].startswith("webhook.")]


async def test_warned_once(nodes: list[Node]) -> None:
    assert await fail_on_both(nodes, 2) == {"webhook.failing": 1}


async def test_disabled_once(nodes: list[Node]) -> None:
    assert await fail_on_both(nodes, 6) == {"webhook.disabled": 1}


async def test_without_the_memory_of_warnings_there_are_more(
    nodes: list[Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""

    async def forget(*_: Any) -> None:
        return None

    monkeypatch.setattr(telling.health, "mark_warned", forget)
    assert (await fail_on_both(nodes, 2))["webhook.failing"] > 1

"""What one request asks of the database while it holds a part of it: nothing more."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.store import organizations
from gateway.store.engine import Database
from tests.support.databases import database_url
from tests.support.node import Node, running_node

pytestmark = pytest.mark.anyio

MORE_THAN_THE_POOL_HAS = 25


@pytest.fixture
async def node(any_database: str) -> AsyncIterator[Node]:
    async with running_node(any_database) as node:
        yield node


async def test_many_explanations_at_once_leave_the_node_alive(node: Node) -> None:
    webhook = await node.webhook("https://example.invalid/", ["a.b"], enabled=False)
    event = await node.send("c.d")
    viewer = await node.new_key("viewer")
    path, body = f"/api/webhooks/{webhook['id']}/explain", {"event_id": event["id"]}
    asked = [node.call("POST", path, key=viewer, json=body) for _ in range(MORE_THAN_THE_POOL_HAS)]
    answers = await asyncio.gather(*asked, node.call("POST", "/api/events", json={"type": "c.d", "data": {}}))
    assert Counter(answer.status_code for answer in answers) == {200: len(asked), 202: 1}
    entries = (await node.call("GET", "/api/audit", params={"action": "explainWebhook"})).json()["data"]
    assert len(entries) == len(asked)


async def test_many_changes_of_platform_webhooks_at_once(node: Node) -> None:
    body = {"url": "https://example.invalid/", "events": ["a.b"]}
    made = [(await node.call("POST", "/api/platform/webhooks", json=body)).json()["id"] for _ in range(5)]
    changed = [
        node.call("PATCH", f"/api/platform/webhooks/{made[n % 5]}", json={"description": str(n)})
        for n in range(MORE_THAN_THE_POOL_HAS)
    ]
    assert {answer.status_code for answer in await asyncio.gather(*changed)} == {200}


async def test_changes_of_one_organization_do_not_wait_with_a_connection_each(tmp_path: Path) -> None:
    """They all need its lock, which somebody holds."""
    with database_url("postgresql", tmp_path) as url:
        async with running_node(url) as node:
            hook = await node.webhook("https://example.invalid/", enabled=False)
            await node.call("POST", "/api/events", json={"type": "a.b", "data": {}}, org="other")
            held = Database(url)
            async with held.write() as conn:
                await organizations.lock(conn, "acme")
                changes = [
                    asyncio.create_task(
                        node.call("PATCH", f"/api/webhooks/{hook['id']}", json={"description": str(n)})
                    )
                    for n in range(MORE_THAN_THE_POOL_HAS)
                ]
                await asyncio.sleep(0.1)
                body = {"url": "https://example.invalid/", "events": ["*"]}
                made = await node.call("POST", "/api/webhooks", json=body, org="other")
                assert made.status_code == 201
            assert {(await change).status_code for change in changes} == {200}
            await held.close()


async def test_events_of_an_organization_that_has_changed_are_accepted_with_one_connection(
    tmp_path: Path,
) -> None:
    """Another node has changed it: the transaction that accepts the event is the first to see that."""
    with database_url("postgresql", tmp_path) as url:
        async with running_node(url) as here, running_node(url) as there:
            await here.send("a.b")
            there.key = here.key
            for n in range(3):
                await there.webhook("https://example.invalid/", ["a.b"], enabled=n % 2 == 0)
                accepted = await here.send("a.b")
                assert accepted["deliveries"] == (n + 2) // 2


async def test_a_key_for_an_organization_that_must_be_there(sqlite_database: str) -> None:
    async with running_node(sqlite_database, create_orgs="explicit") as node:
        answer = await node.call("POST", "/api/keys", json={"role": "viewer", "org_id": "nobody"}, org=None)
        assert (answer.status_code, answer.json()["error"]) == (404, "organization_unknown")

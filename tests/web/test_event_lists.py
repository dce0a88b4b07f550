"""Lists in commit order: whoever follows a cursor upwards sees each event exactly once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.domain.ids import new_id
from gateway.store import events as event_rows
from gateway.store.page import PageQuery
from tests.support.node import Node, running_node

pytestmark = pytest.mark.anyio


async def follow(node: Node, cursor: str | None, limit: int = 7) -> tuple[list[str], str | None]:
    """The ids from `cursor` to the present end of the ascending list, and the cursor there."""
    found: list[str] = []
    while True:
        params = {"order": "asc", "limit": limit} | ({"cursor": cursor} if cursor else {})
        answer = (await node.call("GET", "/api/events", params=params)).json()
        found += [event["id"] for event in answer["data"]]
        cursor = answer["next_cursor"] or cursor
        if len(answer["data"]) < limit:
            return found, cursor


async def test_whoever_follows_the_list_sees_each_event_once(any_database: str) -> None:
    async with running_node(any_database) as node:
        await _follow_producers(node)


async def _follow_producers(node: Node) -> None:
    async def produce() -> list[str]:
        return [(await node.send())["id"] for _ in range(25)]

    await node.send()
    seen, cursor = await follow(node, None)
    producers = asyncio.gather(*(produce() for _ in range(8)))
    rounds = 0
    while not producers.done():
        more, cursor = await follow(node, cursor)
        seen, rounds = seen + more, rounds + 1
    accepted = [event_id for ids in await producers for event_id in ids]
    async with asyncio.timeout(5):  # on PostgreSQL others' transactions may hold the horizon back a little
        while len(seen) <= len(accepted):
            more, cursor = await follow(node, cursor)
            seen += more
    assert rounds >= 1
    assert len(seen) == len(set(seen)) == 201
    assert set(accepted) == set(seen[1:])
    down = (await node.call("GET", "/api/events", params={"limit": 200})).json()
    last = (await node.call("GET", "/api/events", params={"cursor": down["next_cursor"]})).json()
    assert [e["id"] for e in down["data"] + last["data"]] == seen[::-1]
    assert last["next_cursor"] is None


async def test_a_follower_does_not_miss_what_commits_late(postgres_database: str) -> None:
    async with running_node(postgres_database) as node:
        await node.send()
        seen, cursor = await follow(node, None)
        store = node.gateway.store
        view = await node.gateway.directory.living("acme")
        now, late = node.gateway.clock.now(), new_id("evt", node.gateway.clock.now())
        sealed = view.organization.cipher.seal(late, "payload", b"{}")
        async with store.transaction() as tx:
            row = (late, await tx.position(), "acme", "late.event", now, now, None, None, 0, None, None, True,
                   None, 0, sealed)  # fmt: skip
            await event_rows.insert_events(tx.conn, [row])

            async def meanwhile() -> tuple[Any, ...]:
                sent = [(await node.send())["id"] for _ in range(3)]
                # The control: positions alone, no horizon.
                return sent, *await follow(node, cursor), *await _naive(node, None)

            early, more, cursor, naive, naive_after = await asyncio.create_task(meanwhile())
            seen += more
        more, _ = await follow(node, cursor)
        async with asyncio.timeout(5):
            while len(seen + more) < 5:
                more, _ = await follow(node, cursor)
        assert [*seen, *more].count(late) == 1
        assert set(seen + more) >= {late, *early}
        assert len(seen + more) == 5
        naive += (await _naive(node, naive_after))[0]
        assert set(early) < set(naive)
        assert late not in naive, "the control shows nothing"


async def _naive(node: Node, after: int | None) -> tuple[list[str], int]:
    async with node.gateway.store.reading() as conn:
        query = PageQuery(200, "asc", after, None)
        page = await event_rows.page(conn, "acme", query, type_=None, since=None, until=None)
    return [row.id for row in page.rows], page.rows[-1].position if page.rows else after or 0

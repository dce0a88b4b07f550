"""What the proofs of order and rate share: loads, nodes, and what contradicts the claim."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import select

from gateway.store import lanes
from gateway.store.tables import deliveries
from tests.support.node import Node
from tests.support.receiver import Behaviour, Received, Receiver, Wire, answer


def failing_sometimes(seed: int, share: float) -> Behaviour:
    """Answers 500 to that share of the requests, after a moment that differs."""
    chance = random.Random(seed)

    async def behave(wire: Wire, request: Received) -> bool:
        status, delay = (500 if chance.random() < share else 200), chance.random() * 0.005
        return await answer(status, delay=delay)(wire, request)

    return behave


async def positions(node: Node) -> dict[str, tuple[str, int]]:
    """Of each delivery with a key: the key, and its position."""
    column = deliveries.c
    async with node.gateway.store.looking_up() as conn:
        rows = await conn.execute(
            select(column.id, column.ordering_key, column.position).where(column.ordering_key.is_not(None))
        )
        return {row.id: (row.ordering_key, row.position) for row in rows}


def inversions(requests: Iterable[Received], known: dict[str, tuple[str, int]]) -> int:
    """How often a receiver got something of a key after something later of that key."""
    latest: dict[str, int] = defaultdict(int)
    found = 0
    for request in requests:
        delivery = request.header("X-HUM-Delivery")
        assert delivery is not None
        if delivery in known:
            key, position = known[delivery]
            found += position < latest[key]
            latest[key] = max(latest[key], position)
    return found


async def statuses(node: Node) -> dict[str, int]:
    async with node.gateway.store.looking_up() as conn:
        rows = await conn.execute(select(deliveries.c.status))
        found: dict[str, int] = defaultdict(int)
        for row in rows:
            found[row.status] += 1
        return found


async def until_over(node: Node, *, timeout: float, but: int = 0) -> dict[str, int]:
    """Waits until at most `but` deliveries are pending."""
    async with asyncio.timeout(timeout):
        while (found := await statuses(node)).get("pending", 0) > but:
            await asyncio.sleep(0.02)
    return found


async def send_lines(nodes: Sequence[Node], keys: int, each: int) -> None:
    """`each` events of every key, in turns; two batches at a time, to one node after the other."""

    async def send(node: Node, turn: int) -> None:
        events = [
            {"type": "t.x", "data": {"n": turn}, "ordering_key": f"key {number}"} for number in range(keys)
        ]
        for start in range(0, keys, 500):
            answer = await node.call(
                "POST", "/api/events/batch", json={"events": events[start : start + 500]}
            )
            assert answer.status_code == 202, answer.text

    for turn in range(0, each, 2):
        turns = range(turn, min(turn + 2, each))
        await asyncio.gather(*(send(nodes[number % len(nodes)], number) for number in turns))


async def owner_among(nodes: Sequence[Node], webhook_id: str) -> Node:
    """Which node serves the webhook."""
    async with asyncio.timeout(5):
        while True:
            async with nodes[0].gateway.store.looking_up() as conn:
                lease = await lanes.owner(conn, webhook_id)
            for node in nodes:
                if lease is not None and node.gateway.lease.id == lease:
                    return node
            await asyncio.sleep(0.02)


def most_in(window: float, receiver: Receiver) -> int:
    """The most requests that came within so many seconds."""
    moments = [request.at for request in receiver.requests]
    most = first = 0
    for last, moment in enumerate(moments):
        while moments[first] <= moment - window:
            first += 1
        most = max(most, last - first + 1)
    return most

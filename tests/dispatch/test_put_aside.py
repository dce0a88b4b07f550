"""What a job puts aside for a webhook that one node serves alone goes out, whoever serves it, if anybody."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import select, update

from gateway.dispatch import target
from gateway.dispatch.payloads import Payloads
from gateway.domain.delivery import DUE_QUEUE, LATER, is_leased, later_queue
from gateway.store import events, lanes
from gateway.store.tables import deliveries
from tests.dispatch.test_flow import Turnstile
from tests.support import lines
from tests.support.clock import until
from tests.support.node import Node, running_node
from tests.support.receiver import Receiver

pytestmark = pytest.mark.anyio

ONE_VOICE = pytest.mark.parametrize(
    "one_voice", [{"ordered": True}, {"rate_limit_per_second": 500}], ids=["ordered", "rate"]
)


async def accept(node: Node, count: int) -> None:
    events = [{"type": "t.x", "data": {"n": n}, "ordering_key": f"k{n % 3}"} for n in range(count)]
    answer = await node.call("POST", "/api/events/batch", json={"events": events})
    assert answer.status_code == 202, answer.text


async def order(node: Node, hook: dict[str, Any], what: str) -> None:
    answer = await node.call("POST", f"/api/webhooks/{hook['id']}/{what}", json={})
    assert answer.status_code == 202, answer.text


async def owner(node: Node, hook: dict[str, Any]) -> str | None:
    async with node.gateway.store.looking_up() as conn:
        return await lanes.owner(conn, hook["id"])


@ONE_VOICE
async def test_a_replay_to_a_webhook_that_nobody_serves_yet(
    any_database: str, one_voice: dict[str, Any]
) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        await accept(node, 20)
        hook = await node.webhook(receiver.url(), **one_voice)
        assert await owner(node, hook) is None
        await order(node, hook, "replay")
        got = await receiver.wait_for(20, timeout=10)
        assert sorted(q.json()["data"]["n"] for q in got) == list(range(20))
        assert await owner(node, hook) == node.gateway.lease.id
        assert await lines.until_over(node, timeout=5) == {"delivered": 20}


async def test_what_is_brought_in_together_is_read_together(
    any_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one by one as each starts beside events. Control: without that each is read for its own attempt."""
    read: list[int] = []
    original = events.payloads

    async def counting(conn: Any, ids: Any) -> Any:
        read.append(len(list(ids)))
        return await original(conn, ids)

    monkeypatch.setattr(events, "payloads", counting)
    async with Receiver() as receiver, running_node(any_database) as node:
        await accept(node, 20)
        hook = await node.webhook(receiver.url())
        await order(node, hook, "replay")
        await receiver.wait_for(20, timeout=10)
        assert await lines.until_over(node, timeout=5) == {"delivered": 20}
        together, read[:] = list(read), []
        monkeypatch.setattr(Payloads, "read_for", lambda self, owed: asyncio.sleep(0))
        other = await node.webhook(receiver.url("/other"))
        await order(node, other, "replay")
        await receiver.wait_for(40, timeout=10)
    assert (sum(together), len(together)) == (20, 1)
    assert len(read) > 5


@ONE_VOICE
async def test_a_redelivery_after_a_restart(sqlite_database: str, one_voice: dict[str, Any]) -> None:
    async with Receiver() as receiver:
        receiver.respond(404, times=10)
        async with running_node(sqlite_database, retry_schedule="1") as node:
            hook = await node.webhook(receiver.url(), **one_voice)
            await accept(node, 5)
            await receiver.wait_for(10, timeout=10)
            await lines.until_over(node, timeout=5)
        async with running_node(sqlite_database) as node:
            await order(node, hook, "redeliver")
            await receiver.wait_for(15, timeout=10)
            found = await lines.until_over(node, timeout=5)
            assert found == {"failed": 5, "delivered": 5}


@ONE_VOICE
async def test_what_a_node_orders_for_anothers_webhook(
    postgres_database: str, one_voice: dict[str, Any]
) -> None:
    async with Receiver() as receiver, running_node(postgres_database) as one:
        await accept(one, 20)
        hook = await one.webhook(receiver.url(), **one_voice)
        await one.send()
        await receiver.wait_for(1)
        assert await owner(one, hook) == one.gateway.lease.id
        async with running_node(postgres_database) as other:
            await order(other, hook, "replay")
            await receiver.wait_for(21, timeout=10)
            assert await owner(one, hook) == one.gateway.lease.id
            await until(lambda: not other.gateway.later._aside, "the other node leaves it alone")


async def queues(node: Node) -> dict[str, int]:
    """How many wait in the queues that are not a node's memory."""
    async with node.gateway.store.looking_up() as conn:
        found = await conn.execute(select(deliveries.c.queue).where(deliveries.c.queue.is_not(None)))
        return Counter(queue for queue in found.scalars() if not is_leased(queue))


async def test_of_what_jobs_made_little_falls_due_into_memory(
    any_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much of it is retried together: beside events it would fill the places of all for long."""
    monkeypatch.setattr(target, "MOST_LATER", 20)
    gate = Turnstile()
    async with Receiver() as receiver, running_node(any_database) as node:
        receiver.respond(500)
        hook = await node.webhook(receiver.url(), retry_schedule=[3600, 3600])
        await accept(node, 100)
        await receiver.wait_for(100, timeout=10)
        await until(lambda: node.gateway.dispatcher.kept == 0, "everything recorded")
        async with node.gateway.store.transaction() as tx:
            await tx.conn.execute(update(deliveries).values(priority=LATER))
        receiver.behave(gate)
        await order(node, hook, "retry")
        for _ in range(300):
            waiting = await queues(node)
            if waiting[DUE_QUEUE] == 0 and waiting[later_queue(hook["id"])] >= 70:
                break
            await asyncio.sleep(0.01)
        assert waiting[later_queue(hook["id"])] >= 70
        assert len(node.gateway.dispatcher.targets[hook["id"]].later) <= 20
        gate.answer_all()
        await receiver.wait_for(200, timeout=10)
        assert await lines.until_over(node, timeout=5) == {"delivered": 100}

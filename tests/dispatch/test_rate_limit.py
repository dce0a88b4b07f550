"""Proof C8, rate limits: kept and used, over all nodes, with retries, with order, across a crash."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.dispatch import lease as lease_module
from gateway.domain.exchange import Exchange
from gateway.store import deliveries as delivery_rows
from gateway.store import lanes as lane_rows
from gateway.store.tables import node_leases
from tests.dispatch.test_nodes import die, expire
from tests.dispatch.test_schedule import Log, rig
from tests.support import lines
from tests.support.clock import ManualClock, until
from tests.support.node import Node, running_node
from tests.support.receiver import Receiver

pytestmark = pytest.mark.anyio


async def send(node: Node, count: int, **fields: object) -> None:
    for start in range(0, count, 500):
        events = [{"type": "t.x", "data": {"n": n}, **fields} for n in range(start, min(count, start + 500))]
        answer = await node.call("POST", "/api/events/batch", json={"events": events})
        assert answer.status_code == 202, answer.text


class Failing(Log):
    """Answers 500 to a fifth of the requests."""

    async def post(self, url: str, *, headers: Sequence[tuple[str, str]], **_: Any) -> Exchange:
        refused = await super().post(url, headers=headers)
        return refused if self.rng.random() < 0.2 else Exchange(self.clock.now(), 0, status_code=200)


def most_in(window_ms: int, moments: list[int]) -> int:
    return max(sum(1 for m in moments if at <= m < at + window_ms) for at in moments)


@pytest.mark.proof
@pytest.mark.parametrize("ordered", [False, True])
async def test_ten_a_second_on_a_turned_clock(
    ordered: bool, sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With failures, whose retries count: every ten seconds see 10 a second ± 10 %."""
    monkeypatch.setattr(lease_module, "TRUSTED_SECONDS", 1e9)
    log = Failing(ManualClock(), random.Random(8))
    async with rig(sqlite_database, log) as node:
        await node.webhook(
            "http://127.0.0.1:9/", rate_limit_per_second=10, retry_schedule=[1] * 9, ordered=ordered
        )
        for number in range(2):
            events = [{"type": "t.x", "data": {}, "ordering_key": f"k{n % 40}"} for n in range(100)]
            answer = await node.call("POST", "/api/events/batch", json={"events": events})
            assert answer.status_code == 202, number
        begun = log.clock.now()
        await log.clock.advance(25)
    moments = sorted(moment for each in log.at.values() for moment in each)
    windows = [sum(1 for m in moments if at <= m < at + 10_000) for at in range(begun, begun + 15_000, 250)]
    print(
        f"C8 rate 10/s, ordered {ordered}: {min(windows)} to {max(windows)} attempts in any 10 s of 25,"
        f" {sum(len(each) - 1 for each in log.at.values())} of them retries"
    )
    assert 90 <= min(windows) <= max(windows) <= 110
    assert most_in(10_000, moments) <= 110


@asynccontextmanager
async def several(url: str, count: int) -> AsyncIterator[list[Node]]:
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(running_node(url, retry_schedule="1,1,1")) for _ in range(count)
        ]


async def over_two_nodes(url: str, receiver: Receiver, rate: int, seconds: float) -> float:
    """Both nodes accept more than the rate lets through; how many came per second, once it had begun."""
    async with several(url, 2) as nodes:
        hook = await nodes[0].webhook(receiver.url())
        await nodes[0].send()
        await receiver.wait_for(1)
        await nodes[0].call("PATCH", f"/api/webhooks/{hook['id']}", json={"rate_limit_per_second": rate})
        for node in nodes:
            await node.gateway.directory.refresh()
        await asyncio.gather(*(send(node, round(rate * seconds)) for node in nodes))
        await receiver.wait_for(5)
        before = len(receiver.requests)
        await asyncio.sleep(seconds)
        return (len(receiver.requests) - before) / seconds


@pytest.mark.proof
async def test_two_nodes_keep_one_rate(postgres_database: str) -> None:
    async with Receiver() as receiver:
        rate = await over_two_nodes(postgres_database, receiver, 40, 4.0)
        most = lines.most_in(2.0, receiver)
        print(f"C8 rate 40/s over two nodes: {rate:.1f}/s, at most {most} in any 2 s")
        assert 36 <= rate <= 44
        assert most <= 2.5 * 40 + 4


@pytest.mark.proof
async def test_control_when_ownership_is_ignored_the_rate_doubles(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def everybody(conn: object, wanted: dict[str, str], lease: str, now: int) -> set[str]:
        return set(wanted)

    async def for_everybody(
        conn: AsyncConnection, target_id: str, queue: str, lease: str, *, now: int, limit: int, below: Any
    ) -> Sequence[Any]:
        return await delivery_rows.claim(conn, queue, lease, now=now, limit=limit)

    monkeypatch.setattr(lane_rows, "take", everybody)
    monkeypatch.setattr(delivery_rows, "claim_own", for_everybody)
    async with Receiver() as receiver:
        rate = await over_two_nodes(postgres_database, receiver, 40, 2.0)
        print(f"C8 control, ownership ignored: {rate:.1f}/s instead of 40")
        assert rate > 60


@pytest.mark.proof
async def test_the_rate_holds_when_the_owner_is_killed(postgres_database: str) -> None:
    async with Receiver() as receiver, several(postgres_database, 2) as nodes:
        hook = await nodes[0].webhook(receiver.url())
        await nodes[0].send()
        await receiver.wait_for(1)
        await nodes[0].call("PATCH", f"/api/webhooks/{hook['id']}", json={"rate_limit_per_second": 40})
        for node in nodes:
            await node.gateway.directory.refresh()
            await send(node, 60)
        victim = await lines.owner_among(nodes, hook["id"])
        [survivor] = [node for node in nodes if node is not victim]
        await receiver.wait_for(20)
        assert survivor.gateway.dispatcher.in_flight == 0
        await die(victim)
        seen = len(receiver.requests)
        await asyncio.sleep(1.2)
        assert len(receiver.requests) == seen, "taken over while the lease still holds"
        await expire(survivor, victim.gateway.lease.id)
        await receiver.wait_for(121, timeout=10)
        assert await lines.owner_among([survivor], hook["id"]) is survivor
        most = lines.most_in(1.0, receiver)
        print(f"C8 the owner killed: at most {most} in any second at 40/s")
        assert most <= 1.5 * 40 + 4
        assert {"delivered"} == set(await lines.until_over(survivor, timeout=10))


async def test_a_node_that_loses_its_lease_is_silent_and_another_goes_on(postgres_database: str) -> None:
    async with Receiver() as receiver, several(postgres_database, 2) as nodes:
        hook = await nodes[0].webhook(receiver.url(), rate_limit_per_second=20)
        await send(nodes[0], 60)
        owner = await lines.owner_among(nodes, hook["id"])
        await receiver.wait_for(5)
        async with nodes[0].gateway.store.transaction() as tx:
            lost = owner.gateway.lease.id
            await tx.conn.execute(update(node_leases).where(node_leases.c.id == lost).values(expires_at=0))
        await receiver.wait_for(60, timeout=15)
        found = await lines.until_over(nodes[0], timeout=10)
        assert found == {"delivered": 60}
        assert lines.most_in(1.0, receiver) <= 2 * (20 * 1.5 + 2), "never more than two owners' worth"


async def test_a_limit_can_be_changed_and_taken_away_while_many_wait(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        hook = await node.webhook(receiver.url(), rate_limit_per_second=1)
        await send(node, 300)
        await receiver.wait_for(1)
        await asyncio.sleep(0.5)
        assert len(receiver.requests) <= 2
        path = f"/api/webhooks/{hook['id']}"
        changed = await node.call("PATCH", path, json={"rate_limit_per_second": 200})
        assert changed.json()["rate_limit_per_second"] == 200
        await receiver.wait_for(100, timeout=5)
        assert (await node.call("PATCH", path, json={"rate_limit_per_second": None})).status_code == 200
        await receiver.wait_for(300, timeout=5)
        assert lines.most_in(0.5, receiver) > 1
        await lines.until_over(node, timeout=5)
        await node.gateway.claims._lanes.look(set())
        async with node.gateway.store.looking_up() as conn:
            assert await lane_rows.owner(conn, hook["id"]) is None


async def test_a_limit_leaves_others_alone(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        await node.webhook(receiver.url("/slow"), ["t.*"], rate_limit_per_second=1)
        await node.webhook(receiver.url("/free"), ["t.*"])
        await send(node, 200)
        await receiver.wait_for(200, path="/free", timeout=8)
        assert len([q for q in receiver.requests if q.path == "/slow"]) <= 10


async def test_a_hold_goes_before_the_rate(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        receiver.respond(429, [("Retry-After", "1")], times=1)
        await node.webhook(receiver.url(), rate_limit_per_second=50, ordered=True)
        await send(node, 30)
        got = await receiver.wait_for(31, timeout=10)
        assert got[1].at - got[0].at > 0.95
        await until(lambda: node.gateway.dispatcher.kept == 0, "everything recorded")

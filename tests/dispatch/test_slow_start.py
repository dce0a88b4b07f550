"""After a pause a receiver gets one request first, then more with each success: after a hold, a release, an
enabling, a breaker."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.store import lanes
from tests.dispatch.test_nodes import until_delivered
from tests.support import lines
from tests.support.clock import until
from tests.support.node import Node, running_node
from tests.support.receiver import Behaviour, Received, Receiver, Wire, answer

pytestmark = pytest.mark.anyio


class Counting:
    """How many requests are being answered at once, at each arrival."""

    def __init__(self, delay: float = 0.03) -> None:
        self.delay = delay
        self.inside = 0
        self.seen: list[int] = []

    def behaviour(self) -> Behaviour:
        async def behave(wire: Wire, request: Received) -> bool:
            self.inside += 1
            self.seen.append(self.inside)
            try:
                return await answer(200, delay=self.delay)(wire, request)
            finally:
                self.inside -= 1

        return behave

    def assert_it_grows_from_one(self) -> None:
        """As many at once as there were successes before, and one more."""
        assert self.seen[0] == 1
        assert all(at_once <= number + 1 for number, at_once in enumerate(self.seen))
        assert max(self.seen) > 8, "it never came to many"


async def warm(node: Node, receiver: Receiver) -> None:
    """Until the webhook gets many at once."""
    events = [{"type": "t.x", "data": {}}] * 100
    await node.call("POST", "/api/events/batch", json={"events": events})
    await until_delivered(node, 100)
    await until(lambda: node.gateway.dispatcher.kept == 0, "everything recorded")
    [target] = node.gateway.dispatcher.targets.values()
    assert target.limit > 30


async def burst(node: Node, count: int = 80) -> None:
    await node.call("POST", "/api/events/batch", json={"events": [{"type": "t.x", "data": {}}] * count})


async def test_after_a_hold(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        await node.webhook(receiver.url())
        await warm(node, receiver)
        receiver.respond(429, [("Retry-After", "1")], times=1)
        await node.send()
        await receiver.wait_for(101)
        counting = Counting()
        receiver.behave(counting.behaviour())
        await burst(node)
        await until_delivered(node, 181)
        counting.assert_it_grows_from_one()


async def test_after_enabling_oldest_first(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        hook = await node.webhook(receiver.url())
        await warm(node, receiver)
        receiver.respond(410, times=1)
        await node.send()
        await receiver.wait_for(101)
        path = f"/api/webhooks/{hook['id']}"
        while (await node.call("GET", path)).json()["status"] == "enabled":
            await asyncio.sleep(0.01)
        for number in range(80):
            await node.send("t.x", {"n": number})
        counting = Counting()
        receiver.behave(counting.behaviour())
        assert (await node.call("POST", f"{path}/enable")).status_code == 200
        await until_delivered(node, 181)
        counting.assert_it_grows_from_one()
        numbers = [q.json()["data"].get("n", -1) for q in receiver.requests[101:]]
        assert numbers[:3] == [-1, 0, 1]
        assert all(abs(n - place + 1) <= 64 for place, n in enumerate(numbers)), "not the oldest first"


async def test_after_a_breaker_closed(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database, retry_schedule="1,1,1,1") as node:
        await node.webhook(receiver.url())
        await warm(node, receiver)
        [target] = node.gateway.dispatcher.targets.values()
        host, port = receiver.host, receiver.port
        await receiver.__aexit__(None, None, None)
        await burst(node, 20)
        await until(lambda: target.breaker.open, "an open breaker")
        async with Receiver(host=host, port=port) as back:
            counting = Counting()
            back.behave(counting.behaviour())
            await burst(node)
            await until_delivered(node, 200)
            counting.assert_it_grows_from_one()


async def until_held(node: Node) -> None:
    """Until the hold is written down, for every node to see."""
    async with asyncio.timeout(5):
        while True:
            async with node.gateway.store.looking_up() as conn:
                if await lanes.held(conn, node.gateway.clock.now()):
                    return
            await asyncio.sleep(0.01)


async def test_release_ends_a_hold_on_every_node(postgres_database: str) -> None:
    async with (
        Receiver() as receiver,
        running_node(postgres_database) as one,
        running_node(postgres_database) as other,
    ):
        hook = await one.webhook(receiver.url())
        receiver.respond(429, [("Retry-After", "3000")], times=1)
        await one.send("t.x", {"n": 0})
        await until_held(one)
        await other.gateway.claims._look_around()
        await other.send("t.x", {"n": 1})
        answered = await other.call("POST", f"/api/webhooks/{hook['id']}/release")
        assert answered.status_code == 200
        assert answered.json()["id"] == hook["id"]
        await receiver.wait_for(3, timeout=8)
        await until_delivered(one, 2)


@pytest.mark.parametrize("ordered", [False, True])
async def test_release_sends_what_was_held_at_once(any_database: str, ordered: bool) -> None:
    async with Receiver() as receiver, running_node(any_database, retry_schedule="3600") as node:
        hook = await node.webhook(receiver.url(), ordered=ordered)
        receiver.respond(500, times=1)
        await node.send("t.x", {"n": "later"}, ordering_key="other")
        await receiver.wait_for(1)
        await lines.until_over(node, timeout=5, but=1)
        receiver.respond(503, [("Retry-After", "3000")], times=1)
        await node.send("t.x", {"n": 0}, ordering_key="k")
        await until_held(node)
        await node.send("t.x", {"n": 1}, ordering_key="k")
        for _ in range(2):  # twice: the second finds no hold
            answered = await node.call("POST", f"/api/webhooks/{hook['id']}/release")
            assert answered.status_code == 200
        got = await receiver.wait_for(4, timeout=4)
        assert sorted(q.json()["data"]["n"] for q in got[2:]) == [0, 1]
        assert not ordered or [q.json()["data"]["n"] for q in got[2:]] == [0, 1]
        found = await lines.until_over(node, timeout=5, but=1)
        assert found == {"pending": 1, "delivered": 2}, "a retry keeps its time"


async def test_release_sends_what_a_job_made_too(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database, retry_schedule="3600") as node:
        for n in range(3):
            await node.send("t.x", {"n": n})
        hook = await node.webhook(receiver.url())
        receiver.respond(503, [("Retry-After", "3000")], times=1)
        replay = await node.call("POST", f"/api/webhooks/{hook['id']}/replay", json={})
        assert replay.status_code == 202
        await until_held(node)
        answered = await node.call("POST", f"/api/webhooks/{hook['id']}/release")
        assert answered.status_code == 200
        got = await receiver.wait_for(4, timeout=8)
        assert sorted(q.json()["data"]["n"] for q in got[1:]) == [0, 1, 2]
        assert await lines.until_over(node, timeout=5) == {"delivered": 3}


async def test_who_may_release(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        hook = await node.webhook(receiver.url())
        path = f"/api/webhooks/{hook['id']}/release"
        assert (await node.call("POST", path, key=await node.new_key("operator"))).status_code == 403
        assert (await node.call("POST", "/api/webhooks/whk_x/release")).status_code == 404
        answered = await node.call("POST", path, key=await node.new_key("admin"))
        assert (answered.status_code, answered.json()["status"]) == (200, "enabled")


async def hold(node: Node, receiver: Receiver, hook: dict[str, Any]) -> None:
    """The receiver asks for most of an hour; what comes now waits."""
    receiver.respond(429, [("Retry-After", "3000")], times=1)
    await node.send("t.x", {"n": 0})
    await until_held(node)
    await node.send("t.x", {"n": 1})


async def test_another_origin_has_asked_for_nothing(any_database: str) -> None:
    async with Receiver() as old, Receiver() as new, running_node(any_database) as node:
        hook = await node.webhook(old.url("/here"))
        await hold(node, old, hook)
        path = f"/api/webhooks/{hook['id']}"
        assert (await node.call("PATCH", path, json={"url": old.url("/there")})).status_code == 200
        assert await lanes_held(node) == {hook["id"]}, "the same receiver under another path"
        assert (await node.call("PATCH", path, json={"url": new.url()})).status_code == 200
        got = await new.wait_for(2, timeout=4)
        assert sorted(q.json()["data"]["n"] for q in got) == [0, 1]
        assert await lanes_held(node) == set()
        assert len(old.requests) == 1


@pytest.mark.parametrize("by", ["PATCH", "enable"])
async def test_enabling_ends_a_hold(any_database: str, by: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        hook = await node.webhook(receiver.url())
        await hold(node, receiver, hook)
        path = f"/api/webhooks/{hook['id']}"
        assert (await node.call("POST", f"{path}/disable")).status_code == 200
        if by == "PATCH":
            await node.call("PATCH", path, json={"enabled": True})
        else:
            await node.call("POST", f"{path}/enable")
        await receiver.wait_for(3, timeout=4)
        assert await lanes_held(node) == set()


@pytest.mark.parametrize(
    ("status", "headers"), [(429, [("Retry-After", "3000")]), (410, [])], ids=["a pause", "gone"]
)
async def test_a_late_answer_of_the_former_origin_counts_for_nothing(
    any_database: str, status: int, headers: list[tuple[str, str]]
) -> None:
    async with Receiver() as old, Receiver() as new, running_node(any_database, retry_schedule="1") as node:
        old.respond(status, headers, delay=0.5)
        hook = await node.webhook(old.url())
        await node.send()
        await old.wait_for(1)
        moved = await node.call("PATCH", f"/api/webhooks/{hook['id']}", json={"url": new.url()})
        assert moved.status_code == 200
        await new.wait_for(1, timeout=5)
        await until_delivered(node, 1)
        assert await lanes_held(node) == set()
        assert (await node.call("GET", f"/api/webhooks/{hook['id']}")).json()["status"] == "enabled"


async def lanes_held(node: Node) -> set[str]:
    async with node.gateway.store.looking_up() as conn:
        return set(await lanes.held(conn, node.gateway.clock.now()))

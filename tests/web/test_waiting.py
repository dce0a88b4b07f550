"""A webhook that is held says so, and a delivery that waits says what for. On both databases."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.clock import parse_time
from tests.support import lines
from tests.support.node import Node, running_node
from tests.support.receiver import Receiver

pytestmark = pytest.mark.anyio


async def get(node: Node, path: str, **kw: Any) -> dict[str, Any]:
    answer = await node.call("GET", path, **kw)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def why(node: Node, delivery: dict[str, Any], reason: str) -> dict[str, Any]:
    """What the delivery waits for, once it is that."""
    async with asyncio.timeout(8):
        while True:
            found = (await node.delivery(delivery["id"]))["waiting_for"]
            if found is not None and found["reason"] == reason:
                told: dict[str, Any] = found
                return told
            await asyncio.sleep(0.02)


async def test_a_hold_is_seen_until_it_is_released(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        receiver.respond(429, [("Retry-After", "3000")], times=1)
        hook = await node.webhook(receiver.url())
        other = await node.webhook(receiver.url("/other"), ["none.*"])
        path = f"/api/webhooks/{hook['id']}"
        assert hook["held_until"] is None
        not_held = await node.call("POST", f"{path}/release")
        assert not_held.json()["was_held_until"] is None
        await node.send("t.x", {"n": 0})
        await receiver.wait_for(1)
        while (held := await get(node, path))["held_until"] is None:
            await asyncio.sleep(0.01)
        await node.send("t.x", {"n": 1})
        until = held["held_until"]
        assert parse_time(until) - node.gateway.clock.now() > 2_900_000
        assert (held["status"], held["enabled"]) == ("enabled", True)
        listed = {one["id"]: one["held_until"] for one in (await get(node, "/api/webhooks"))["data"]}
        assert listed == {hook["id"]: until, other["id"]: None}
        tried, untried = await node.deliveries()
        for delivery in (tried, untried):
            told = await why(node, delivery, "hold")
            assert told["until"] == until
            assert until in told["message"]
        released = await node.call("POST", f"{path}/release")
        assert (released.json()["was_held_until"], released.json()["held_until"]) == (until, None)
        await receiver.wait_for(3)
        await lines.until_over(node, timeout=5)
        assert (await node.delivery(untried["id"]))["waiting_for"] is None


async def test_what_a_delivery_waits_for(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database, retry_schedule="3600") as node:
        receiver.respond(500)
        await node.webhook(receiver.url(), ["time.*"])
        await node.webhook(receiver.url(), ["order.*"], ordered=True)
        await node.webhook(receiver.url(), ["rate.*"], rate_limit_per_second=1)
        await node.webhook("http://127.0.0.1:9/", ["silent.*"])
        for _ in range(2):
            await node.send("order.x", ordering_key="k")
        await node.send("time.x")
        for kind, count in (("rate", 400), ("silent", 30)):
            events = [{"type": f"{kind}.x", "data": {}}] * count
            await node.call("POST", "/api/events/batch", json={"events": events})
        [timed] = await node.deliveries(type="time.x")
        _, second = await node.deliveries(type="order.x")
        [limited] = await node.deliveries(type="rate.x", order="desc", limit=1)
        [silent] = await node.deliveries(type="silent.x", order="desc", limit=1)
        told = await why(node, timed, "time")
        assert told["until"] == (await node.delivery(timed["id"]))["next_attempt_at"]
        assert (await why(node, second, "order"))["until"] is None
        assert "at most 1 a second" in (await why(node, limited, "rate"))["message"]
        assert "no answer" in (await why(node, silent, "no_answer"))["message"]


async def test_a_disabled_webhook_is_the_reason(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        receiver.respond(410)
        await node.webhook(receiver.url())
        await node.send()
        await receiver.wait_for(1)
        [delivery] = await node.deliveries()
        assert (await why(node, delivery, "disabled"))[
            "message"
        ] == "the webhook is disabled (gone): enable it"


async def test_a_platform_webhook_is_held_and_released_alike(sqlite_database: str) -> None:
    async with Receiver() as receiver, running_node(sqlite_database) as node:
        receiver.respond(503, [("Retry-After", "3000")], times=1)
        body = {"url": receiver.url(), "events": ["t.x"]}
        made = (await node.call("POST", "/api/platform/webhooks", json=body, org=None)).json()
        await node.send("t.x")
        path = f"/api/platform/webhooks/{made['id']}"
        while (held := await get(node, path, org=None))["held_until"] is None:
            await asyncio.sleep(0.01)
        [listed] = (await get(node, "/api/platform/webhooks", org=None))["data"]
        assert listed["held_until"] == held["held_until"]
        released = (await node.call("POST", f"{path}/release", org=None)).json()
        assert (released["was_held_until"], released["held_until"]) == (held["held_until"], None)

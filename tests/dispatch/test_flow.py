"""How much goes where at once: caps, breaker, spilling into the database, fairness, and changes meanwhile."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import func, select

from gateway.dispatch import claims, dispatcher, places, stock, target
from gateway.dispatch.stock import Stock
from gateway.signing import verify
from gateway.store.tables import deliveries
from tests.support import receiver as r
from tests.support.clock import until
from tests.support.node import Node, running_node
from tests.support.receiver import Received, Receiver, Wire

pytestmark = pytest.mark.anyio


class Turnstile:
    """A behaviour that answers when told to, and knows how many stood before it at once."""

    def __init__(self) -> None:
        self.open = 0
        self.most = 0
        self._statuses: asyncio.Queue[int] = asyncio.Queue()
        self._always: int | None = None

    async def __call__(self, wire: Wire, request: Received) -> bool:
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            status = await self._statuses.get() if self._always is None else self._always
        finally:
            self.open -= 1
        return await r.answer(status)(wire, request)

    def answer(self, *statuses: int) -> None:
        for status in statuses:
            self._statuses.put_nowait(status)

    def answer_all(self, status: int = 200) -> None:
        self._always = status
        self.answer(*[status] * self.open)


async def send_many(node: Node, count: int, type_: str = "test.event", org: str = "acme") -> list[str]:
    ids: list[str] = []
    for first in range(0, count, 1000):
        events = [{"type": type_, "data": {"n": n}} for n in range(first, min(first + 1000, count))]
        answer = await node.call("POST", "/api/events/batch", json={"events": events}, org=org)
        assert answer.status_code == 202, answer.text
        ids += [item["id"] for item in answer.json()["data"]]
    return ids


async def states(node: Node, webhook: dict[str, Any]) -> Counter[str]:
    """How many deliveries of the webhook are in which state, in_flight counted apart."""
    async with node.gateway.store.reading() as conn:
        column = deliveries.c
        query = select(column.status, column.queue, func.count()).where(column.target_id == webhook["id"])
        rows = await conn.execute(query.group_by(column.status, column.queue))
        found: Counter[str] = Counter()
        for status, queue, count in rows:
            found["in_flight" if (queue or "").startswith("lse_") else status] += count
    return found


async def patch(node: Node, webhook: dict[str, Any], **changes: Any) -> None:
    answer = await node.call("PATCH", f"/api/webhooks/{webhook['id']}", json=changes)
    assert answer.status_code == 200, answer.text


async def test_one_request_at_a_time_until_the_first_2xx(sqlite_database: str) -> None:
    async with Receiver() as receiver, running_node(sqlite_database, retry_schedule="86400") as node:
        stile = Turnstile()
        receiver.behave(stile)
        await node.webhook(receiver.url())
        await send_many(node, 20)
        for number, status in enumerate((500, 404, 302, 200), 1):
            await receiver.wait_for(number)
            assert stile.most == 1
            stile.answer(status)
        await until(lambda: stile.open > 1, "several at once after the first success")
        stile.answer_all()
        await receiver.wait_for(20)


async def test_no_webhook_gets_more_at_once_than_its_cap(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target, "MOST_AT_ONCE", 8)
    async with Receiver() as receiver, running_node(sqlite_database) as node:
        stile = Turnstile()
        receiver.behave(stile)
        await node.webhook(receiver.url())
        await send_many(node, 120)
        for number in range(20):
            await receiver.wait_for(number + 1)
            stile.answer(200)
        await until(lambda: stile.open == 8, "eight at once")
        await receiver.wait_for(28)
        stile.answer_all()
        await receiver.wait_for(120)
        assert stile.most == 8


async def test_hung_endpoints_take_one_place_each_and_delay_nobody(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        receiver.behave(r.silence(), path="/hung")
        for _ in range(5):
            await node.webhook(receiver.url("/hung"))
        await node.webhook(receiver.url("/healthy"))
        await send_many(node, 200)
        await receiver.wait_for(200, path="/healthy", timeout=15)
        paths = Counter(request.path for request in receiver.requests)
        assert paths == {"/healthy": 200, "/hung": 5}, "the hung ones' timeouts were waited for"


async def test_an_open_breaker_burns_no_attempts_and_any_answer_closes_it(any_database: str) -> None:
    async with (
        Receiver() as receiver,
        running_node(any_database, retry_schedule=",".join(["1"] * 20)) as node,
    ):
        receiver.behave(r.close_without_answer())
        hook = await node.webhook(receiver.url())
        await send_many(node, 40)
        await receiver.wait_for(10)
        receiver.behave(r.answer(500), times=1)  # the probe's: an answer, if no success
        receiver.respond(200)
        requests = await receiver.wait_for(51, timeout=15)
        await until(lambda: node.gateway.dispatcher.kept == 0, "everything recorded")
        gaps = [after.at - before.at for before, after in pairwise(requests[9:12])]
        assert gaps[0] > 0.9, "an attempt while the breaker was open"
        assert gaps[1] < 0.9, "the answer did not close it"
        assert await states(node, hook) == {"delivered": 40}
        made = Counter(d["attempts_made"] for d in await node.deliveries())
        assert made.total() == 40
        assert sum(attempts * count for attempts, count in made.items()) == 51  # ten silent, one 500, 40 good


async def test_what_does_not_fit_into_memory_waits_in_the_database_and_arrives(
    any_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    most_kept = 0
    keep = Stock.keep

    def watched(self: Stock, of: target.Target) -> None:
        nonlocal most_kept
        keep(self, of)
        most_kept = max(most_kept, self.kept)

    monkeypatch.setattr(Stock, "keep", watched)
    monkeypatch.setattr(stock, "MOST_IN_MEMORY", 60)
    monkeypatch.setattr(stock, "SHARE_OF_EACH", 10)
    for module in (dispatcher, claims):
        monkeypatch.setattr(module, "LOW_WATER", 10)
    monkeypatch.setattr(stock, "MOST_PER_TARGET", 50)
    monkeypatch.setattr(claims, "REFILL", 30)
    monkeypatch.setattr(claims, "BATCH", 20)
    async with Receiver() as stopped:
        port = stopped.port
    schedule = ",".join(["1"] * 20)
    async with running_node(any_database, retry_schedule=schedule) as node:
        hook = await node.webhook(f"http://127.0.0.1:{port}/")
        ids = await send_many(node, 2000)
        found = await states(node, hook)
        assert found["in_flight"] <= 50
        assert found["pending"] >= 1950, "accepted, but neither in memory nor in the database's queue"
        async with Receiver(port=port) as receiver:
            await receiver.wait_for(2000, timeout=30)
            await until(lambda: node.gateway.dispatcher.kept == 0, "everything recorded")
            assert await states(node, hook) == {"delivered": 2000}
            assert Counter(q.header("webhook-id") for q in receiver.requests) == Counter(ids)
    assert 0 < most_kept <= 50
    print(f"spill: 2000 accepted, at most {most_kept} in memory (bound 50)")


async def test_an_event_goes_to_each_of_ten_webhooks_once(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        for number in range(10):
            await node.webhook(receiver.url(f"/{number}"))
        sent = await node.send()
        assert sent["deliveries"] == 10
        await receiver.wait_for(10)
        await until(lambda: node.gateway.dispatcher.kept == 0, "everything recorded")
        assert sorted(q.path for q in receiver.requests) == [f"/{n}" for n in range(10)]
        assert len({q.header("X-HUM-Delivery") for q in receiver.requests}) == 10


async def test_one_organizations_backlog_does_not_delay_anothers_first_attempt(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "MOST_IN_FLIGHT", 8)
    async with Receiver() as receiver, running_node(sqlite_database) as node:
        receiver.respond(200, path="/big", delay=0.01)
        for _ in range(3):
            await node.webhook(receiver.url("/big"))
        answer = await node.call(
            "POST", "/api/webhooks", org="small", json={"url": receiver.url("/small"), "events": ["*"]}
        )
        assert answer.status_code == 201, answer.text
        await send_many(node, 1500)
        await receiver.wait_for(50)
        await send_many(node, 1, org="small")
        before = len(receiver.requests)
        await receiver.wait_for(1, path="/small")
        overtaken_by = len(receiver.requests) - 1 - before
        assert overtaken_by <= 24, "more than the places in flight went first"
        assert node.gateway.dispatcher.kept > 3000
        print(f"fairness: {overtaken_by} of {node.gateway.dispatcher.kept} waiting went before the small one")


async def queue_behind_one(node: Node, receiver: Receiver, stile: Turnstile, **fields: Any) -> dict[str, Any]:
    """A webhook whose receiver is busy with the first of thirty deliveries."""
    receiver.behave(stile, path="/hook")
    hook = await node.webhook(receiver.url("/hook"), ["a.*"], **fields)
    await node.webhook(receiver.url("/beacon"), ["b.*"])
    await send_many(node, 30, "a.n")
    await receiver.wait_for(1, path="/hook")
    return hook


async def nothing_more_comes(node: Node, receiver: Receiver, path: str, count: int) -> None:
    """Memory is empty and another webhook's later events have arrived: so would those of `path`."""
    await until(lambda: node.gateway.dispatcher.kept == 0, "an empty memory")
    for number in range(1, 4):
        await node.send("b.n")
        await receiver.wait_for(number, path="/beacon")
    assert len(await receiver.wait_for(0, path=path)) == count


async def test_disabling_keeps_what_is_queued_and_enabling_delivers_it(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        stile = Turnstile()
        hook = await queue_behind_one(node, receiver, stile)
        await patch(node, hook, enabled=False)
        stile.answer_all()
        await nothing_more_comes(node, receiver, "/hook", 1)
        assert await states(node, hook) == {"delivered": 1, "pending": 29}
        assert {d["status"] for d in await node.deliveries(type="a.n")} == {"delivered", "pending"}
        assert (await node.send("a.n"))["deliveries"] == 0, "disabled by a person: makes no deliveries"
        await patch(node, hook, enabled=True)
        got = await receiver.wait_for(30, path="/hook")
        await until(lambda: node.gateway.dispatcher.kept == 0, "everything recorded")
        assert await states(node, hook) == {"delivered": 30}
        assert len({q.header("webhook-id") for q in got}) == 30


async def test_deleting_cancels_what_is_queued_and_keeps_the_history(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        stile = Turnstile()
        hook = await queue_behind_one(node, receiver, stile)
        answer = await node.call("DELETE", f"/api/webhooks/{hook['id']}")
        assert answer.status_code == 204
        stile.answer_all()
        await nothing_more_comes(node, receiver, "/hook", 1)
        assert await states(node, hook) == {"cancelled": 30}
        first = await node.delivery(str(receiver.requests[0].header("X-HUM-Delivery")))
        assert [a["status_code"] for a in first["attempts"]] == [200], "the attempt did happen"
        assert (await node.send("a.n"))["deliveries"] == 0


async def test_deleting_a_webhook_that_is_held_frees_its_memory(sqlite_database: str) -> None:
    async with Receiver() as receiver, running_node(sqlite_database) as node:
        stile = Turnstile()
        hook = await queue_behind_one(node, receiver, stile)
        receiver.respond(429, [("Retry-After", "3600")], path="/hook")
        held = node.gateway.dispatcher.targets[hook["id"]]
        stile.answer(500)
        await until(lambda: held.held_until > 0, "the hold")
        assert node.gateway.dispatcher.kept > 0
        await node.call("DELETE", f"/api/webhooks/{hook['id']}")
        await nothing_more_comes(node, receiver, "/hook", 2)
        assert (await states(node, hook))["cancelled"] == 30


async def test_an_edit_holds_for_what_is_queued_already(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        stile = Turnstile()
        hook = await queue_behind_one(node, receiver, stile, headers={"X-Env": "old"})
        await patch(node, hook, url=receiver.url("/moved"), headers={"X-Env": "new"})
        stile.answer_all()
        moved = await receiver.wait_for(29, path="/moved")
        await nothing_more_comes(node, receiver, "/hook", 1)
        assert {q.header("X-Env") for q in moved} == {"new"}
        for request in moved:
            assert verify(request.body, request.headers, hook["secret"]).scheme == "standard"
        assert await states(node, hook) == {"delivered": 30}


async def test_a_draining_node_leaves_the_database_alone(sqlite_database: str) -> None:
    """A retry falls due while the node waits for a slow receiver: it is somebody else's now."""
    async with Receiver() as receiver, running_node(sqlite_database, retry_schedule="1") as node:
        receiver.respond(500, path="/due", times=1)
        receiver.respond(200, path="/slow", delay=1.5)
        await node.webhook(receiver.url("/due"), ["due.*"])
        await node.webhook(receiver.url("/slow"), ["slow.*"])
        await node.send("due.x")
        await receiver.wait_for(1)
        await until(lambda: node.gateway.dispatcher.kept == 0, "the failure recorded")
        await node.send("slow.x")
        await receiver.wait_for(1, path="/slow")
        before = node.gateway.metrics.sql_statements._value.get()
        node.gateway.drain()
        await until(lambda: node.gateway.dispatcher.kept == 0, "the slow one recorded")
        statements = node.gateway.metrics.sql_statements._value.get() - before
        assert len(receiver.requests) == 2
        assert statements < 40, "the claims ask in a circle while nothing may be taken up"

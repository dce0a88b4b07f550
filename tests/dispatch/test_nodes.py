"""Several nodes on one PostgreSQL: who may send, what becomes of a dead node's work, who hears of changes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.outcome import Outcome
from gateway.errors import Overloaded
from gateway.ingest import plan
from gateway.store import deliveries as deliveries_rows
from gateway.store.tables import deliveries, node_leases
from tests.support.clock import until
from tests.support.node import Node, running_node
from tests.support.receiver import Receiver

pytestmark = pytest.mark.anyio

Pair = tuple[Node, Node]


async def die(node: Node) -> None:
    """Like a crash: everything stops where it is, nothing is given back, nothing more is written."""
    node.gateway.dispatcher.stopping = True
    tasks = [*node.gateway._tasks, *node.gateway.dispatcher._tasks]
    for committer in node.gateway._committers():
        assert committer._task is not None
        tasks.append(committer._task)
    waiting = set(tasks)
    while waiting:  # an attempt takes the first cancellation for the end of its exchange
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=0.05)
    await node.gateway.client.close()

    async def nothing(*_: Any) -> None:
        pass

    node.gateway.stop = nothing  # type: ignore[method-assign,assignment]


async def expire(node: Node, lease: str) -> None:
    """The lease ends now, instead of after 15 s. `node` is any node on the database."""
    async with node.gateway.store.transaction() as tx:
        await tx.conn.execute(update(node_leases).where(node_leases.c.id == lease).values(expires_at=0))


async def rows(node: Node) -> list[Any]:
    async with node.gateway.store.reading() as conn:
        return list((await conn.execute(select(deliveries).order_by(deliveries.c.position))).all())


async def until_delivered(node: Node, count: int, *, timeout: float = 15) -> list[Any]:
    async with asyncio.timeout(timeout):
        while True:
            found = await rows(node)
            if sum(row.status == "delivered" for row in found) == count:
                return found
            await asyncio.sleep(0.02)


async def test_a_dead_nodes_deliveries_are_taken_over_when_its_lease_ends(postgres_database: str) -> None:
    async with Receiver() as receiver, running_node(postgres_database) as survivor:
        receiver.respond(200, delay=60)
        async with running_node(postgres_database) as victim:
            hook = await victim.webhook(receiver.url())
            sent = [(await victim.send())["id"] for _ in range(20)]
            await receiver.wait_for(1)
            await die(victim)
        lease = victim.gateway.lease.id
        assert {row.queue for row in await rows(survivor)} == {lease}
        receiver.respond(200)
        await survivor.gateway.claims._look_around()
        assert len(receiver.requests) == 1, "taken over while the lease still holds"
        await expire(survivor, lease)
        await receiver.wait_for(21, timeout=10)
        found = await until_delivered(survivor, 20)
        assert {row.attempts_made for row in found} == {1}
        assert {q.header("webhook-id") for q in receiver.requests} == set(sent)
        rescued = survivor.gateway.metrics.duplicates_possible.labels("rescue")._value.get()
        assert rescued == 20
        assert (await survivor.call("GET", f"/api/webhooks/{hook['id']}")).status_code == 200


async def test_a_stale_outcome_is_refused(postgres_database: str) -> None:
    """A node is cut off while it waits for an answer; another takes over; then the answer comes."""
    async with Receiver() as receiver:
        receiver.respond(500, delay=1.5, times=1)
        async with (
            running_node(postgres_database, retry_schedule="86400") as slow,
            running_node(postgres_database) as quick,
        ):
            await slow.webhook(receiver.url())
            await slow.send()
            await receiver.wait_for(1)
            await expire(quick, slow.gateway.lease.id)
            await receiver.wait_for(2)
            [row] = await until_delivered(quick, 1)
            await until(lambda: slow.gateway.dispatcher.in_flight == 0, "the late answer")
            await until(lambda: slow.gateway.dispatcher.kept == 0, "the stale outcome judged")
            assert [tuple(after) for after in await rows(quick)] == [tuple(row)]
            delivery = await quick.delivery(row.id)
            assert [a["status_code"] for a in delivery["attempts"]] == [200]
            stale = slow.gateway.metrics.attempts.labels("stale")._value.get()
            assert stale == 1


async def test_a_node_that_lost_its_lease_forgets_takes_a_new_one_and_goes_on(postgres_database: str) -> None:
    async with Receiver() as receiver, running_node(postgres_database) as node:
        receiver.respond(200, delay=4, times=1)
        await node.webhook(receiver.url())
        for _ in range(10):
            await node.send()
        await receiver.wait_for(1)  # one at a time before the first 2xx: nine wait in memory
        before = node.gateway.lease.id
        await expire(node, before)
        await until(lambda: node.gateway.lease.id != before, "a new lease", timeout=8)
        await node.send()
        found = await until_delivered(node, 11)
        assert {row.attempts_made for row in found} == {1}
        sent = Counter(q.header("X-HUM-Delivery") for q in receiver.requests)
        assert sum(sent.values()) <= 12, "more than the one under way was sent twice"
        assert node.gateway.dispatcher.kept == 0
        assert node.gateway.not_ready() is None


async def test_deliveries_of_a_lost_lease_are_never_started(postgres_database: str) -> None:
    """The dispatcher's trouble with the database outlives the lease: what it retries then is not its own."""
    async with Receiver() as receiver, running_node(postgres_database) as node:
        await node.webhook(receiver.url(), ["a.*"])
        await node.webhook(receiver.url("/beacon"), ["b.*"])
        attempts = node.gateway.dispatcher._attempts
        troubled = asyncio.Event()

        class Troubled:
            sending, commits = attempts.sending, attempts.commits

            async def make(self, owed: Any, target: Any, learned: Callable[[], None]) -> Outcome | None:
                learned()
                troubled.set()
                raise RuntimeError("the directory could not be read")

        node.gateway.dispatcher._attempts = Troubled()  # type: ignore[assignment]
        await node.send("a.n")
        await troubled.wait()
        node.gateway.dispatcher._attempts = attempts
        await node.gateway.dispatcher.lose()
        before = node.gateway.lease.id
        await node.gateway.lease.take()
        await until(lambda: node.gateway.dispatcher.kept == 0, "the old one forgotten")
        await node.send("b.n")
        await receiver.wait_for(1, path="/beacon")
        assert await receiver.wait_for(0, path="/") == []
        await expire(node, before)
        await receiver.wait_for(1, path="/", timeout=8)


@pytest.mark.parametrize("lost", ["claim", "accept"])
async def test_a_commit_whose_answer_is_lost_leaves_nothing_stuck(
    lost: str, postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection breaks during COMMIT: the rows are leased to this node, and this node does not know."""
    async with Receiver() as receiver, running_node(postgres_database, retry_schedule="1") as node:
        receiver.respond(500, times=1)
        await node.webhook(receiver.url())
        breaks = asyncio.Event()
        owner: Any = deliveries_rows if lost == "claim" else plan
        name = "claim" if lost == "claim" else "insert_deliveries"
        does, write = getattr(owner, name), node.gateway.store.database.write

        async def then_break(*args: Any, **kw: Any) -> Any:
            done = await does(*args, **kw)
            if done or lost == "accept":
                breaks.set()
            return done

        @asynccontextmanager
        async def breaking() -> AsyncIterator[AsyncConnection]:
            async with write() as conn:
                yield conn
            if breaks.is_set() and getattr(owner, name) is then_break:
                monkeypatch.setattr(owner, name, does)
                raise Overloaded("connection was closed in the middle of operation")

        monkeypatch.setattr(owner, name, then_break)
        monkeypatch.setattr(node.gateway.store.database, "write", breaking)
        await node.send()
        [row] = await until_delivered(node, 1)
        assert row.attempts_made == len(receiver.requests) == 2
        assert node.gateway.dispatcher.kept == 0


async def test_what_one_node_registers_the_other_knows_with_the_next_event(postgres_database: str) -> None:
    async with Receiver() as receiver:
        async with running_node(postgres_database) as a, running_node(postgres_database) as b:
            await b.send()  # so that b has its own idea of the organization
            for number in range(1, 11):
                await a.webhook(receiver.url(f"/{number}"))
                assert (await b.send())["deliveries"] == number
            await receiver.wait_for(55)


async def test_a_key_revoked_on_one_node_is_refused_on_the_other(postgres_database: str) -> None:
    async with running_node(postgres_database) as a, running_node(postgres_database) as b:
        key = await a.new_key("viewer")
        assert (await b.call("GET", "/api/events", key=key)).status_code == 200
        listed = (await a.call("GET", "/api/keys")).json()["data"]
        [found] = [entry for entry in listed if entry["role"] == "viewer"]
        revoked = await a.call("DELETE", f"/api/keys/{found['id']}")
        assert revoked.status_code == 204, revoked.text
        assert (await a.call("GET", "/api/events", key=key)).status_code == 401
        await b.gateway.directory.refresh()  # what it does every second by itself
        assert (await b.call("GET", "/api/events", key=key)).status_code == 401


@pytest.mark.proof
async def test_two_nodes_under_load_never_attempt_a_delivery_twice(postgres_database: str) -> None:
    """Failures send everything through the database, where both nodes claim; successes come at attempt 2."""
    async with Receiver() as receiver:
        async with (
            running_node(postgres_database, retry_schedule="1,1,1") as a,
            running_node(postgres_database, retry_schedule="1,1,1") as b,
        ):
            receiver.respond(500, times=600)
            for number in range(3):
                await a.webhook(receiver.url(f"/{number}"))
            events = [{"type": "t.x", "data": {"n": n}} for n in range(50)]

            async def send(node: Node) -> None:
                for _ in range(2):
                    answer = await node.call("POST", "/api/events/batch", json={"events": events})
                    assert answer.status_code == 202, answer.text

            await asyncio.gather(send(a), send(b))
            found = await until_delivered(a, 600, timeout=30)
        seen = Counter((q.header("X-HUM-Delivery"), q.header("X-HUM-Attempt")) for q in receiver.requests)
        twice = {key: count for key, count in seen.items() if count > 1}
        by_node = [n.gateway.metrics.attempts.labels("delivered")._value.get() for n in (a, b)]
        print(f"B1 600 deliveries by two nodes {by_node}: {len(seen)} attempts, {len(twice)} of them twice")
        assert twice == {}
        assert len(receiver.requests) == sum(row.attempts_made for row in found)
        assert min(by_node) > 0, "one node did everything: nothing was shared"

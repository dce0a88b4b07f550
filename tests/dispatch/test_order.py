"""Proof C8, ordered webhooks: one at a time of each key, in the order of acceptance, others not held up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import func, select, update

from gateway.dispatch import lanes as serving
from gateway.dispatch.lane import Lane
from gateway.dispatch.target import Target
from gateway.domain.ordering import behind
from gateway.manage import housekeeping
from gateway.store.tables import deliveries
from tests.dispatch.test_nodes import die, expire
from tests.support import lines
from tests.support.clock import until
from tests.support.node import Node, running_node
from tests.support.receiver import Receiver

pytestmark = pytest.mark.anyio

SCHEDULE = "1,1,1,1"


async def run(
    url: str, receiver: Receiver, *, nodes: int, keys: int, each: int, kill: bool = False, share: float = 0.15
) -> tuple[Sequence[Node], dict[str, tuple[str, int]], dict[str, int]]:
    receiver.behave(lines.failing_sometimes(8, share))
    async with AsyncExitStack() as stack:
        started = [
            await stack.enter_async_context(running_node(url, retry_schedule=SCHEDULE)) for _ in range(nodes)
        ]
        hook = await started[0].webhook(receiver.url(), ordered=True)
        sending = asyncio.create_task(lines.send_lines(started, keys, each))
        if kill:
            await sending
            victim = await lines.owner_among(started, hook["id"])
            await until(lambda: len(receiver.requests) > keys // 2, "some of them arrived")
            [survivor] = [node for node in started if node is not victim]
            await die(victim)
            await expire(survivor, victim.gateway.lease.id)
            started = [survivor]
        await sending
        found = await lines.until_over(started[0], timeout=120)
        return started, await lines.positions(started[0]), found


@pytest.mark.proof
@pytest.mark.parametrize(
    ("database", "nodes", "keys", "kill"),
    [
        ("sqlite", 1, 100, False),
        ("postgresql", 1, 100, False),
        ("postgresql", 2, 100, False),
        ("postgresql", 2, 100, True),
        pytest.param("sqlite", 1, 1000, False, marks=pytest.mark.long),
        pytest.param("postgresql", 2, 1000, True, marks=pytest.mark.long),
    ],
)
async def test_no_key_is_ever_out_of_order(
    database: str, nodes: int, keys: int, kill: bool, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(f"{'postgres' if database == 'postgresql' else database}_database")
    async with Receiver() as receiver:
        _, known, found = await run(url, receiver, nodes=nodes, keys=keys, each=5, kill=kill)
        wrong = lines.inversions(receiver.requests, known)
        print(
            f"C8 {keys} keys x 5 on {nodes} {database} node(s){', its owner killed' if kill else ''}:"
            f" {len(receiver.requests)} attempts, {wrong} inversions, {dict(found)}"
        )
        assert wrong == 0
        assert len(known) == keys * 5 == sum(found.values())
        assert {"delivered"} <= set(found) <= {"delivered", "failed"}
        assert found["delivered"] > keys * 5 * 0.95


@pytest.mark.proof
async def test_control_without_the_rule_there_are_inversions(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "parted", lambda rows, first: (list(rows), []))
    async with Receiver() as receiver:
        _, known, _ = await run(sqlite_database, receiver, nodes=1, keys=50, each=5)
        wrong = lines.inversions(receiver.requests, known)
        print(f"C8 control, the rule ignored: {wrong} inversions")
        assert wrong > 10


@pytest.mark.proof
async def test_a_key_that_fails_for_hours_holds_up_nobody_else(any_database: str) -> None:
    """Its backlog is deep, fills no memory, and is not looked at again and again."""
    async with Receiver() as receiver, running_node(any_database, retry_schedule="3600") as node:
        receiver.respond(500, times=1)
        hook = await node.webhook(receiver.url(), ordered=True)
        await node.send("t.bad", ordering_key="bad")
        await receiver.wait_for(1)
        deep = [{"type": "t.bad", "data": {}, "ordering_key": "bad"}] * 1000
        for _ in range(2):
            await node.call("POST", "/api/events/batch", json={"events": deep})
        await node.send("t.none")
        for number in range(3):
            await node.send("t.good", {"n": number}, ordering_key="good")
        got = await receiver.wait_for(5, timeout=20)
        assert [q.json()["type"] for q in got[1:]].count("t.bad") == 0
        assert [q.json()["data"]["n"] for q in got[1:] if q.json()["type"] == "t.good"] == [0, 1, 2]
        await until(lambda: node.gateway.dispatcher.kept == 0, "nothing of it in memory")
        async with node.gateway.store.looking_up() as conn:
            query = select(deliveries.c.queue, func.count()).group_by(deliveries.c.queue)
            queues = {row[0]: row[1] for row in await conn.execute(query) if row[0] is not None}
        assert queues == {behind(hook["id"]): 2000, "due": 1}
        before = node.gateway.metrics.sql_statements._value.get()
        await node.send("t.last", ordering_key="last")
        await receiver.wait_for(6)
        statements = node.gateway.metrics.sql_statements._value.get() - before
        print(f"C8 behind a key with 2,000 waiting: another key's event took {statements:.0f} statements")
        assert statements < 40


async def test_the_next_goes_when_the_one_before_is_cancelled_or_expired(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database, retry_schedule="3600") as node:
        receiver.respond(500, times=2)
        await node.webhook(receiver.url(), ordered=True)
        for key in ("a", "b"):
            for number in range(3):
                await node.send("t.x", {"n": f"{key}{number}"}, ordering_key=key)
        first = await receiver.wait_for(2)
        ids = {str(q.header("X-HUM-Delivery")) for q in first}

        async def waiting() -> set[str]:
            return {d["id"] for d in await node.deliveries() if d["next_attempt_at"] is not None}

        while await waiting() != ids:
            await asyncio.sleep(0.02)
        one, other = sorted(ids)
        store, now = node.gateway.store, node.gateway.clock.now()
        async with store.transaction() as tx:
            await tx.conn.execute(
                update(deliveries)
                .where(deliveries.c.id == one)
                .values(status="cancelled", queue=None, due_at=None, completed_at=now)
            )
            await tx.conn.execute(
                update(deliveries).where(deliveries.c.id == other).values(expires_at=now - 1)
            )
        await housekeeping.expire(store, now, node.gateway._announce_all)
        got = await receiver.wait_for(6, timeout=10)
        for key in "ab":
            assert [n for q in got if (n := q.json()["data"]["n"])[0] == key] == [
                f"{key}{n}" for n in range(3)
            ]


async def test_urgent_ones_stay_in_their_keys_line(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        hook = await node.webhook(receiver.url(), ordered=True)
        await node.call("POST", f"/api/webhooks/{hook['id']}/disable")
        await node.call("PATCH", f"/api/webhooks/{hook['id']}", json={"enabled": True})
        receiver.respond(503, [("Retry-After", "1")], times=1)
        await node.send("t.x", {"n": 0}, ordering_key="k")
        await node.send("t.x", {"n": 1}, ordering_key="k")
        await node.send("t.x", {"n": 2}, ordering_key="k", priority="high")
        got = await receiver.wait_for(4, timeout=8)
        assert [q.json()["data"]["n"] for q in got] == [0, 0, 1, 2]


async def test_redeliveries_are_outside_the_order(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database, retry_schedule="3600") as node:
        receiver.respond(500, times=1)
        hook = await node.webhook(receiver.url(), ordered=True)
        await node.send("t.x", ordering_key="k")
        [request] = await receiver.wait_for(1)
        delivery = request.header("X-HUM-Delivery")
        async with node.gateway.store.transaction() as tx:
            row = (
                (await tx.conn.execute(select(deliveries).where(deliveries.c.id == delivery)))
                .mappings()
                .one()
            )
            again: dict[str, Any] = dict(row) | {
                "id": "dlv_again", "position": row["position"] + 1, "queue": hook["id"], "status": "pending",
                "redelivery_of": delivery, "due_at": row["created_at"], "attempts_made": 0, "steps_used": 0,
            }  # fmt: skip
            await tx.conn.execute(deliveries.insert().values(**again))
        node.gateway.claims._look_again()
        [_, second] = await receiver.wait_for(2)
        assert second.header("X-HUM-Redelivery") == delivery


async def test_order_can_be_switched_on_and_off_with_a_backlog(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database, retry_schedule="1,1,1,1,1,1") as node:
        receiver.respond(200, times=1)
        hook = await node.webhook(receiver.url())
        await node.send("t.x")
        await receiver.wait_for(1)
        await node.call("POST", f"/api/webhooks/{hook['id']}/disable")

        async def change(**values: Any) -> None:
            answer = await node.call("PATCH", f"/api/webhooks/{hook['id']}", json=values)
            assert answer.status_code == 200, answer.text

        await change(ordered=True, enabled=True)
        receiver.respond(500, times=1)
        for number in range(20):
            await node.send("t.x", {"n": number}, ordering_key="k")
        await receiver.wait_for(2)
        await change(ordered=False)  # what waited behind it need not any more
        await receiver.wait_for(21, timeout=12)
        await lines.until_over(node, timeout=12)
        await change(ordered=True)
        seen = len(receiver.requests)
        for number in range(20):
            await node.send("t.x", {"n": number}, ordering_key="k")
        got = await receiver.wait_for(seen + 20, timeout=12)
        assert [q.json()["data"]["n"] for q in got[seen:]] == list(range(20))


@pytest.mark.parametrize("change", ["deleted", "unordered"])
async def test_a_change_while_the_database_is_asked_is_no_trouble(
    sqlite_database: str, monkeypatch: Any, change: str
) -> None:
    """Others' deliveries are claimed in the same loop: what is in its way delays everybody."""
    async with running_node(sqlite_database) as node:
        hook = await node.webhook("https://example.invalid/", ordered=True)
        dispatcher, its_lanes = node.gateway.dispatcher, node.gateway.claims._lanes
        view = await node.gateway.directory.living("acme")
        asked = []

        def sought(name: str, module: Any, answer: Any) -> Target:
            """The target as this node's own, which changes while `module.name` is being asked."""
            target = dispatcher.target(view.webhooks[hook["id"]])
            target.lane, target.backlog = Lane(ordered=True, owned=True, behind=True), 1

            async def asking(*args: Any, **options: Any) -> Any:
                asked.append(name)
                if change == "deleted":
                    dispatcher.targets.pop(target.id, None)
                else:
                    target.lane = None
                return answer

            monkeypatch.setattr(module, name, asking)
            return target

        dispatcher.stopping = True  # its own loops leave this to the test
        await its_lanes.serve([sought("claim_own", serving.deliveries, [])])
        sought("keys_after", serving.order, [])
        await its_lanes.look([behind(hook["id"])])
        sought("first_of", serving.order, {(hook["id"], "k"): "dlv_before"})
        row = SimpleNamespace(id="dlv_1", target_id=hook["id"], ordering_key="k", redelivery_of=None)
        assert await its_lanes.must_wait([cast("Any", row)]) == {"dlv_1"}
        assert asked == ["claim_own", "keys_after", "first_of"]

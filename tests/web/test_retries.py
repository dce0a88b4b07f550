"""Trying at once what waits for its next attempt: the deliveries of a webhook, also the platform's, and the
calls of a connector, as a job. On both databases, over the API."""

from __future__ import annotations

from collections import Counter

import pytest
from sqlalchemy import select, update

from gateway.domain.delivery import DUE_QUEUE
from gateway.manage import retries
from gateway.store import retries as rows
from gateway.store.tables import deliveries, webhooks
from tests.support.node import Node, running_node
from tests.support.receiver import Receiver
from tests.web.test_connector_redeliveries import CALLS, JSON, LOGGED, call, connector
from tests.web.test_platform_webhooks import ear
from tests.web.test_redeliveries import ids, over, post, settled

pytestmark = pytest.mark.anyio

LATE = {"retry_schedule": [3600, 3600, 3600]}


async def failing(
    node: Node, receiver: Receiver, count: int, type_: str = "a.x", org: str = "acme"
) -> list[str]:
    """Events whose first attempts have failed: they wait an hour for the next."""
    before = len(receiver.requests)
    sent = [{"type": type_, "data": {"n": n}} for n in range(count)]
    answer = await node.call("POST", "/api/events/batch", json={"events": sent}, org=org)
    assert answer.status_code == 202, answer.text
    await receiver.wait_for(before + count, timeout=10)
    await settled(node)
    return [event["id"] for event in answer.json()["data"]]


async def waiting(node: Node) -> int:
    """How many deliveries wait for a time that is to come."""
    async with node.gateway.store.looking_up() as conn:
        query = select(deliveries.c.id).where(
            deliveries.c.queue == DUE_QUEUE, deliveries.c.due_at > node.gateway.clock.now()
        )
        return len((await conn.execute(query)).all())


async def test_all_that_waits_is_tried_at_once_and_nobody_elses(any_database: str) -> None:
    async with Receiver() as ill, Receiver() as other, running_node(any_database) as node:
        ill.respond(500)
        other.respond(500)
        hook = await node.webhook(ill.url(), events=["a.*"], **LATE)
        await node.webhook(other.url(), events=["b.*"], **LATE)
        sent = await failing(node, ill, 30)
        await failing(node, other, 3, "b.x")
        ill.respond(200)
        path = f"/api/webhooks/{hook['id']}/retry"
        assert await post(node, path, {"dry_run": True}, 200) == {"matched": 30}
        assert len(ill.requests) == 30
        job = await over(node, (await post(node, path))["id"])
        assert (job["kind"], job["status"], job["matched"], job["done"]) == ("retry", "done", 30, 30)
        got = await ill.wait_for(60, timeout=10)
        assert Counter(ids(got)) == Counter(sent * 2)
        assert {q.header("webhook-attempt") for q in got[30:]} <= {"2", None}
        await settled(node)
        assert await post(node, path, {"dry_run": True}, 200) == {"matched": 0}
        assert len(other.requests) == 3
        assert await waiting(node) == 3


async def test_what_fails_again_has_used_a_step_and_is_not_tried_in_a_circle(
    any_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: without asking for the latest attempt the job brings the same deliveries forward again."""
    monkeypatch.setattr(retries, "PART", 1)
    async with Receiver() as receiver, running_node(any_database) as node:
        receiver.respond(500)
        hook = await node.webhook(receiver.url(), **LATE)
        await failing(node, receiver, 5)
        job = await over(node, (await post(node, f"/api/webhooks/{hook['id']}/retry"))["id"])
        assert job["done"] == 5
        await receiver.wait_for(10, timeout=10)
        await settled(node)
        assert await waiting(node) == 5
        ordered_at = node.gateway.clock.now() - 60_000
        store = node.gateway.store
        since = [
            row
            async for some, _ in rows.waiting(store, hook["id"], None, ordered_at=ordered_at)
            for row in some
        ]
        assert since == []
        control = [row async for some, _ in rows.waiting(store, hook["id"], None) for row in some]
        assert [row.attempts_made for row in control] == [2] * 5


@pytest.mark.parametrize("slice_", [1, 2, 3, 7, 1000])
async def test_each_is_read_once_however_many_fall_due_together(any_database: str, slice_: int) -> None:
    """Also of the urgent, and of what jobs had made; from any place where a job may stand."""
    async with Receiver() as receiver, running_node(any_database) as node:
        receiver.respond(500)
        hook = await node.webhook(receiver.url(), **LATE)
        await node.webhook(receiver.url("/2"), **LATE)
        await failing(node, receiver, 12)  # 24 requests come; those of the second wait among them
        await receiver.wait_for(24, timeout=10)
        await settled(node)
        store = node.gateway.store
        later = store.clock.now() + 3_600_000
        async with store.transaction() as tx:
            mine = (
                await tx.conn.execute(select(deliveries.c.id).where(deliveries.c.target_id == hook["id"]))
            ).scalars()
            expected = set(mine)
            await tx.conn.execute(update(deliveries).values(due_at=later))
            for priority, some in ((1, sorted(expected)[:3]), (-1, sorted(expected)[3:5])):
                change = update(deliveries).where(deliveries.c.id.in_(some))
                await tx.conn.execute(change.values(priority=priority))
        found = [
            (row.id, end)
            async for some, end in rows.waiting(store, hook["id"], None, slice_=slice_)
            for row in some
        ]
        assert sorted(one for one, _ in found) == sorted(expected)
        for number, (_, end) in enumerate(found):
            stand = rows.Place.parse(str(end))
            rest = [
                row.id
                async for some, _ in rows.waiting(store, hook["id"], stand, slice_=slice_)
                for row in some
            ]
            behind = [one for one, at in found[number:] if at != end]
            assert sorted(rest) == sorted(behind)


async def test_a_hold_stands_and_release_lets_them_go(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        receiver.respond(503, [("Retry-After", "3600")])
        hook = await node.webhook(receiver.url(), **LATE)
        await failing(node, receiver, 1)
        receiver.respond(200)
        path = f"/api/webhooks/{hook['id']}"
        assert (await over(node, (await post(node, f"{path}/retry"))["id"]))["done"] == 1
        [waits] = (await node.call("GET", f"{path}/deliveries", params={"status": "pending"})).json()["data"]
        assert (await node.delivery(waits["id"]))["waiting_for"]["reason"] == "hold"
        assert len(receiver.requests) == 1
        await post(node, f"{path}/release", status=200)
        await receiver.wait_for(2, timeout=10)


async def test_a_platform_webhooks_too(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        receiver.respond(500)
        hook = await ear(node, receiver.url(), ["sms.received"], **LATE)
        await failing(node, receiver, 2, "sms.received")
        receiver.respond(200)
        path = f"/api/platform/webhooks/{hook['id']}/retry"
        assert await post(node, path, {"dry_run": True}, 200, org=None) == {"matched": 2}
        job = await post(node, path, org=None)
        assert (job["kind"], job["org_id"]) == ("retry", "*")
        await receiver.wait_for(4, timeout=10)


async def test_a_connectors_calls_too(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        made = await connector(node, receiver)
        await call(node, 1)
        await receiver.wait_for(1, path=CALLS)
        await settled(node)
        receiver.respond(200, headers=JSON, body=LOGGED, path=CALLS)
        path = f"/api/connectors/{made['id']}/retry"
        assert await post(node, path, {"dry_run": True}, 200) == {"matched": 1}
        assert (await over(node, (await post(node, path))["id"]))["done"] == 1
        await receiver.wait_for(2, path=CALLS)


async def test_it_refuses_what_nothing_would_come_of(sqlite_database: str) -> None:
    async with running_node(sqlite_database) as node:
        hook = await node.webhook("http://127.0.0.1:9/")
        path = f"/api/webhooks/{hook['id']}/retry"
        refused = await post(node, path, {"since": "2026-11-20"}, 422)
        assert [detail["field"] for detail in refused["details"]] == ["since"]
        gone = {"status": "disabled", "disabled_reason": "gone"}
        async with node.gateway.store.transaction() as tx:
            await tx.conn.execute(update(webhooks).values(**gone))
            tx.touch("acme")
        assert (await post(node, path, {}, 409))["error"] == "webhook_disabled"
        await post(node, f"/api/webhooks/{hook['id']}/enable", status=200)
        await post(node, path, {"dry_run": True}, 200)
        await post(node, f"/api/webhooks/{hook['id']}/disable", status=200)
        assert (await post(node, path, {}, 409))["error"] == "webhook_disabled"
        assert (await post(node, "/api/webhooks/whk_none/retry", {}, 404))["error"] == "not_found"
        assert (await post(node, f"/api/connectors/{hook['id']}/retry", {}, 404))["error"] == "not_found"


async def test_beside_a_redelivery_of_the_same_webhook_but_not_twice(any_database: str) -> None:
    async with running_node(any_database) as node:
        hook = await node.webhook("http://127.0.0.1:9/")
        path = f"/api/webhooks/{hook['id']}"
        node.gateway.draining = True  # nobody works on jobs
        redelivery, retry = await post(node, f"{path}/redeliver"), await post(node, f"{path}/retry")
        refused = await post(node, f"{path}/retry", status=409)
        assert (refused["error"], retry["id"] in refused["message"]) == ("job_running", True)
        noted = (await node.call("GET", "/api/audit", params={"object_id": hook["id"]})).json()["data"]
        jobs = {entry["action"]: entry["details"].get("job_id") for entry in noted}
        assert jobs["retryWebhook"] == retry["id"]
        assert jobs["redeliverWebhook"] == redelivery["id"]
        node.gateway.draining = False
        node.gateway.jobs.wake()
        for ordered in (redelivery, retry):
            assert (await over(node, ordered["id"]))["status"] == "done"


async def test_cancelled_before_it_began_it_brings_nothing_forward(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        receiver.respond(500)
        hook = await node.webhook(receiver.url(), **LATE)
        await failing(node, receiver, 20)
        receiver.respond(200)
        node.gateway.draining = True
        job = await post(node, f"/api/webhooks/{hook['id']}/retry")
        assert (await post(node, f"/api/jobs/{job['id']}/cancel", status=200))["cancel_requested"]
        node.gateway.draining = False
        node.gateway.jobs.wake()
        assert (await over(node, job["id"]))["status"] == "cancelled"
        assert (await waiting(node), len(receiver.requests)) == (20, 20)

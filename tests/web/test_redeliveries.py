"""Sending again: one delivery, a range, what was missed; and cancelling. On both databases, over the API."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import update

from gateway.clock import format_time
from gateway.domain.ids import new_id
from gateway.signing import verify
from gateway.store import jobs as job_rows
from gateway.store import leases, ranges
from gateway.store.tables import deliveries, events, jobs
from tests.dispatch.test_flow import Turnstile, states
from tests.support.clock import until
from tests.support.node import Node, running_node
from tests.support.receiver import Received, Receiver

pytestmark = pytest.mark.anyio

ONCE = {"retry_schedule": [600]}
DAY = 86_400_000


async def post(node: Node, path: str, body: Any = None, status: int = 202, **kw: Any) -> dict[str, Any]:
    answer = await node.call("POST", path, json=body or {}, **kw)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def settled(node: Node) -> None:
    await until(lambda: node.gateway.dispatcher.kept == 0, "everything recorded")


async def over(node: Node, job_id: str, timeout: float = 10) -> dict[str, Any]:
    """The job when it is over."""
    deadline = time.monotonic() + timeout
    while True:
        answer = await node.call("GET", f"/api/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        job: dict[str, Any] = answer.json()
        if job["status"] != "running":
            return job
        assert time.monotonic() < deadline, job
        await asyncio.sleep(0.01)


async def failed_events(node: Node, receiver: Receiver, hook: dict[str, Any], count: int) -> list[str]:
    """The ids of so many events whose deliveries to the webhook have failed; the receiver is well again."""
    receiver.respond(500)
    body = {"events": [{"type": f"a.n{n % 3}", "data": {"n": n}} for n in range(count)]}
    sent = (await node.call("POST", "/api/events/batch", json=body)).json()["data"]
    before = len(receiver.requests)
    await receiver.wait_for(before + count, timeout=10)
    await settled(node)
    await give_up(node, hook["id"])
    receiver.respond(200)
    return [event["id"] for event in sent]


async def give_up(node: Node, webhook_id: str) -> None:
    """What waits for its next attempt fails, as if the schedule were over."""
    async with node.gateway.store.transaction() as tx:
        change = update(deliveries).where(
            deliveries.c.target_id == webhook_id, deliveries.c.status == "pending"
        )
        await tx.conn.execute(
            change.values(status="failed", reason="exhausted", queue=None, due_at=None, completed_at=1)
        )


def ids(requests: list[Received]) -> list[str]:
    return [str(request.header("webhook-id")) for request in requests]


# One delivery


async def test_one_delivery_is_sent_again_as_a_delivery_of_its_own(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        hook = await node.webhook(receiver.url("/old"))
        event = await node.send("a.b", {"x": "1.10"})
        [first] = await receiver.wait_for(1)
        await settled(node)
        [before] = await node.deliveries(event_id=event["id"])
        changes = {"url": receiver.url("/new")}
        assert (await node.call("PATCH", f"/api/webhooks/{hook['id']}", json=changes)).status_code == 200
        made = await post(node, f"/api/deliveries/{before['id']}/redeliver")
        [again] = await receiver.wait_for(1, path="/new")
        await settled(node)
    assert made["id"] != before["id"]
    assert (made["redelivery_of"], made["event_id"]) == (before["id"], event["id"])
    assert again.body == first.body
    assert again.header("webhook-id") == first.header("webhook-id")
    assert again.header("X-HUM-Redelivery") == before["id"]
    assert again.header("X-HUM-Delivery") == made["id"]
    assert (again.header("X-HUM-Attempt"), first.header("X-HUM-Redelivery")) == ("1", None)
    assert verify(again.body, again.headers, hook["secret"]).scheme == "standard"


async def test_repeating_the_request_with_its_key_makes_one(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        await node.webhook(receiver.url())
        await node.send()
        await receiver.wait_for(1)
        [before] = await node.deliveries()
        key = {"Idempotency-Key": "k"}
        path = f"/api/deliveries/{before['id']}/redeliver"
        made = [await post(node, path, headers=key) for _ in range(2)]
        await receiver.wait_for(2)
        await settled(node)
        assert made[0]["id"] == made[1]["id"]
        assert len(receiver.requests) == len(await node.deliveries()) == 2


async def test_a_redelivery_is_refused_when_nothing_would_come_of_it(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        hook = await node.webhook(receiver.url())
        event = await node.send()
        await receiver.wait_for(1)
        await settled(node)
        [before] = await node.deliveries()
        path, hook_path = f"/api/deliveries/{before['id']}/redeliver", f"/api/webhooks/{hook['id']}"

        async def refused(status: int, where: str = path) -> str:
            return str((await post(node, where, status=status))["error"])

        assert await refused(404, "/api/deliveries/dlv_nothing/redeliver") == "not_found"
        await node.new_key("admin", "other")
        elsewhere = await node.call("POST", path, json={}, org="other")
        assert elsewhere.json()["error"] == "not_found"
        await node.call("POST", f"{hook_path}/disable")
        for where in (path, f"{hook_path}/redeliver", f"{hook_path}/replay"):
            assert await refused(409, where) == "webhook_disabled"
        await node.call("POST", f"{hook_path}/enable")
        async with node.gateway.store.transaction() as tx:
            await tx.conn.execute(update(events).where(events.c.id == event["id"]).values(payload=None))
        assert await refused(409) == "payload_expired"
        await node.call("DELETE", hook_path)
        assert await refused(409) == "webhook_deleted"
        assert await refused(404, f"{hook_path}/redeliver") == "not_found"
        assert len(receiver.requests) == 1


async def test_a_redelivery_to_a_webhook_that_answered_410_waits_for_it(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        receiver.respond(410, times=1)
        hook = await node.webhook(receiver.url())
        await node.send()
        await receiver.wait_for(1)
        await settled(node)
        [before] = await node.deliveries()
        made = await post(node, f"/api/deliveries/{before['id']}/redeliver")
        assert (await node.delivery(made["id"]))["status"] == "pending"
        await node.call("POST", f"/api/webhooks/{hook['id']}/enable")
        await receiver.wait_for(3)
        await settled(node)
        assert await states(node, hook) == {"delivered": 2}


# Cancelling


async def test_what_waits_in_memory_is_cancelled_and_not_sent(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        stile = Turnstile()
        receiver.behave(stile)
        hook = await node.webhook(receiver.url())
        for n in range(3):
            await node.send("a.b", {"n": n})
        await receiver.wait_for(1)
        waiting = (await node.deliveries())[1]
        answer = await post(node, f"/api/deliveries/{waiting['id']}/cancel", status=200)
        assert answer["status"] == "cancelled"
        again = await post(node, f"/api/deliveries/{waiting['id']}/cancel", status=200)
        assert again["status"] == "cancelled"
        stile.answer_all()
        await settled(node)
        assert waiting["event_id"] not in ids(receiver.requests)
        assert await states(node, hook) == {"delivered": 2, "cancelled": 1}
        over_already = (await node.deliveries())[0]
        refused = await post(node, f"/api/deliveries/{over_already['id']}/cancel", status=409)
        assert refused["error"] == "delivery_over"


async def test_an_attempt_on_the_wire_is_kept_and_changes_nothing(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        stile = Turnstile()
        receiver.behave(stile)
        await node.webhook(receiver.url())
        await node.send()
        await receiver.wait_for(1)
        [delivery] = await node.deliveries()
        assert delivery["status"] == "in_flight"
        await post(node, f"/api/deliveries/{delivery['id']}/cancel", status=200)
        stile.answer_all(200)
        await settled(node)
        found = await node.delivery(delivery["id"])
        assert found["status"] == "cancelled"
        assert [attempt["status_code"] for attempt in found["attempts"]] == [200]


# Ranges


async def test_a_range_sends_every_event_again_whose_latest_delivery_failed(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        hook = await node.webhook(receiver.url("/hook"), ["a.*"], **ONCE)
        good = await node.send("a.n0", {"n": "good"})
        await receiver.wait_for(1)
        lost = await failed_events(node, receiver, hook, 30)
        [one] = await node.deliveries(event_id=lost[0])
        await post(node, f"/api/deliveries/{one['id']}/redeliver")
        await settled(node)
        before = len(receiver.requests)
        path = f"/api/webhooks/{hook['id']}/redeliver"
        assert await post(node, path, {"dry_run": True}, 200) == {"matched": 29}
        assert await post(node, path, {"dry_run": True, "types": ["a.n1"]}, 200) == {"matched": 10}
        assert await post(node, path, {"dry_run": True, "types": ["a.n1", "b.*"]}, 200) == {"matched": 10}
        assert await post(node, path, {"dry_run": True, "types": ["a.*"]}, 200) == {"matched": 29}
        assert len(receiver.requests) == before, "a dry run sends nothing"
        job = await over(node, (await post(node, path))["id"])
        assert (job["status"], job["matched"], job["done"], job["failed"]) == ("done", 29, 29, 0)
        assert (job["kind"], job["object_id"], job["error"]) == ("redeliver", hook["id"], None)
        await receiver.wait_for(before + 29)
        await settled(node)
        again = receiver.requests[before:]
        assert Counter(ids(again)) == Counter(lost[1:])
        assert good["id"] not in ids(again)
        assert {request.header("X-HUM-Redelivery") for request in again} == {job["id"]}
        assert await post(node, path, {"dry_run": True}, 200) == {"matched": 0}
        nothing = await over(node, (await post(node, path))["id"])
        assert (nothing["status"], nothing["matched"], nothing["done"]) == ("done", 0, 0)


async def test_a_range_goes_oldest_first(sqlite_database: str) -> None:
    async with Receiver() as receiver, running_node(sqlite_database) as node:
        hook = await node.webhook(receiver.url(), ["a.*"], **ONCE)
        lost = []
        for _ in range(3):
            lost += await failed_events(node, receiver, hook, 1)
            await asyncio.sleep(0.002)  # within one millisecond there is no older one
        stile = Turnstile()
        receiver.behave(stile)
        before = len(receiver.requests)
        await post(node, f"/api/webhooks/{hook['id']}/redeliver")
        for number in range(1, 4):
            await receiver.wait_for(before + number)
            stile.answer(200)
        assert ids(receiver.requests[before:]) == lost


async def test_since_and_until_are_about_the_events(any_database: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(ranges, "SLICE", 7)
    async with Receiver() as receiver, running_node(any_database) as node:
        hook = await node.webhook(receiver.url(), ["a.*"], **ONCE)
        await failed_events(node, receiver, hook, 10)
        await asyncio.sleep(0.01)
        middle = node.gateway.clock.now()
        await asyncio.sleep(0.01)
        await failed_events(node, receiver, hook, 15)

        async def matched(what: str = "redeliver", **body: Any) -> int:
            path = f"/api/webhooks/{hook['id']}/{what}"
            return int((await post(node, path, {"dry_run": True, **body}, 200))["matched"])

        at = format_time(middle)
        assert await matched() == 25
        assert (await matched(since=at), await matched(until=at)) == (15, 10)
        assert await matched(since=format_time(middle + DAY)) == 0
        assert await matched(since=format_time(middle - 400 * DAY), until=format_time(middle - DAY)) == 0
        refused = await post(
            node, f"/api/webhooks/{hook['id']}/redeliver", {"since": at, "until": at}, status=422
        )
        assert refused["details"][0]["field"] == "until"
        assert await matched("replay") == 0


async def test_a_replay_sends_what_the_webhook_never_got(any_database: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(ranges, "SLICE", 10)
    async with Receiver() as receiver, running_node(any_database) as node:
        body = {"events": [{"type": f"a.n{n % 2}", "data": {"n": n}} for n in range(40)]}
        sent = (await node.call("POST", "/api/events/batch", json=body)).json()["data"]
        await node.send("b.other")
        await node.call("POST", "/api/events", json={"type": "a.n0", "data": {}}, org="other")
        hook = await node.webhook(receiver.url(), ["a.n0"])
        got = await node.send("a.n0")
        await receiver.wait_for(1)
        path = f"/api/webhooks/{hook['id']}/replay"
        assert await post(node, path, {"dry_run": True}, 200) == {"matched": 20}
        assert await post(node, path, {"dry_run": True, "types": ["a.n1"]}, 200) == {"matched": 0}
        job = await over(node, (await post(node, path))["id"])
        assert (job["kind"], job["status"], job["matched"], job["done"]) == ("replay", "done", 20, 20)
        await receiver.wait_for(21)
        await settled(node)
        wanted = [event["id"] for event in sent if event["type"] == "a.n0"]
        assert Counter(ids(receiver.requests)) == Counter([got["id"], *wanted])
        assert await post(node, path, {"dry_run": True}, 200) == {"matched": 0}


async def test_a_replay_asks_the_webhooks_filter(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        for n in range(6):
            await node.send("a.b", {"n": n})
        hook = await node.webhook(receiver.url(), ["a.*"], filter="data.n >= `4`")
        path = f"/api/webhooks/{hook['id']}/replay"
        assert await post(node, path, {"dry_run": True}, 200) == {"matched": 2}
        job = await over(node, (await post(node, path))["id"])
        assert (job["matched"], job["done"]) == (2, 2)
        assert sorted(r.json()["data"]["n"] for r in await receiver.wait_for(2)) == [4, 5]


async def test_events_without_payload_are_counted_as_failed(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        hook = await node.webhook(receiver.url(), ["a.*"], **ONCE)
        lost = await failed_events(node, receiver, hook, 6)
        async with node.gateway.store.transaction() as tx:
            await tx.conn.execute(update(events).where(events.c.id.in_(lost[:2])).values(payload=None))
        job = await over(node, (await post(node, f"/api/webhooks/{hook['id']}/redeliver"))["id"])
        assert (job["matched"], job["done"], job["failed"]) == (6, 4, 2)


async def test_live_events_overtake_what_a_job_has_made(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        hook = await node.webhook(receiver.url(), ["a.*"], **ONCE)
        await failed_events(node, receiver, hook, 300)
        stile = Turnstile()
        receiver.behave(stile)
        before = len(receiver.requests)
        await over(node, (await post(node, f"/api/webhooks/{hook['id']}/redeliver"))["id"])
        await receiver.wait_for(before + 1)
        live = await node.send("a.live")
        stile.answer(*[200] * 5)
        await until(lambda: live["id"] in ids(receiver.requests), "the live event")
        overtaken_by = ids(receiver.requests[before:]).index(live["id"])
        stile.answer_all()
        await receiver.wait_for(before + 301, timeout=15)
        await settled(node)
        assert overtaken_by <= 8, "more than what was on the wire went first"
        assert await states(node, hook) == {"delivered": 301, "failed": 300}


# Jobs


async def test_one_job_at_a_time_works_on_a_webhook(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        hook = await node.webhook(receiver.url(), ["a.*"], **ONCE)
        node.gateway.draining = True  # nobody works on jobs
        path = f"/api/webhooks/{hook['id']}/redeliver"
        first = await post(node, path, headers={"X-HUM-Actor": "jo@example.com"})
        assert (first["status"], first["matched"], first["actor"]) == ("running", None, "jo@example.com")
        refused = await post(node, f"/api/webhooks/{hook['id']}/replay", status=409)
        assert refused["error"] == "job_running"
        assert first["id"] in refused["message"]
        node.gateway.draining = False
        node.gateway.jobs.wake()
        await over(node, first["id"])
        second = await over(node, (await post(node, path))["id"])
        listed = (await node.call("GET", "/api/jobs")).json()["data"]
        assert [job["id"] for job in listed] == [second["id"], first["id"]]
        assert (await node.call("GET", "/api/jobs", org="other", params={})).status_code in (200, 404)
        await node.new_key("admin", "other")
        assert (await node.call("GET", f"/api/jobs/{first['id']}", org="other")).status_code == 404
        assert (await node.call("POST", "/api/jobs/job_nothing/cancel", json={})).status_code == 404


async def test_cancelling_a_job_cancels_what_it_has_made(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        for _ in range(2):
            body = {"events": [{"type": "a.b", "data": {"n": n}} for n in range(600)]}
            assert (await node.call("POST", "/api/events/batch", json=body)).status_code == 202
        stile = Turnstile()
        receiver.behave(stile)
        hook = await node.webhook(receiver.url(), ["a.*"])
        job = await post(node, f"/api/webhooks/{hook['id']}/replay")
        assert (await over(node, job["id"], 30))["status"] == "done"
        asked = await post(node, f"/api/jobs/{job['id']}/cancel", status=200)
        assert asked["cancel_requested"]
        ended = await over(node, job["id"])
        assert (ended["status"], ended["done"]) == ("cancelled", 1200)
        assert (await post(node, f"/api/jobs/{job['id']}/cancel", status=200))["status"] == "cancelled"
        stile.answer_all()
        await until(lambda: node.gateway.dispatcher.kept == 0, "everything recorded", timeout=15)
        found = await states(node, hook)
        assert found["cancelled"] >= 700, "only what is in memory already goes out"
        assert found["cancelled"] + found["delivered"] == 1200
        again = await post(node, f"/api/webhooks/{hook['id']}/replay", {"dry_run": True}, 200)
        assert again == {"matched": found["cancelled"]}, "the same order can be given again"
        live = await node.send("a.live")
        await until(lambda: live["id"] in ids(receiver.requests), "the live event")


async def test_a_job_ends_when_its_webhook_is_deleted(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        hook = await node.webhook(receiver.url(), ["a.*"], **ONCE)
        await failed_events(node, receiver, hook, 10)
        node.gateway.draining = True
        job = await post(node, f"/api/webhooks/{hook['id']}/redeliver")
        await node.call("DELETE", f"/api/webhooks/{hook['id']}")
        node.gateway.draining = False
        node.gateway.jobs.wake()
        ended = await over(node, job["id"])
        assert (ended["status"], ended["error"], ended["done"]) == ("failed", "webhook_deleted", 0)
        refused = await post(node, f"/api/jobs/{job['id']}/cancel", status=409)
        assert refused["error"] == "job_over"


async def test_an_erasure_cannot_be_taken_back(sqlite_database: str) -> None:
    async with running_node(sqlite_database) as node:
        erased = await post(node, "/api/erasures", {"phone": "+13175550142"}, 200)
        refused = await post(node, f"/api/jobs/{erased['id']}/cancel", status=409)
        assert refused["error"] == "job_over"
        assert (await over(node, erased["id"]))["status"] == "done"


async def test_a_fault_ends_the_job_and_not_the_worker(any_database: str, monkeypatch: Any) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        hook = await node.webhook(receiver.url(), ["a.*"], **ONCE)
        await failed_events(node, receiver, hook, 3)
        path = f"/api/webhooks/{hook['id']}/redeliver"
        with monkeypatch.context() as broken:
            broken.setattr(job_rows, "set_matched", None)
            ended = await over(node, (await post(node, path))["id"])
            assert (ended["status"], ended["error"]) == ("failed", "internal_error")
        assert (await over(node, (await post(node, path))["id"]))["done"] == 3


async def test_a_living_nodes_job_is_left_to_it_and_a_dead_ones_is_taken_over(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        hook = await node.webhook(receiver.url(), ["a.*"], **ONCE)
        await failed_events(node, receiver, hook, 3)
        gateway = node.gateway
        gateway.draining = True
        job = await post(node, f"/api/webhooks/{hook['id']}/redeliver")
        mine, other = gateway.lease.id, new_id("lse", gateway.clock.now())
        async with gateway.store.transaction() as tx:
            await leases.create(tx.conn, other, "another", gateway.clock.now())
            await tx.conn.execute(update(jobs).where(jobs.c.id == job["id"]).values(lease=other))
            assert await job_rows.take(tx.conn, mine, gateway.clock.now()) is None
            await leases.end(tx.conn, other)
            taken = await job_rows.take(tx.conn, mine, gateway.clock.now())
            assert taken is not None
            assert taken.id == job["id"]
            stale = await job_rows.find(tx.conn, None, job["id"])
            assert stale is not None
            moved = {"to": "5", "done": 1, "failed": 0, "now": gateway.clock.now()}
            assert not await job_rows.advance(tx.conn, stale, "4", **moved), "it does not stand there"
            assert await job_rows.advance(tx.conn, stale, None, **moved)
            await tx.conn.execute(update(jobs).values(lease=other))
            assert not await job_rows.advance(tx.conn, stale, "5", **moved), "another node's by now"

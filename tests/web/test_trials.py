"""Test deliveries: one request now, whatever the webhook's state; in the history, and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from gateway.dispatch import trial as dispatch_trial
from gateway.domain.event_types import CATALOGUE
from gateway.domain.own_types import OWN, example
from gateway.signing import verify
from tests.support.node import Node, running_node
from tests.support.receiver import Receiver, silence

pytestmark = pytest.mark.anyio


@pytest.fixture
async def node(sqlite_database: str) -> AsyncIterator[Node]:
    async with running_node(sqlite_database) as node:
        yield node


async def trial(node: Node, webhook_id: str, body: Any = None, **kw: Any) -> httpx.Response:
    return await node.call("POST", f"/api/webhooks/{webhook_id}/test", json=body, **kw)


async def test_a_test_is_signed_marked_and_told(any_database: str) -> None:
    async with running_node(any_database) as node, Receiver() as receiver:
        receiver.respond(201, body=b"thanks")
        hook = await node.webhook(receiver.url("/a"))
        answer = (await trial(node, hook["id"])).json()
        [request] = await receiver.wait_for(1)
        seen = request.json()
        verify(request.body, dict(request.headers), [hook["secret"]])
        assert request.header("X-HUM-Test") == "true"
        assert request.header("X-HUM-Attempt") == "1"
        assert (seen["type"], seen["test"], seen["org_id"]) == ("webhook.test", True, "acme")
        assert request.header("webhook-id") == seen["id"]
        assert answer == {
            "ok": True, "status_code": 201, "duration_ms": answer["duration_ms"], "error": None,
            "error_detail": "", "response_body": "thanks", "delivery_id": request.header("X-HUM-Delivery"),
        }  # fmt: skip
        kept = await node.delivery(answer["delivery_id"])
        assert (kept["test"], kept["status"], kept["attempts_made"]) == (True, "delivered", 1)
        assert kept["payload"] == seen
        [attempt] = kept["attempts"]
        assert (attempt["status_code"], attempt["response_body"]) == (201, "thanks")
        assert ["X-HUM-Test", "true"] in attempt["request_headers"]
        listed = (await node.call("GET", f"/api/webhooks/{hook['id']}/deliveries")).json()["data"]
        assert [one["id"] for one in listed] == [answer["delivery_id"]]


@pytest.mark.parametrize("type_", [*CATALOGUE, *OWN])
async def test_every_known_type_has_a_sample(node: Node, type_: str) -> None:
    async with Receiver() as receiver:
        hook = await node.webhook(receiver.url())
        answer = await trial(node, hook["id"], {"type": type_})
        assert answer.json()["ok"]
        [request] = await receiver.wait_for(1)
        assert (request.json()["type"], request.json()["data"]) == (type_, example(type_)["data"])
        assert (await node.delivery(answer.json()["delivery_id"]))["payload"] == request.json()


async def test_an_unknown_type_is_refused(node: Node) -> None:
    hook = await node.webhook("http://127.0.0.1:9/")
    for wrong in ({"type": "no.such"}, {"type": None}, {"kind": "x"}):
        assert (await trial(node, hook["id"], wrong)).status_code == 422
    assert (await trial(node, "whk_nothing")).status_code == 404
    assert not await node.deliveries()


async def test_it_goes_out_while_disabled_held_or_behind_the_breaker(node: Node) -> None:
    async with Receiver() as receiver:
        hook = await node.webhook(receiver.url())
        await node.call("POST", f"/api/webhooks/{hook['id']}/disable")
        assert (await trial(node, hook["id"])).json()["ok"]
        await node.call("POST", f"/api/webhooks/{hook['id']}/enable")
        receiver.respond(503, headers=[("Retry-After", "3000")], times=1)
        await node.send()
        await receiver.wait_for(2)
        assert (await trial(node, hook["id"])).json()["ok"]
        target = node.gateway.dispatcher.targets[hook["id"]]
        for _ in range(20):
            target.breaker.record(answered=False, now=node.gateway.clock.monotonic())
        assert (await trial(node, hook["id"])).json()["ok"]


async def test_a_failing_test_counts_nowhere(node: Node) -> None:
    async with Receiver() as receiver:
        hook = await node.webhook(receiver.url(), ["a.b"], retry_schedule=[1])
        ear = await node.webhook(receiver.url("/ear"), list(OWN))
        before = node.gateway.metrics.render()
        for status in (500, 410, 503):
            headers = [("Retry-After", "3000")] if status == 503 else []
            receiver.respond(status, headers=headers, times=1)
            answer = (await trial(node, hook["id"])).json()
            assert (answer["ok"], answer["status_code"], answer["error"]) == (False, status, "http_status")
        seen = (await node.call("GET", f"/api/webhooks/{hook['id']}")).json()
        assert (seen["status"], seen["failing_since"], seen["last_delivery"]) == ("enabled", None, None)
        tests = await node.deliveries()
        assert [(one["status"], one["test"], one["next_attempt_at"]) for one in tests] == [
            ("failed", True, None)
        ] * 3
        assert hook["id"] not in node.gateway.dispatcher.targets
        for name in (b"attempts_total", b"deliveries_created"):
            assert lines(before, name) == lines(node.gateway.metrics.render(), name)
        assert len(receiver.requests) == 3
        assert not await node.deliveries(type="delivery.failed")
        assert ear["id"] not in {one["target"]["id"] for one in tests}
        assert not (await node.call("GET", "/api/events")).json()["data"]


def lines(metrics: bytes, name: bytes) -> list[bytes]:
    return [line for line in metrics.splitlines() if name in line]


async def test_what_the_receiver_repeats_of_secrets_is_masked(node: Node) -> None:
    async with Receiver() as receiver:
        hook = await node.webhook(receiver.url(), headers={"X-Token": "tok-12345678"})
        receiver.respond(200, body=f"{hook['secret']} tok-12345678 rest".encode())
        answer = (await trial(node, hook["id"])).json()
        assert answer["response_body"] == "[secret] [secret] rest"
        text = (await node.call("GET", f"/api/deliveries/{answer['delivery_id']}")).text
        assert hook["secret"] not in text
        assert "tok-12345678" not in text


async def test_the_guard_stands_before_tests_too(sqlite_database: str) -> None:
    async with running_node(sqlite_database, allow_networks="") as node:
        hook = await node.webhook("https://localtest.example/")
        async with node.gateway.store.transaction() as tx:  # as if its name led there
            org = await node.gateway.directory.living_inside(tx.conn, "acme")
            sealed = org.organization.cipher.seal(*await revision(tx, hook["id"]), b"https://127.0.0.1:8443/")
            await tx.conn.exec_driver_sql("UPDATE revisions SET url = ?", (sealed,))
        answer = (await trial(node, hook["id"])).json()
        assert (answer["ok"], answer["error"], answer["status_code"]) == (False, "target_denied", None)
        assert answer["error_detail"] == "this address is not open to webhooks (loopback)"


async def revision(tx: Any, webhook_id: str) -> tuple[str, str]:
    row = await tx.conn.exec_driver_sql("SELECT revision_id FROM webhooks WHERE id = ?", (webhook_id,))
    return str(row.scalar_one()), "url"


async def test_one_at_a_time_and_a_few_a_second(node: Node) -> None:
    async with Receiver() as receiver:
        receiver.behave(silence(), path="/slow")
        slow = await node.webhook(receiver.url("/slow"), timeout_ms=1000)
        first = asyncio.create_task(trial(node, slow["id"]))
        await receiver.wait_for(1)
        again = await trial(node, slow["id"])
        assert (again.status_code, again.json()["error"]) == (429, "rate_limited")
        assert int(again.headers["Retry-After"]) >= 1
        assert (await first).json()["error"] == "timeout"
        quick = [await node.webhook(receiver.url(f"/{n}")) for n in range(12)]
        made = await asyncio.gather(*(trial(node, hook["id"]) for hook in quick))
        counts = [one.status_code for one in made]
        assert counts.count(200) <= 5 < counts.count(429)
        async with asyncio.timeout(5):
            while (await trial(node, quick[0]["id"])).status_code == 429:
                await asyncio.sleep(0.05)


async def test_one_organizations_tests_leave_places_to_the_others(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch_trial, "MOST_AT_ONCE", 6)
    async with running_node(sqlite_database) as node, Receiver() as receiver:
        receiver.behave(silence(), path="/slow")
        slow = [await node.webhook(receiver.url("/slow"), timeout_ms=2000) for _ in range(4)]
        under_way = [asyncio.create_task(trial(node, hook["id"])) for hook in slow[:3]]
        await receiver.wait_for(3)
        refused = await trial(node, slow[3]["id"])
        assert (refused.status_code, refused.json()["error"]) == (429, "rate_limited")
        body = {"url": receiver.url(), "events": ["*"]}
        other = (await node.call("POST", "/api/webhooks", json=body, org="other")).json()
        assert (await trial(node, other["id"], org="other")).json()["ok"]
        assert [(await one).json()["error"] for one in under_way] == ["timeout"] * 3


async def test_the_same_key_sends_once_and_no_transaction_is_open_meanwhile(any_database: str) -> None:
    async with running_node(any_database) as node, Receiver() as receiver:
        receiver.behave(silence(), path="/slow")
        slow = await node.webhook(receiver.url("/slow"), timeout_ms=2000)
        key = {"Idempotency-Key": "once"}
        first = asyncio.create_task(trial(node, slow["id"], headers=key))
        await receiver.wait_for(1)
        meanwhile = await trial(node, slow["id"], headers=key)
        assert meanwhile.json()["error"] == "idempotency_in_progress"
        async with asyncio.timeout(1.5):  # the writer is free
            await node.webhook(receiver.url("/other"))
        answer = await first
        again = await trial(node, slow["id"], headers=key)
        assert again.json() == answer.json()
        assert again.headers["Idempotent-Replayed"] == "true"
        assert len([one for one in receiver.requests if one.path == "/slow"]) == 1


async def test_a_platform_key_needs_its_scope_to_read_what_came_back(node: Node) -> None:
    async with Receiver() as receiver:
        hook = await node.webhook(receiver.url())
        key = await node.new_key(None, scopes=["manage"])
        answer = await trial(node, hook["id"], key=key, headers={"X-HUM-Org": "acme"})
        assert (answer.json()["ok"], answer.json()["response_body"]) == (True, None)

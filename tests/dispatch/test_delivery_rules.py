"""Proof C1: what each answer does to a delivery, and what is kept of every attempt."""

from __future__ import annotations

import base64
import ssl
import time
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pytest
import trustme
from sqlalchemy import select

from gateway.domain.exchange import STORED_BODY_BYTES
from gateway.store.tables import deliveries
from tests.support import receiver as r
from tests.support.clock import until
from tests.support.node import Node, running_node
from tests.support.receiver import Receiver, Wire

pytestmark = pytest.mark.anyio

LATER = "86400"  # a schedule whose only retry comes after the test
BODY_STATUSES = [status for status in range(200, 600) if status != 410]


async def idle(node: Node) -> None:
    """Everything that could be sent has been sent and written down."""
    await until(lambda: node.gateway.dispatcher.kept == 0, "nothing in memory any more", timeout=20)


async def only_delivery(node: Node, webhook: dict[str, Any]) -> dict[str, Any]:
    answer = await node.call("GET", f"/api/webhooks/{webhook['id']}/deliveries")
    [row] = answer.json()["data"]
    return await node.delivery(row["id"])


async def every(node: Node, **query: str) -> list[dict[str, Any]]:
    """All deliveries, page by page, the oldest first."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        parameters = {"limit": "200", **query, **cursor}
        page = (await node.call("GET", "/api/deliveries", params=parameters)).json()
        found += page["data"]
        if page["next_cursor"] is None:
            return found[::-1]
        cursor = {"cursor": page["next_cursor"]}


async def webhook_now(node: Node, webhook: dict[str, Any]) -> dict[str, Any]:
    answer = await node.call("GET", f"/api/webhooks/{webhook['id']}")
    found: dict[str, Any] = answer.json()
    return found


async def answer_as_told(wire: Wire, request: r.Received) -> bool:
    """The status that the event's data names, with a Location that must not be followed."""
    status = request.json()["data"]["status"]
    return await r.answer(status, [("Location", "/elsewhere")], b"b")(wire, request)


@pytest.mark.proof
async def test_every_final_status_ends_as_the_contract_says(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database, retry_schedule=LATER) as node:
        receiver.behave(answer_as_told)
        await node.webhook(receiver.url("/hook"))
        events = [{"type": "s.t", "data": {"status": status}} for status in BODY_STATUSES]
        answer = await node.call("POST", "/api/events/batch", json={"events": events})
        told = {item["id"]: s for item, s in zip(answer.json()["data"], BODY_STATUSES, strict=True)}
        await receiver.wait_for(len(told), timeout=30)
        await idle(node)
        found = [row for kind in ("delivered", "pending") for row in await every(node, status=kind)]
    wrong = [d for d in found if not _as_the_contract_says(d, told[d["event_id"]])]
    print(f"C1 {len(found)} final statuses, {len(wrong)} wrong, {len(receiver.requests)} requests")
    assert len(found) == len(BODY_STATUSES)
    assert wrong == []
    assert {request.path for request in receiver.requests} == {"/hook"}, "a redirect was followed"
    assert len(receiver.requests) == len(BODY_STATUSES), "a status was answered by another request"


def _as_the_contract_says(delivery: dict[str, Any], status: int) -> bool:
    seen = (
        delivery["status"],
        delivery["last_status_code"],
        delivery["last_error"],
        delivery["attempts_made"],
    )
    if 200 <= status < 300:
        return seen == ("delivered", status, None, 1) and delivery["next_attempt_at"] is None
    if seen != ("pending", status, "http_status", 1):
        return False
    wait = _seconds(delivery["next_attempt_at"]) - _seconds(delivery["created_at"])
    return 0.8 * 86400 <= wait <= 1.2 * 86400 + 30


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_control_the_judgement_sees_a_wrong_state() -> None:
    good = {
        "status": "delivered", "last_status_code": 200, "last_error": None, "attempts_made": 1,
        "next_attempt_at": None, "created_at": "2026-11-20T21:05:09.123Z",
    }  # fmt: skip
    assert _as_the_contract_says(good, 200)
    assert not _as_the_contract_says(good, 302)
    for name, value in (("status", "pending"), ("attempts_made", 2), ("last_error", "http_status")):
        assert not _as_the_contract_says(good | {name: value}, 200)
    retried = good | {"status": "pending", "last_status_code": 500, "last_error": "http_status"}
    assert _as_the_contract_says(retried | {"next_attempt_at": "2026-11-21T21:05:09.123Z"}, 500)
    assert not _as_the_contract_says(retried | {"next_attempt_at": "2026-11-20T21:05:14.123Z"}, 500)


ODD = [
    # What is sent, the status and the error that are kept, and what becomes of the delivery.
    *((b"HTTP/1.1 %d Early\r\n\r\n" % code, None, "reset") for code in (100, 102, 103, 150, 199)),
    (b"HTTP/1.1 101 Switching\r\n\r\n", 101, "http_status"),
    (b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 204 Fine\r\n\r\n", 204, None),
    (b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 500 Bad\r\nContent-Length: 0\r\n\r\n", 500, "http_status"),
    (b"HTTP/1.1 600 Beyond\r\nContent-Length: 0\r\n\r\n", 600, "http_status"),
    (b"HTTP/1.1 999 Denied\r\nContent-Length: 0\r\n\r\n", 999, "http_status"),
    (b"HTTP/1.1 20 Short\r\nContent-Length: 0\r\n\r\n", None, "protocol"),
    (b"HTTP/1.1 2000 Long\r\nContent-Length: 0\r\n\r\n", None, "protocol"),
    (b"HTTP/1.1 OK\r\nContent-Length: 0\r\n\r\n", None, "protocol"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", 200, "reset"),
]


@pytest.mark.proof
async def test_statuses_that_only_a_raw_receiver_sends(sqlite_database: str) -> None:
    async with Receiver() as receiver, running_node(sqlite_database, retry_schedule=LATER) as node:
        hooks = []
        for number, (data, _, _) in enumerate(ODD):
            receiver.behave(r.raw(data), path=f"/{number}")
            hooks.append(await node.webhook(receiver.url(f"/{number}"), timeout_ms=2000))
        await node.send()
        await receiver.wait_for(len(ODD))
        await idle(node)
        kept = [await only_delivery(node, hook) for hook in hooks]
    seen = [(d["last_status_code"], d["last_error"], d["status"]) for d in kept]
    assert seen == [(code, error, "pending" if error else "delivered") for _, code, error in ODD]
    assert len(receiver.requests) == len(ODD)
    print(f"C1 {len(ODD)} odd answers, each judged as it should be")


async def test_410_disables_at_once_collects_and_goes_on_oldest_first(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database, retry_schedule=LATER) as node:
        receiver.respond(410, path="/gone")
        receiver.respond(200, path="/other")
        hook = await node.webhook(receiver.url("/gone"), ["a.*"])
        await node.webhook(receiver.url("/other"), ["b.*"])
        order = [(await node.send("a.n1"))["id"]]
        [request] = await receiver.wait_for(1)
        while (await webhook_now(node, hook))["status"] == "enabled":
            assert time.monotonic() - request.at < 1.0, "not disabled within 1 s"
        for number in range(2, 7):
            sent = await node.send(f"a.n{number}")
            assert sent["deliveries"] == 1, "a webhook that is gone goes on collecting"
            order.append(sent["id"])
        await node.send("b.n1")
        await receiver.wait_for(1, path="/other")
        gone = await webhook_now(node, hook)
        assert (gone["status"], gone["disabled_reason"]) == ("disabled", "gone")
        assert [d["status"] for d in await node.deliveries(type="a.n2")] == ["pending"]
        assert len(await receiver.wait_for(1, path="/gone")) == 1, "an attempt after the 410"

        receiver.respond(200, path="/gone")
        answer = await node.call("PATCH", f"/api/webhooks/{hook['id']}", json={"enabled": True})
        assert answer.status_code == 200, answer.text
        again = (await receiver.wait_for(7, path="/gone"))[1:]
        await idle(node)
        assert {request.header("webhook-id") for request in again} == set(order)
        made = [await node.delivery(d["id"]) for d in await node.deliveries() if d["event_type"] < "b"]
        assert [d["status"] for d in made] == ["delivered"] * 6
        assert [d["attempts_made"] for d in made] == [2, 1, 1, 1, 1, 1]
        begun = {d["event_id"]: d["attempts"][-1]["started_at"] for d in made}
        assert min(begun, key=begun.__getitem__) == order[0], "not the oldest first"


async def test_an_attempt_is_kept_and_shown_in_full(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database, retry_schedule="1") as node:
        long = b"x" * (STORED_BODY_BYTES + 1)
        receiver.respond(500, [("X-Reason", "caf\u00e9"), ("X-Twice", "1"), ("X-Twice", "2")], long, times=1)
        receiver.respond(201, body=b'{"ok": true}')
        hook = await node.webhook(receiver.url("/hook?a=1"), headers={"X-Env": "production"})
        await node.send()
        requests = await receiver.wait_for(2)
        await idle(node)
        delivery = await only_delivery(node, hook)
    first, second = delivery["attempts"]
    for attempt, request in zip((first, second), requests, strict=True):
        own = [(n, v) for n, v in request.headers if n not in ("Host", "Accept-Encoding", "Content-Length")]
        shown = [(n, v) for n, v in attempt["request_headers"]]
        assert shown == [(n, "[secret]" if n == "X-Env" else v) for n, v in own]
        assert attempt["remote_ip"] == "127.0.0.1"
        assert 0 <= attempt["duration_ms"] < 5000
        assert attempt["url"] == receiver.url("/hook?a=1")
        assert not attempt["held"]
    assert (first["number"], first["status_code"], first["error"]) == (1, 500, "http_status")
    assert (first["response_body"], first["response_truncated"]) == ("x" * STORED_BODY_BYTES, True)
    assert [v for n, v in first["response_headers"] if n == "X-Twice"] == ["1", "2"]
    assert (second["number"], second["status_code"], second["error"]) == (2, 201, None)
    assert (second["response_body"], second["response_truncated"]) == ('{"ok": true}', False)
    waited = _seconds(second["started_at"]) - _seconds(first["started_at"]) - first["duration_ms"] / 1000
    assert 0.79 <= waited < 6
    assert (delivery["status"], delivery["attempts_made"]) == ("delivered", 2)
    assert delivery["payload"] == requests[0].json()


async def test_secrets_that_a_receiver_echoes_are_not_kept(any_database: str) -> None:
    value = "Customer/Value+with=odd characters"
    async with Receiver() as receiver, running_node(any_database, retry_schedule=LATER) as node:
        hook = await node.webhook(
            receiver.url(), headers={"X-Api-Key": value, "Authorization": "Bearer t0k3n-abc"}
        )
        plain = [hook["secret"], hook["secret"].removeprefix("whsec_"), value, "t0k3n-abc"]
        spellings = [s for text in plain for s in (text, _base64(text), quote(text, safe=""))]
        filler = "z" * (STORED_BODY_BYTES - 60)  # one echo lies across the cut
        echo = " | ".join(spellings) + filler + hook["secret"] * 2
        receiver.respond(500, [("X-Echo", " ".join(spellings)), ("t0k3n-abc", "1")], echo.encode())
        await node.send()
        await receiver.wait_for(1)
        await idle(node)
        delivery = await only_delivery(node, hook)
    [attempt] = delivery["attempts"]
    kept = repr(attempt)
    assert attempt["response_body"].count("[secret]") >= len(spellings) - 2
    assert dict(attempt["response_headers"])["X-Echo"].startswith("[secret] [secret] [secret]")
    assert dict(attempt["response_headers"])["[secret]"] == "1"
    assert [s for s in spellings if s in kept] == []
    key = plain[1]
    assert [key[i : i + 12] for i in range(len(key) - 12) if key[i : i + 12] in kept] == []


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode().rstrip("=")


async def test_exhausted_after_exactly_one_attempt_more_than_the_schedule_has_waits(
    any_database: str,
) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        receiver.respond(500)
        hook = await node.webhook(receiver.url(), retry_schedule=[1, 1])
        await node.send()
        await receiver.wait_for(3, timeout=15)
        await idle(node)
        delivery = await only_delivery(node, hook)
        assert (delivery["status"], delivery["reason"], delivery["attempts_made"]) == (
            "failed",
            "exhausted",
            3,
        )
        assert [attempt["number"] for attempt in delivery["attempts"]] == [1, 2, 3]
        assert delivery["completed_at"] is not None
        assert delivery["next_attempt_at"] is None
        assert len(receiver.requests) == 3


async def test_a_delivery_whose_time_is_over_fails_as_expired(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database, retry_schedule=LATER) as node:
        receiver.respond(500)
        hook = await node.webhook(receiver.url())
        await node.send(expires_in=1)
        deadline = time.monotonic() + 10
        while (delivery := await only_delivery(node, hook))["status"] != "failed":
            assert time.monotonic() < deadline, delivery
        assert (delivery["reason"], delivery["attempts_made"]) == ("expired", 1)
        assert len(receiver.requests) == 1


async def test_retry_after_holds_the_whole_webhook_and_uses_no_step(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database, retry_schedule=LATER) as node:
        receiver.respond(429, [("Retry-After", "2")], path="/held", times=1)
        hook = await node.webhook(receiver.url("/held"))
        await node.webhook(receiver.url("/free"))
        await node.send()
        await receiver.wait_for(1, path="/held")
        await idle(node)
        assert (await webhook_now(node, hook))["failing_since"] is None, "a pause is no failure"
        for _ in range(3):
            await node.send()
        free = await receiver.wait_for(4, path="/free")
        held = await receiver.wait_for(5, path="/held", timeout=10)
        await idle(node)
        assert all(request.at - held[0].at >= 1.9 for request in held[1:]), "sent during the hold"
        assert free[-1].at < held[1].at, "the other webhook waited too"
        first = await node.delivery(str(held[0].header("X-HUM-Delivery")))
        assert [(a["status_code"], a["held"]) for a in first["attempts"]] == [(429, True), (200, False)]
        async with node.gateway.store.reading() as conn:
            steps = (await conn.execute(select(deliveries.c.steps_used))).scalars().all()
        assert set(steps) == {0}


async def test_a_hold_survives_a_restart(any_database: str) -> None:
    async with Receiver() as receiver:
        receiver.respond(503, [("Retry-After", "3")], path="/held", times=1)
        async with running_node(any_database, retry_schedule=LATER) as node:
            hook = await node.webhook(receiver.url("/held"), ["held.*"])
            await node.webhook(receiver.url("/free"), ["free.*"])
            await node.send("held.one")
            [first] = await receiver.wait_for(1, path="/held")
            await idle(node)
        async with running_node(any_database, retry_schedule=LATER) as node:
            await node.send("held.two")  # a new delivery for a webhook that this process has never seen
            await node.send("free.one")
            await receiver.wait_for(1, path="/free")
            held = await receiver.wait_for(3, path="/held", timeout=15)
            await idle(node)
            assert [round(r.at - first.at, 1) for r in held[1:] if r.at - first.at < 2.9] == []
            assert {d["status"] for d in await node.deliveries()} == {"delivered"}
            assert (await webhook_now(node, hook))["last_delivery"]["status_code"] == 200


async def test_failures_without_an_answer_have_their_words(any_database: str) -> None:
    certificate = trustme.CA().issue_cert("127.0.0.1")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    async with Receiver() as receiver, Receiver(tls=context) as untrusted, Receiver() as closed:
        refused = closed.url()
        for path, behaviour in {
            "/timeout": r.silence(),
            "/slow-body": r.drip_body(),
            "/reset": r.reset(),
            "/closed": r.close_without_answer(),
            "/protocol": r.raw(b"220 smtp.example.com ESMTP\r\n\r\n"),
        }.items():
            receiver.behave(behaviour, path=path)
        await closed.__aexit__(None, None, None)
        urls = {
            refused: ("connect_refused", None),
            receiver.url("/timeout"): ("timeout", None),
            receiver.url("/slow-body"): ("timeout", 200),
            receiver.url("/reset"): ("reset", None),
            receiver.url("/closed"): ("reset", None),
            receiver.url("/protocol"): ("protocol", None),
            untrusted.url(): ("tls", None),
            "https://no-such-host.example.net/": ("target_unreachable", None),
        }
        async with running_node(any_database, retry_schedule=LATER, dns_servers="127.0.0.1:9") as node:
            hooks = {url: await node.webhook(url, timeout_ms=1000) for url in urls}
            await node.send()
            await idle(node)
            kept = {url: await only_delivery(node, hook) for url, hook in hooks.items()}
    for url, (word, status) in urls.items():
        [attempt] = kept[url]["attempts"]
        seen = (attempt["error"], attempt["status_code"], kept[url]["last_error"], kept[url]["status"])
        assert seen == (word, status, word, "pending"), url
        assert attempt["error_detail"], "a sentence for a person"
    names_host = kept["https://no-such-host.example.net/"]["attempts"][0]
    assert names_host["remote_ip"] is None

"""`POST /api/connectors/{id}/changes`: no API key, but a signature; and what is known is asked anew."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from gateway.clock import SystemClock, format_time
from gateway.domain.pace import Budget, Pace
from gateway.manage.changes import MOST_NUMBERS, MOST_PER_SECOND, NUMBERS_SECONDS
from gateway.signing import body_signature, sign
from tests.support.node import Node, running_node
from tests.support.receiver import Receiver
from tests.web.test_connector_log import FOUND, JSON, PHONE, entry, log, looked_up, resolve

pytestmark = pytest.mark.anyio

BODY = json.dumps({"phones": [PHONE]}).encode()


class TurnedClock(SystemClock):
    later = 0

    def now(self) -> int:
        return super().now() + self.later


@pytest.fixture
async def node(sqlite_database: str) -> AsyncIterator[Node]:
    async with running_node(sqlite_database) as node:
        yield node


@pytest.fixture
async def bridge(node: Node) -> dict[str, Any]:
    return await node.connector("https://bridge.example.com")


async def send(
    node: Node, connector_id: str, content: bytes = BODY, headers: dict[str, str] | None = None
) -> httpx.Response:
    """As a connector's side asks: without an API key."""
    return await node.http.post(
        f"/api/connectors/{connector_id}/changes", content=content, headers=headers or {}
    )


def signed(node: Node, secret: str, body: bytes = BODY, *, ago: int = 0) -> dict[str, str]:
    return sign(body, secret, id="msg_1", timestamp=node.gateway.clock.now() // 1000 - ago)


def body_only(node: Node, secret: str, *, ago: int = 0, **more: Any) -> tuple[bytes, dict[str, str]]:
    at = format_time(node.gateway.clock.now() - ago * 1000)
    body = json.dumps({"phones": [PHONE], "timestamp": at} | more).encode()
    return body, {"X-HUM-Signature": body_signature(secret, body)}


def is_refused(answer: httpx.Response, reason: str) -> bool:
    assert answer.status_code == 401, answer.text
    assert answer.headers["WWW-Authenticate"] == "HUM-Signature"
    assert answer.json()["error"] == "signature_invalid"
    assert answer.json()["message"].startswith(f"{reason}: "), answer.text
    return True


async def test_what_has_changed_is_asked_anew(any_database: str) -> None:
    async with running_node(any_database) as node, Receiver() as receiver:
        receiver.respond(200, headers=JSON, body=FOUND)
        made = await node.connector(receiver.url("/crm"))
        other = await node.connector(receiver.url("/other"))
        await resolve(node)
        await looked_up(node, made["id"])
        await looked_up(node, other["id"])
        await resolve(node)
        assert len(receiver.requests) == 2, "known"
        answer = await send(node, made["id"], headers=signed(node, made["secret"]))
        assert (answer.status_code, answer.json()) == (202, {"dropped": 1})
        again = await send(node, made["id"], headers=signed(node, made["secret"]))
        assert again.json() == {"dropped": 0}
        await resolve(node)
        assert [request.path for request in receiver.requests[2:]] == ["/crm/contacts/lookup"]


async def test_x_hum_signature_alone_counts_with_a_time_in_the_body(
    node: Node, bridge: dict[str, Any]
) -> None:
    body, headers = body_only(node, bridge["secret"], ago=270)
    assert (await send(node, bridge["id"], body, headers)).status_code == 202
    headers = {"X-HUM-Signature": body_signature(bridge["secret"], BODY)}
    assert is_refused(await send(node, bridge["id"], BODY, headers), "replay_unprotected")
    for ago, reason in ((330, "timestamp_too_old"), (-330, "timestamp_too_new")):
        body, headers = body_only(node, bridge["secret"], ago=ago)
        assert is_refused(await send(node, bridge["id"], body, headers), reason)


async def test_every_live_secret_signs_and_no_other(sqlite_database: str) -> None:
    clock = TurnedClock()
    async with running_node(sqlite_database, clock=clock) as node:
        bridge = await node.connector("https://bridge.example.com", secret="the bridge's own secret")
        path = f"/api/connectors/{bridge['id']}/rotate-secret"
        fresh = (await node.call("POST", path, json={"grace_period_seconds": 600})).json()["secret"]
        for secret in ("the bridge's own secret", fresh):
            assert (await send(node, bridge["id"], headers=signed(node, secret))).status_code == 202
        clock.later = 601_000
        old = await send(node, bridge["id"], headers=signed(node, "the bridge's own secret"))
        assert is_refused(old, "signature_mismatch")
        assert (await send(node, bridge["id"], headers=signed(node, fresh))).status_code == 202


async def test_whatever_is_wrong_with_the_signature_is_401(node: Node, bridge: dict[str, Any]) -> None:
    good = signed(node, bridge["secret"])
    other = await node.connector("https://bridge.example.com")
    cases: list[tuple[str, dict[str, str], bytes]] = [
        ("missing_header", {}, BODY),
        ("missing_header", {"Authorization": f"Bearer {node.key}"}, BODY),
        ("missing_header", {name: value for name, value in good.items() if name != "webhook-id"}, BODY),
        ("signature_mismatch", good, BODY + b" "),
        ("signature_mismatch", signed(node, other["secret"]), BODY),
        ("signature_mismatch", good | {"webhook-id": "msg_2"}, BODY),
        ("malformed_signature", good | {"webhook-signature": "v1,"}, BODY),
        ("timestamp_too_old", signed(node, bridge["secret"], ago=330), BODY),
        ("timestamp_too_new", signed(node, bridge["secret"], ago=-330), BODY),
        ("invalid_timestamp", good | {"webhook-timestamp": "1e9"}, BODY),
    ]  # fmt: skip
    for reason, headers, body in cases:
        assert is_refused(await send(node, bridge["id"], body, headers), reason)
        assert bridge["secret"] not in (await send(node, bridge["id"], body, headers)).text
    assert await log(node, bridge["id"]) == []


async def test_nobody_learns_which_connectors_there_are(node: Node, bridge: dict[str, Any]) -> None:
    """One that is there, one that was, and one that never was answer alike whoever cannot sign."""
    gone = await node.connector("https://bridge.example.com")
    await node.call("DELETE", f"/api/connectors/{gone['id']}")
    own = signed(node, gone["secret"])
    assert is_refused(await send(node, gone["id"], headers=own), "signature_mismatch")
    hook = await node.webhook("https://example.com/")
    for headers in ({}, own, own | {"webhook-timestamp": "1"}, own | {"webhook-signature": "v1,"}):
        seen = set()
        for one in (bridge["id"], gone["id"], hook["id"], "cnr_" + "0" * 26, "x", "cnr_%00", "%2e"):
            answer = await send(node, one, headers=headers)
            shown = {k: v for k, v in answer.headers.items() if k not in ("x-request-id", "content-length")}
            body = answer.json() | {"request_id": ""}
            seen.add((answer.status_code, repr(shown), repr(body)))
        assert len(seen) == 1, seen


async def test_it_is_verified_before_it_is_read(node: Node, bridge: dict[str, Any]) -> None:
    for body in (b"{", b"[]", b'{"phones": []}', b'{"phones": ["5"]}', b'{"phones": ["+1317"], "a": 1}'):
        assert is_refused(
            await send(node, bridge["id"], body, signed(node, "x" * 20, body)), "signature_mismatch"
        )
        read = await send(node, bridge["id"], body, signed(node, bridge["secret"], body))
        assert read.status_code in (400, 422), read.text
    large = json.dumps({"phones": [PHONE] * 10_000}).encode()
    assert (await send(node, bridge["id"], large, {})).status_code == 413
    text = signed(node, bridge["secret"]) | {"Content-Type": "text/plain"}
    assert (await send(node, bridge["id"], BODY, text)).status_code == 415


async def test_it_stands_in_the_log_without_the_numbers(node: Node, bridge: dict[str, Any]) -> None:
    agent = "bridge/1 " + "x" * 480 + bridge["secret"]  # cut where only a part of the secret would stay
    headers = signed(node, bridge["secret"]) | {"User-Agent": agent, "X-Other": bridge["secret"]}
    await send(node, bridge["id"], headers=headers)
    [row] = await log(node, bridge["id"])
    assert (row["kind"], row["status_code"], row["delivery_id"], row["error"]) == ("changes", 202, None, None)
    shown = await entry(node, row["id"])
    assert PHONE not in json.dumps(shown)
    assert bridge["secret"][:12] not in json.dumps(shown)
    assert json.loads(shown["response_body"]) == {"dropped": 0}
    sent = dict(map(tuple, shown["request_headers"]))
    assert sent["webhook-id"] == "msg_1"
    assert "x-other" not in sent


async def test_a_thousand_numbers_at_once_and_so_many_requests(node: Node, bridge: dict[str, Any]) -> None:
    many = json.dumps({"phones": [f"+1317555{number:04}" for number in range(1000)]}).encode()
    answer = await send(node, bridge["id"], many, signed(node, bridge["secret"], many))
    assert (answer.status_code, answer.json()) == (202, {"dropped": 0})
    node.gateway.services.changes._pace = Pace(MOST_PER_SECOND, lambda: 0.0)
    headers = signed(node, bridge["secret"])
    codes = [
        (await send(node, bridge["id"], headers=headers)).status_code for _ in range(MOST_PER_SECOND + 1)
    ]
    assert codes == [202] * MOST_PER_SECOND + [429]


async def test_the_same_key_is_answered_alike(node: Node, bridge: dict[str, Any]) -> None:
    headers = signed(node, bridge["secret"]) | {"Idempotency-Key": "k1"}
    first = await send(node, bridge["id"], headers=headers)
    again = await send(node, bridge["id"], headers=headers)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(await log(node, bridge["id"])) == 1


async def test_who_is_refused_opens_no_transaction(
    node: Node, bridge: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither above the numbers of an organization nor above the requests at once, with a key or without."""
    changes, store = node.gateway.services.changes, node.gateway.store
    changes._numbers = Budget(MOST_NUMBERS, NUMBERS_SECONDS, lambda: 0.0)
    opened, transaction, here = [], type(store).transaction, asyncio.current_task()

    def counting(self: Any, *args: Any, **options: Any) -> Any:
        if asyncio.current_task() is here:  # not what goes on behind
            opened.append(self)
        return transaction(self, *args, **options)

    monkeypatch.setattr(type(store), "transaction", counting)
    many = json.dumps({"phones": [f"+1317555{number:04}" for number in range(1000)]}).encode()
    headers = signed(node, bridge["secret"], many)
    assert [(await send(node, bridge["id"], many, headers)).status_code for _ in range(2)] == [202, 202]
    taken = len(opened)
    assert taken >= 2
    for more in ({}, {"Idempotency-Key": "k1"}):
        answer = await send(node, bridge["id"], many, headers | more)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "10")
    with changes.admitted(node.gateway.directory.known("acme").connectors[bridge["id"]], 0):
        with changes.admitted(node.gateway.directory.known("acme").connectors[bridge["id"]], 0):
            at_once = await send(node, bridge["id"], headers=signed(node, bridge["secret"]))
            assert at_once.status_code == 429
    assert len(opened) == taken
    assert not changes._under_way

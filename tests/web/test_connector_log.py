"""Pings, and the log of direct calls: what stands in it, for whom, and what never does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.domain.pace import Pace
from gateway.manage.pings import MOST_PER_SECOND
from gateway.signing import verify
from tests.support.node import Node, running_node
from tests.support.receiver import Received, Receiver, Wire, answer, silence

pytestmark = pytest.mark.anyio

JSON = [("Content-Type", "application/json")]
WELL = json.dumps({"ok": True, "name": "HubSpot", "version": "1.4"}).encode()
PHONE = "+13175550123"
FOUND = json.dumps(
    {"found": True, "contact": {"id": "7", "name": "Ada Example"}, "matches": 1, "match": "exact"}
).encode()


@pytest.fixture
async def node(sqlite_database: str) -> AsyncIterator[Node]:
    async with running_node(sqlite_database) as node:
        yield node


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        receiver.respond(200, headers=JSON, body=WELL, path="/crm/ping")
        receiver.respond(200, headers=JSON, body=FOUND, path="/crm/contacts/lookup")
        yield receiver


async def ping(node: Node, connector_id: str, **kw: Any) -> dict[str, Any]:
    answered = await node.call("POST", f"/api/connectors/{connector_id}/ping", **kw)
    assert answered.status_code == 200, answered.text
    found: dict[str, Any] = answered.json()
    return found


async def log(node: Node, connector_id: str, **query: Any) -> list[dict[str, Any]]:
    answered = await node.call("GET", f"/api/connectors/{connector_id}/requests", params=query)
    assert answered.status_code == 200, answered.text
    found: list[dict[str, Any]] = answered.json()["data"]
    return found


async def entry(node: Node, request_id: str, **kw: Any) -> dict[str, Any]:
    answered = await node.call("GET", f"/api/connector-requests/{request_id}", **kw)
    assert answered.status_code == 200, answered.text
    found: dict[str, Any] = answered.json()
    return found


async def test_a_ping_says_who_answers_and_stands_in_the_log(any_database: str, receiver: Receiver) -> None:
    async with running_node(any_database) as node:
        made = await node.connector(receiver.url("/crm"))
        found = await ping(node, made["id"])
        assert (found["ok"], found["status_code"], found["error"]) == (True, 200, None)
        assert (found["name"], found["version"]) == ("HubSpot", "1.4")
        [request] = await receiver.wait_for(1)
        verify(request.body, request.headers, made["secret"])
        assert request.header("Authorization") == f"Bearer {made['secret']}"
        assert request.json()["connector_id"] == made["id"]
        [row] = await log(node, made["id"])
        assert row["id"] == found["request_id"]
        assert (row["kind"], row["status_code"], row["error"]) == ("ping", 200, None)
        assert row["delivery_id"] == request.header("X-HUM-Delivery")


async def test_an_entry_shows_both_sides(node: Node, receiver: Receiver) -> None:
    made = await node.connector(receiver.url("/crm"))
    shown = await entry(node, (await ping(node, made["id"]))["request_id"])
    [request] = await receiver.wait_for(1)
    assert shown["url"] == receiver.url("/crm/ping")
    assert shown["request_body"] == request.body.decode()
    assert shown["response_body"] == WELL.decode()
    assert shown["payload"] == "kept"
    sent = dict(map(tuple, shown["request_headers"]))
    assert sent["Authorization"] == "Bearer [secret]"
    assert sent["X-HUM-Signature"] == request.header("X-HUM-Signature")
    assert dict(map(tuple, shown["response_headers"]))["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("behaviour", "error", "status"),
    [
        (answer(401, JSON, b"{}"), "refused", 401),
        (answer(404, JSON, b"{}"), "endpoint_missing", 404),
        (answer(500), "http_status", 500),
        (answer(200, JSON, b'{"ok": "yes"}'), "invalid_answer", 200),
        (answer(200, [("Content-Type", "text/html")], b"<h1>hello</h1>"), "invalid_json", 200),
        (silence(), "timeout", None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_is_wrong_with_a_connector_is_said(
    node: Node, receiver: Receiver, behaviour: Any, error: str, status: int | None
) -> None:
    receiver.behave(behaviour, path="/crm/ping")
    made = await node.connector(receiver.url("/crm"), timeout_ms=300)
    found = await ping(node, made["id"])
    assert (found["ok"], found["error"], found["status_code"]) == (False, error, status)
    assert found["error_detail"]
    [row] = await log(node, made["id"], result="failed")
    assert (row["error"], row["status_code"]) == (error, status)
    assert (await entry(node, row["id"]))["error_detail"] == found["error_detail"]


async def test_a_disabled_connector_can_be_pinged(node: Node, receiver: Receiver) -> None:
    made = await node.connector(receiver.url("/crm"), enabled=False)
    assert (await ping(node, made["id"]))["ok"]


async def test_a_ping_tells_which_secret_is_taken(node: Node, receiver: Receiver) -> None:
    """During a rotation the connector that refuses the old one is asked with the new one, and both tries
    stand in the log."""
    made = await node.connector(receiver.url("/crm"))
    path = f"/api/connectors/{made['id']}"
    rotated = (await node.call("POST", f"{path}/rotate-secret")).json()

    async def only_new(wire: Wire, request: Received) -> bool:
        takes = request.header("Authorization") == f"Bearer {rotated['secret']}"
        return await answer(200 if takes else 401, JSON, WELL if takes else b"{}")(wire, request)

    receiver.behave(only_new, path="/crm/ping")
    assert (await ping(node, made["id"]))["ok"]
    assert (await node.call("GET", path)).json()["rotation"]["confirmed"]
    tries = await log(node, made["id"], order="asc")
    assert [(one["status_code"], one["error"]) for one in tries] == [(401, "refused"), (200, None)]
    assert len({one["delivery_id"] for one in tries}) == 1


async def test_pings_are_few_at_a_time(node: Node, receiver: Receiver) -> None:
    release = asyncio.Event()

    async def held(wire: Wire, request: Received) -> bool:
        await release.wait()
        return await answer(200, JSON, WELL)(wire, request)

    receiver.behave(held, path="/crm/ping")
    made = await node.connector(receiver.url("/crm"))
    path = f"/api/connectors/{made['id']}/ping"
    first = asyncio.create_task(node.call("POST", path))
    await receiver.wait_for(1)
    second = await node.call("POST", path)
    assert (second.status_code, second.json()["error"]) == (429, "rate_limited")
    release.set()
    assert (await first).json()["ok"]
    node.gateway.services.pings._pace = Pace(MOST_PER_SECOND, lambda: 0.0)
    answers = [await node.call("POST", path) for _ in range(MOST_PER_SECOND + 1)]
    assert [one.status_code for one in answers] == [200] * MOST_PER_SECOND + [429]
    assert answers[-1].headers["Retry-After"] == "1"


async def resolve(node: Node, phone: str = PHONE) -> None:
    body = {"phone": phone, "deadline_ms": 5000}
    assert (await node.call("POST", "/api/callers/resolve", json=body)).status_code == 200


async def looked_up(node: Node, connector_id: str, count: int = 1) -> list[dict[str, Any]]:
    """The lookups in the log, which are written off the way of the answer."""
    async with asyncio.timeout(10):
        while len(found := await log(node, connector_id, kind="lookup")) < count:
            await asyncio.sleep(0.01)
    return found


async def test_a_lookup_stands_in_the_log_and_filters_find_it(node: Node, receiver: Receiver) -> None:
    made = await node.connector(receiver.url("/crm"))
    await ping(node, made["id"])
    await resolve(node)
    [row] = await looked_up(node, made["id"])
    assert (row["status_code"], row["error"]) == (200, None)
    shown = await entry(node, row["id"])
    assert json.loads(shown["request_body"])["phone"] == PHONE
    assert "Ada Example" in shown["response_body"]
    assert shown["url"] == receiver.url("/crm/contacts/lookup")
    ids = {one["kind"]: one["id"] for one in await log(node, made["id"])}
    for query, kinds in (
        ({"kind": "ping"}, ["ping"]),
        ({"result": "succeeded"}, ["lookup", "ping"]),
        ({"result": "failed"}, []),
        ({"status_code": 200, "kind": "lookup"}, ["lookup"]),
        ({"status_code": 500}, []),
        ({"since": row["at"]}, ["lookup"]),
        ({"until": row["at"]}, ["ping"]),
    ):
        found = [one["id"] for one in await log(node, made["id"], **query)]
        assert found == [ids[kind] for kind in kinds], query
    for query in ({"kind": "gossip"}, {"result": "maybe"}, {"status_code": "x"}, {"colour": "red"}):
        refused = await node.call("GET", f"/api/connectors/{made['id']}/requests", params=query)
        assert refused.status_code == 422, query


async def test_who_may_see_what_was_said(node: Node, receiver: Receiver) -> None:
    made = await node.connector(receiver.url("/crm"))
    await resolve(node)
    [row] = await looked_up(node, made["id"])
    for role, whole in (("viewer", False), ("operator", True), ("admin", True)):
        shown = await entry(node, row["id"], key=await node.new_key(role))
        assert PHONE in shown["request_body"]
        sent = dict(map(tuple, shown["request_headers"]))
        assert (sent["X-HUM-Signature"] == "sha256=…") is not whole
        assert (shown["url"] == receiver.url("/crm/contacts/lookup")) is whole
    blind = await node.new_key(None, scopes=["manage"])
    shown = await entry(node, row["id"], key=blind, headers={"X-HUM-Org": "acme"})
    assert (shown["request_body"], shown["response_body"], shown["payload"]) == (None, None, "hidden")
    other = await node.new_key("admin", "other")
    assert (await node.call("GET", f"/api/connector-requests/{row['id']}", key=other)).status_code == 404


async def test_who_read_it_is_in_the_audit_log(node: Node, receiver: Receiver) -> None:
    made = await node.connector(receiver.url("/crm"))
    pinged = await ping(node, made["id"])
    await log(node, made["id"])
    await entry(node, pinged["request_id"])
    await node.gateway.services.payload_reads.flush()
    entries = (await node.call("GET", "/api/audit", params={"action": "getConnectorRequest"})).json()["data"]
    assert [(one["object_type"], one["object_id"]) for one in entries] == [
        ("connector_request", pinged["request_id"])
    ]
    listed = await node.call("GET", "/api/audit", params={"action": "listConnectorRequests"})
    assert listed.json()["data"] == [], "a list shows no bodies"


async def test_an_erased_person_is_gone_from_the_log_and_from_what_is_known(
    any_database: str, receiver: Receiver
) -> None:
    async with running_node(any_database) as node:
        made = await node.connector(receiver.url("/crm"))
        other = "+13175550142"
        for phone in (PHONE, other):
            await resolve(node, phone)
        rows = await looked_up(node, made["id"], 2)
        erased = await node.call("POST", "/api/erasures", json={"phone": PHONE})
        assert erased.status_code == 200, erased.text
        shown = [await entry(node, row["id"]) for row in rows]
        gone = [one for one in shown if one["payload"] == "erased"]
        kept = [one for one in shown if one["payload"] == "kept"]
        assert len(gone) == len(kept) == 1
        assert (gone[0]["request_body"], gone[0]["response_body"]) == (None, None)
        assert other in kept[0]["request_body"]
        assert len(await looked_up(node, made["id"], 2)) == 2, "that there was a call stays"
        before = len(receiver.requests)
        await resolve(node, other)
        assert len(receiver.requests) == before, "what is known of others is kept"
        await resolve(node, PHONE)
        assert len(receiver.requests) == before + 1

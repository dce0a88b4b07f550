"""`/api/events` as HUM's core sees it: accepted once, answered in order, kept byte for byte."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from gateway.domain.event_types import RESERVED_TYPES
from tests.support.node import Node, running_node
from tests.support.receiver import Receiver

pytestmark = pytest.mark.anyio

EVENT = {"type": "test.event", "data": {"n": 1}}
OTHER = {"type": "test.event", "data": {"n": 2}}


@pytest.fixture
async def node(sqlite_database: str) -> AsyncIterator[Node]:
    async with running_node(sqlite_database) as node:
        yield node


@pytest.fixture
async def any_node(any_database: str) -> AsyncIterator[Node]:
    async with running_node(any_database) as node:
        yield node


async def post(node: Node, body: Any, *, path: str = "/api/events", **kw: Any) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await node.call("POST", path, content=content, **kw)


async def batch(node: Node, *events: Any, mode: str = "atomic", **kw: Any) -> httpx.Response:
    return await post(node, {"events": events, "mode": mode}, path="/api/events/batch", **kw)


async def stored(node: Node, org: str = "*") -> list[dict[str, Any]]:
    answer = await node.call("GET", "/api/events", params={"limit": 200}, org=org)
    assert answer.status_code == 200, answer.text
    return list(reversed(answer.json()["data"]))


async def test_an_accepted_event_counts_its_deliveries_and_reads_back(any_node: Node) -> None:
    async with Receiver() as receiver:
        hooks = [await any_node.webhook(receiver.url(), ["test.*"]) for _ in range(2)]
        await any_node.webhook(receiver.url(), ["call.completed"])
        answer = await post(any_node, EVENT | {"external_id": "x-1", "priority": "high"})
        assert answer.status_code == 202
        made = answer.json()
        assert list(made) == ["id", "type", "timestamp", "accepted_at", "deliveries"]
        assert (made["type"], made["deliveries"], made["timestamp"]) == ("test.event", 2, made["accepted_at"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", made["timestamp"])
        await receiver.wait_for(2)
        owed = (await any_node.call("GET", f"/api/events/{made['id']}/deliveries")).json()["data"]
        assert {d["target"]["id"] for d in owed} == {hook["id"] for hook in hooks}
        read = (await any_node.call("GET", f"/api/events/{made['id']}")).json()
        assert (read["external_id"], read["priority"], read["data"]) == ("x-1", "high", {"n": 1})
    unheard = await any_node.send("nobody.listens")
    assert unheard["deliveries"] == 0
    assert (await any_node.call("GET", f"/api/events/{unheard['id']}")).json()["data"] == {}


async def test_the_timestamp_is_when_it_occurred(node: Node) -> None:
    for given, shown in (
        ("2026-11-20T21:05:09.123Z", "2026-11-20T21:05:09.123Z"),
        ("2026-11-20T21:05:09+01:00", "2026-11-20T20:05:09.000Z"),
        ("0009-01-01T00:00:00Z", "0009-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
    ):
        assert (await node.send(occurred_at=given))["timestamp"] == shown


async def test_limits_are_taken_and_expiry_counts_from_acceptance(node: Node) -> None:
    for fields in ({"ordering_key": "ß" * 128}, {"external_id": "A-z_9" * 25}, {"priority": "normal"}):
        await node.send(**fields)
    await node.webhook("http://127.0.0.1:9/")
    for seconds in (60, 2_592_000):
        made = await node.send(expires_in=seconds)
        read = (await node.call("GET", f"/api/events/{made['id']}")).json()
        [owed] = await node.deliveries(event_id=made["id"])
        assert owed["expires_at"] == read["expires_at"]
        lifetime = datetime.fromisoformat(read["expires_at"]) - datetime.fromisoformat(made["accepted_at"])
        assert lifetime.total_seconds() == seconds


_REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"type": "call"}, "type"), ({"type": "Call.x"}, "type"), ({"type": "a.b" * 43}, "type"),
    ({"type": "a..b"}, "type"), ({"data": []}, "data"), ({"data": "x"}, "data"), ({"data": None}, "data"),
    ({"external_id": "a b"}, "external_id"), ({"external_id": ""}, "external_id"),
    ({"external_id": "a" * 129}, "external_id"), ({"ordering_key": ""}, "ordering_key"),
    ({"ordering_key": "k" * 129}, "ordering_key"), ({"ordering_key": "a\nb"}, "ordering_key"),
    ({"priority": "urgent"}, "priority"), ({"expires_in": 0}, "expires_in"),
    ({"expires_in": 2_592_001}, "expires_in"), ({"expires_in": True}, "expires_in"),
    ({"occurred_at": "2026-11-20T21:05:09"}, "occurred_at"), ({"occurred_at": "now"}, "occurred_at"),
    ({"occurred_at": "0001-01-01T00:00:00+01:00"}, "occurred_at"),
    ({"occurred_at": "9999-12-31T23:59:59-01:00"}, "occurred_at"), ({"org_id": "acme"}, "org_id"),
    ({"type": "call.completed", "data": {"call_id": 5}}, "data.call_id"),
]  # fmt: skip


async def test_what_is_refused_is_named(node: Node) -> None:
    for fields, field in _REFUSED:
        answer = await post(node, EVENT | fields)
        assert (answer.status_code, answer.json()["error"]) == (422, "invalid_request"), (fields, answer.text)
        assert field in {detail["field"] for detail in answer.json()["details"]}, fields
    for type_ in sorted(RESERVED_TYPES):
        answer = await post(node, EVENT | {"type": type_})
        assert (answer.status_code, answer.json()["error"]) == (422, "reserved_type"), type_
    assert await stored(node) == []


async def test_a_batch_is_answered_in_order_and_atomic_means_all_or_nothing(any_node: Node) -> None:
    events = [{"type": f"test.n{i}", "data": {"i": i}} for i in range(1000)]
    answer = await batch(any_node, *events)
    assert answer.status_code == 202
    assert [entry["type"] for entry in answer.json()["data"]] == [event["type"] for event in events]
    assert [e["type"] for e in await stored(any_node)] == [e["type"] for e in events[-200:]]
    refused = await batch(any_node, EVENT, EVENT | {"type": "X"}, EVENT | {"data": 1}, org="empty")
    assert refused.status_code == 422
    assert [d["field"] for d in refused.json()["details"]] == ["events[1].type", "events[2].data"]
    assert await stored(any_node, "empty") == []
    for wrong in ([], [*events, EVENT]):
        answer = await batch(any_node, *wrong)
        assert (answer.status_code, answer.json()["details"][0]["field"]) == (422, "events")


async def test_each_gives_a_result_or_an_error_per_item(any_node: Node) -> None:
    first = await any_node.send(external_id="taken")
    answer = await batch(
        any_node, EVENT, EVENT | {"type": "X"}, EVENT | {"external_id": "taken"}, OTHER, 5,
        EVENT | {"type": "webhook.failing"}, mode="each",
    )  # fmt: skip
    assert answer.status_code == 207
    shown = [item.get("error") or item["type"] for item in answer.json()["data"]]
    expected = ["test.event", "invalid_request", "external_id_conflict", "test.event", "invalid_request"]
    assert shown == [*expected, "reserved_type"]
    assert [item.get("status") for item in answer.json()["data"]] == [None, 422, 409, None, 422, 422]
    assert answer.json()["data"][1]["details"][0]["field"] == "events[1].type"
    good = [item["id"] for item in answer.json()["data"] if "id" in item]
    assert [e["id"] for e in await stored(any_node)] == [first["id"], *good]


async def test_a_platform_key_names_the_organization_of_each_item(node: Node) -> None:
    items = [EVENT | {"org_id": org} for org in ("one", "two", "one")]
    answer = await batch(node, *items, org=None)
    assert answer.status_code == 202
    assert [e["org_id"] for e in await stored(node)] == ["one", "two", "one"]
    missing = await batch(node, *items, EVENT, org=None)
    assert (missing.status_code, missing.json()["error"]) == (400, "organization_required")
    assert missing.json()["details"][0]["field"] == "events[3].org_id"
    key = await node.new_key("operator", "one")
    assert (await batch(node, items[0], EVENT, key=key)).status_code == 202
    foreign = await batch(node, items[0], items[1], key=key)
    assert (foreign.status_code, foreign.json()["error"]) == (403, "wrong_organization")
    assert len(await stored(node)) == 5


async def test_an_external_id_answers_the_first_result_again(any_node: Node) -> None:
    one, other = EVENT | {"external_id": "x"}, OTHER | {"external_id": "x"}
    first = (await post(any_node, one)).json()
    assert (await post(any_node, one)).json() == first
    assert (await batch(any_node, one, EVENT)).json()["data"][0] == first
    conflict = await post(any_node, other)
    assert (conflict.status_code, conflict.json()["error"]) == (409, "external_id_conflict")
    in_batch = await batch(any_node, EVENT, other)
    assert in_batch.json()["details"][0]["field"] == "events[1].external_id"
    twice = (await batch(any_node, *[EVENT | {"external_id": "y"}] * 2)).json()["data"]
    assert twice[0] == twice[1]
    unequal = await batch(any_node, EVENT | {"external_id": "z"}, OTHER | {"external_id": "z"}, OTHER)
    assert unequal.status_code == 409
    assert Counter(e["external_id"] for e in await stored(any_node)) == {"x": 1, None: 1, "y": 1}
    elsewhere = await post(any_node, other, org="another")
    assert elsewhere.status_code == 202


async def test_a_refused_batch_takes_no_external_id_from_others(any_node: Node) -> None:
    """Two requests in one transaction: the one that is refused must not have refused the other."""
    await any_node.send(external_id="taken")
    loses = batch(any_node, EVENT | {"external_id": "x"}, OTHER | {"external_id": "taken"})
    wins = post(any_node, OTHER | {"external_id": "x"})
    busy = [post(any_node, OTHER) for _ in range(5)]
    *_, lost, won = await asyncio.gather(*busy, loses, wins)
    assert (lost.status_code, won.status_code) == (409, 202), won.text


async def test_an_idempotency_key_replays_and_refuses_another_body(any_node: Node) -> None:
    headers = {"Idempotency-Key": "k-1"}
    first = await post(any_node, EVENT, headers=headers)
    again = await post(any_node, EVENT, headers=headers)
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.content == first.content
    other = await post(any_node, OTHER, headers=headers)
    assert (other.status_code, other.json()["error"]) == (409, "idempotency_conflict")
    for kw in ({"org": "another"}, {"path": "/api/events/batch"}):
        body = {"events": [EVENT]} if "path" in kw else EVENT
        fresh = await post(any_node, body, headers=headers, **kw)
        assert (fresh.status_code, "Idempotent-Replayed" in fresh.headers) == (202, False)
    mixed = [EVENT, EVENT | {"type": "X"}, OTHER]
    results = [await batch(any_node, *mixed, mode="each", headers={"Idempotency-Key": "b"}) for _ in range(2)]
    assert results[0].content == results[1].content
    assert results[1].headers["Idempotent-Replayed"] == "true"
    assert len(await stored(any_node)) == 5
    # What was refused has used no key up.
    assert (await post(any_node, {"type": "X"}, headers={"Idempotency-Key": "r"})).status_code == 422
    assert (await post(any_node, EVENT, headers={"Idempotency-Key": "r"})).status_code == 202
    for bad in ("a b", "k" * 256):
        answer = await post(any_node, EVENT, headers={"Idempotency-Key": bad})
        assert answer.json()["details"][0]["field"] == "Idempotency-Key"


@pytest.mark.proof
async def test_c4_a_hundred_posts_with_one_key_make_one_event(any_node: Node) -> None:
    async def together(bodies: list[Any], **kw: Any) -> tuple[list[httpx.Response], int]:
        before, started = len(await stored(any_node)), time.monotonic()
        answers = await asyncio.gather(*(post(any_node, body, **kw) for body in bodies))
        print(f"C4: 100 posts in {(time.monotonic() - started) * 1000:.0f} ms", end=", ")
        return answers, len(await stored(any_node)) - before

    keyed, made = await together([EVENT] * 100, headers={"Idempotency-Key": "one"})
    assert (made, {a.status_code for a in keyed}, len({a.content for a in keyed})) == (1, {202}, 1)
    assert sum("Idempotent-Replayed" in a.headers for a in keyed) == 99
    by_id, made_by_id = await together([EVENT | {"external_id": "one"}] * 100)
    assert (made_by_id, len({a.content for a in by_id})) == (1, 1)
    two, made_of_two = await together([EVENT, OTHER] * 50, headers={"Idempotency-Key": "two"})
    assert (made_of_two, Counter(a.status_code for a in two)) == (1, {202: 50, 409: 50})
    control, made_without = await together([EVENT] * 100)
    assert (made_without, len({a.json()["id"] for a in control})) == (100, 100)
    print(f"events: {made} with one key, {made_by_id} with one external_id, {made_without} without")


_ODD = {
    "order": b'{"z":1,"a":2,"m":{"y":1,"b":2}}',
    "decimals": b'{"price":1.10,"zero":-0.0,"exp":1E+2,"huge":1e999}',
    "integers": b'{"n":123456789012345678901234567890,"neg":-900719925474099312345678901234}',
    "unicode": '{"raw":"Zoë 📞 \u2028","escaped":"Zo\\u00eb \\ud83d\\udcde \\u2028 \\/"}'.encode(),
    "duplicates": b'{"a":1,"a":2,"type":"x","data":{"data":1,"data":2}}',
    "spaces": b'{ "a" :\t[ 1 ,\r\n2 ] }',
    "large": b'{"pad":"' + b"x" * (262_144 - 19) + b'","n":1.10}',
}


def _through_javascript(data: bytes) -> set[bytes]:
    """What becomes of the data where numbers are doubles, with and without sorting."""
    read = json.loads(data, parse_int=lambda text: int(float(text)))
    return {json.dumps(read, separators=(",", ":"), sort_keys=sort).encode() for sort in (True, False)}


@pytest.mark.proof
async def test_c5_the_receiver_gets_the_bytes_of_data_that_were_sent(any_node: Node) -> None:
    assert len(_ODD["large"]) == 262_144
    async with Receiver() as receiver:
        await any_node.webhook(receiver.url())
        for name, data in _ODD.items():
            answer = await post(any_node, b'{"type":"odd.bytes", "data" : %b , "priority":"high"}' % data)
            assert answer.status_code == 202, (name, answer.text)
            request = (await receiver.wait_for(1))[0]
            receiver.requests.clear()
            assert request.body.endswith(b',"data":' + data + b"}"), name
            assert request.body.count(b'"api_version"') == 1
            assert _through_javascript(data) != {data}, f"{name}: the control shows nothing"
            read = await any_node.call("GET", f"/api/events/{answer.json()['id']}")
            assert b'"data":' + data + b"," in read.content, name
            delivery = await any_node.call("GET", f"/api/deliveries/{request.header('X-HUM-Delivery')}")
            assert b'"payload":' + request.body in delivery.content, name
    print(
        f"C5: {len(_ODD)} of {len(_ODD)} payloads identical, the largest {max(map(len, _ODD.values()))} bytes"
    )

"""The audit log as people see it: nothing that changes something is forgotten, nor who read a payload."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text

from gateway.domain.audit import Chain
from gateway.manage.audit import verify_all
from gateway.web.api import OPERATIONS
from gateway.web.openapi import samples
from gateway.web.operation import Operation
from tests.support.node import Node, running_node
from tests.support.receiver import Receiver
from tests.support.things import DOCUMENT, make, noun_of

pytestmark = pytest.mark.anyio

# An event is its own record; whoever is told of callers asks while the phone rings, and the others only read.
UNTOLD = ("sendEvent", "sendEvents", "resolveCaller", "previewCaller", "searchContacts")
WRITES = [operation for operation in OPERATIONS if operation.kind == "write"]
SECRET_WORDS = "the-words-of-the-call"


@pytest.fixture
async def node(sqlite_database: str) -> AsyncIterator[Node]:
    async with running_node(sqlite_database) as node:
        yield node


@pytest.fixture
async def any_node(any_database: str) -> AsyncIterator[Node]:
    async with running_node(any_database) as node:
        yield node


async def entries(node: Node, org: str = "*", **query: Any) -> list[dict[str, Any]]:
    """What the log holds, oldest first."""
    await node.gateway.services.payload_reads.flush()
    answer = await node.call("GET", "/api/audit", params={"limit": 200, **query}, org=org)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found[::-1]


def example(operation: Operation) -> Any:
    made = DOCUMENT["paths"][operation.path][operation.method.lower()]
    content = made.get("requestBody", {}).get("content", {}).get("application/json", {})
    found = [one["value"] for one in content["examples"].values()] if content else [None]
    return next((one for one in found if not (one or {}).get("dry_run")), {})  # one that changes something


def file_of(operation: Operation) -> str:
    made = DOCUMENT["paths"][operation.path][operation.method.lower()]["requestBody"]["content"]
    return str(made[operation.takes[0]]["examples"]["file"]["value"])


@pytest.mark.parametrize("operation", WRITES, ids=lambda one: one.id)
async def test_every_write_leaves_exactly_one_entry(node: Node, operation: Operation) -> None:
    await node.webhook("https://example.com/first")
    noun = noun_of(operation.path)
    id_ = await make(node, noun) if "{id}" in operation.path else ""
    before = {entry["id"] for entry in await entries(node)}
    event = (await node.send("nobody.hears"))["id"]
    body = json.loads(json.dumps(example(operation)).replace(samples.delivery["event_id"], event))
    sent: dict[str, Any] = {"json": body}
    headers: dict[str, Any] = {"X-HUM-Actor": "Jo Müller".encode()}
    if operation.takes:
        sent, headers["Content-Type"] = {"content": file_of(operation)}, operation.takes[0]
    path = operation.path.replace("{id}", id_)
    answer = await node.call(operation.method, path, headers=headers, **sent)
    assert answer.status_code < 300, answer.text
    made = [entry for entry in await entries(node) if entry["id"] not in before]
    if not operation.audited:
        assert operation.id in UNTOLD
        assert made == []
        return
    [entry] = made
    assert (entry["action"], entry["actor"]) == (operation.id, "Jo Müller")
    assert entry["key_id"].startswith("key_")
    assert entry["address"] == "127.0.0.1"
    said = answer.json() if answer.content else {}
    assert entry["object_id"] == (id_ or said.get("id"))
    kinds = {"deliveries": "delivery", "platform": "webhook", "console-links": "console_link"}
    assert entry["object_type"] == kinds.get(noun, noun.removesuffix("s"))
    of_platform = noun == "platform" or operation.id == "eraseOrganization"
    assert entry["org_id"] == ("*" if of_platform else "acme")


async def test_a_write_that_is_repeated_leaves_one_entry(any_node: Node) -> None:
    for _ in range(2):
        answer = await any_node.call(
            "POST", "/api/keys", json={"role": "viewer", "org_id": "acme"}, headers={"Idempotency-Key": "k"}
        )
        assert answer.status_code == 201
    assert [entry["action"] for entry in await entries(any_node)] == ["createKey"]


async def test_a_write_that_fails_leaves_none(any_node: Node) -> None:
    await any_node.webhook("https://example.com/")
    for path, body in (("/api/webhooks/whk_none", {"description": "x"}), ("/api/webhooks", {"url": 1})):
        method = "PATCH" if "none" in path else "POST"
        assert (await any_node.call(method, path, json=body)).status_code in (404, 422)
    assert [entry["action"] for entry in await entries(any_node)] == ["createWebhook"]


async def test_no_value_that_was_given_is_in_the_log(node: Node) -> None:
    secret = "whsec_" + "c2VjcmV0" * 4
    await node.webhook("https://example.com/token-in-url", headers={"X-A": "value-in-header"}, secret=secret)
    [entry] = await entries(node)
    assert entry["details"] == {"fields": ["events", "headers", "secret", "url"]}
    text_ = json.dumps(entry)
    assert not [word for word in (secret, "token-in-url", "value-in-header") if word in text_]


async def test_who_reads_a_payload_is_noted_whatever_the_way(any_node: Node) -> None:
    """Every GET there is: an answer with the words of a call leaves an entry, one without leaves none."""
    node = any_node
    async with Receiver() as receiver:
        receiver.respond(200, body=SECRET_WORDS.encode())
        hook = await node.webhook(receiver.url())
        event = await node.send(data={"words": SECRET_WORDS})
        await receiver.wait_for(1)
        delivery = (await node.deliveries(event_id=event["id"]))[0]["id"]
        async with asyncio.timeout(5):
            while (await node.delivery(delivery))["status"] != "delivered":
                await asyncio.sleep(0.01)
    ids = {
        "events": event["id"], "deliveries": delivery, "webhooks": hook["id"], "organizations": "acme",
    }  # fmt: skip
    seen = 0
    for operation in OPERATIONS:
        noun = operation.path.split("/")[2]
        if operation.kind != "read" or ("{id}" in operation.path and noun not in ids):
            continue
        before = len(await entries(node, "acme"))
        path = operation.path.replace("{id}", ids.get(noun, ""))
        answer = await node.call("GET", path)
        made = (await entries(node, "acme"))[before:]
        shown = SECRET_WORDS in answer.text
        assert [entry["action"] for entry in made] == [operation.id] * shown
        if shown:
            assert (made[0]["object_id"], made[0]["object_type"]) == (
                ids[noun],
                noun[:-1].replace("rie", "ry"),
            )
        seen += shown
    assert seen >= 2
    without = await node.new_key(None, scopes=["manage"])
    before = len(await entries(node, "acme"))
    answer = await node.call("GET", f"/api/events/{event['id']}", key=without, headers={"X-HUM-Org": "acme"})
    assert answer.json()["payload"] == "hidden"
    assert len(await entries(node, "acme")) == before


async def test_reading_is_written_down_within_a_second_or_so(node: Node) -> None:
    event = await node.send(data={"a": 1})
    await node.call("GET", f"/api/events/{event['id']}")
    async with asyncio.timeout(10):
        while not (await node.call("GET", "/api/audit")).json()["data"]:
            await asyncio.sleep(0.05)


async def test_reading_is_written_down_when_the_node_stops(sqlite_database: str) -> None:
    async with running_node(sqlite_database) as node:
        event = await node.send(data={"a": 1})
        await node.call("GET", f"/api/events/{event['id']}")
    async with running_node(sqlite_database) as node:
        assert [entry["action"] for entry in await entries(node)] == ["getEvent"]


async def test_many_at_once_make_one_chain(any_node: Node) -> None:
    async def work(number: int) -> None:
        hook = await any_node.webhook("https://example.com/", description=str(number))
        await any_node.call("PATCH", f"/api/webhooks/{hook['id']}", json={"description": "x"})

    await asyncio.gather(*(work(number) for number in range(20)))
    found = sorted(await entries(any_node, "acme"), key=lambda entry: entry["number"])
    assert [entry["number"] for entry in found] == list(range(1, 41))
    head = (await any_node.call("GET", "/api/organizations/acme")).json()["audit_head"]
    chain = Chain("acme", bytes.fromhex(head))
    for entry in found:
        chain.follow(entry)
    assert chain.end().broken is None


TAMPERING = {
    "changed": ("UPDATE audit_log SET actor = 'nobody' WHERE number = 3", "entry 3"),
    "removed": ("DELETE FROM audit_log WHERE number = 2", "entry 2 is missing"),
    "cut off": ("DELETE FROM audit_log WHERE number >= 4", "after entry 3"),
    "emptied": ("DELETE FROM audit_log", "after entry 0"),
    "moved": ("UPDATE audit_log SET at = at + 1 WHERE number = 1", "entry 1"),
}


@pytest.mark.proof
@pytest.mark.parametrize("how", TAMPERING)
async def test_tampering_in_the_database_is_named(any_node: Node, how: str) -> None:
    for _ in range(5):
        await any_node.webhook("https://example.com/")
    store = any_node.gateway.store
    assert [finding.broken for finding in await verify_all(store)] == [None]
    statement, named = TAMPERING[how]
    async with store.transaction() as tx:
        await tx.conn.execute(text(statement))
    [finding] = await verify_all(store)
    assert str(finding.broken).startswith(named)
    print(f"audit log {how}: {finding.broken}")


async def test_filters_and_exports(node: Node) -> None:
    hook = await node.webhook("https://example.com/")
    await node.call(
        "PATCH", f"/api/webhooks/{hook['id']}", json={"description": "y"}, headers={"X-HUM-Actor": "=jo"}
    )
    await node.call("DELETE", f"/api/webhooks/{hook['id']}")
    everything = await entries(node)
    assert [entry["action"] for entry in everything] == ["createWebhook", "updateWebhook", "deleteWebhook"]
    assert await entries(node, action="updateWebhook") == everything[1:2]
    assert await entries(node, actor="=jo") == everything[1:2]
    assert await entries(node, object_id=hook["id"]) == everything
    assert await entries(node, since=everything[1]["at"]) == everything[1:]
    assert await entries(node, until=everything[1]["at"]) == everything[:1]
    lines = await node.call("GET", "/api/audit?order=asc", headers={"Accept": "application/x-ndjson"})
    assert lines.headers["Content-Type"].startswith("application/x-ndjson")
    assert [json.loads(line) for line in lines.text.splitlines()] == everything
    table = await node.call("GET", "/api/audit?order=asc", headers={"Accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["id"] for row in rows] == [entry["id"] for entry in everything]
    assert rows[1]["actor"] == "'=jo"  # no formula in a spreadsheet


@pytest.mark.parametrize("actor", ["x" * 129, "a\tb", b"\xff\xfe"])
async def test_an_actor_is_short_and_printable(node: Node, actor: str | bytes) -> None:
    answer = await node.call("GET", "/api/events", headers={"X-HUM-Actor": actor})
    assert (answer.status_code, answer.json()["details"][0]["field"]) == (422, "X-HUM-Actor")


async def test_the_actor_of_an_organizations_key_is_the_key(node: Node) -> None:
    key = await node.new_key("admin")
    await node.call("POST", "/api/keys", key=key, json={"role": "viewer"}, headers={"X-HUM-Actor": "me"})
    [entry] = await entries(node, "acme")
    assert entry["actor"] == entry["key_id"]


async def test_refused_requests_are_in_the_log_of_the_process(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    key = await node.new_key("viewer")
    with caplog.at_level(logging.INFO, "gateway.audit"):
        assert (await node.call("DELETE", "/api/webhooks/whk_1", key=key)).status_code == 403
    [record] = [record for record in caplog.records if record.name == "gateway.audit"]
    assert record.__dict__["operation"] == "deleteWebhook"
    assert record.__dict__["key"].startswith("key_")
    assert await entries(node) == []

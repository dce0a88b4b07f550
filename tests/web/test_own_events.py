"""The gateway's own events: what each says, who hears it, and what makes none."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import jsonschema_rs
import pytest
from sqlalchemy import update
from sqlalchemy.event import listen

from gateway.domain.event_types import CATALOGUE, RESERVED_TYPES
from gateway.domain.own_types import OWN, example, schema
from gateway.manage import housekeeping
from gateway.store.tables import deliveries
from tests.support.clock import until
from tests.support.node import Node, running_node
from tests.support.receiver import Receiver

pytestmark = pytest.mark.anyio

EAR = list(OWN)


@pytest.fixture
async def node(sqlite_database: str) -> AsyncIterator[Node]:
    async with running_node(sqlite_database) as node:
        yield node


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


def told(receiver: Receiver) -> list[tuple[str, dict[str, Any]]]:
    bodies = [one.json() for one in receiver.requests if one.path == "/ear"]
    return [(body["type"], body["data"]) for body in bodies]


async def hear(receiver: Receiver, count: int) -> list[tuple[str, dict[str, Any]]]:
    await until(lambda: len(told(receiver)) >= count, f"{count} own events")
    return told(receiver)


@pytest.mark.parametrize("name", OWN)
def test_each_has_a_schema_and_an_example_that_fits(name: str) -> None:
    assert name in RESERVED_TYPES
    jsonschema_rs.Draft202012Validator(schema(name)).validate(example(name)["data"])
    # Whom it is about has one of two names.
    assert set(schema(name)["properties"]) - set(example(name)["data"]) <= {"connector_id"}
    assert set(example(name)["data"]) <= set(schema(name)["properties"])
    assert "$ref" not in json.dumps(schema(name))


async def test_they_are_listed_after_the_catalogue(node: Node) -> None:
    listed = (await node.call("GET", "/api/event-types")).json()["data"]
    assert [one["name"] for one in listed] == [*CATALOGUE, *OWN]
    assert [one["own"] for one in listed] == [False] * len(CATALOGUE) + [True] * len(OWN)


async def test_a_webhooks_life_is_told_without_values(any_database: str, receiver: Receiver) -> None:
    async with running_node(any_database) as node:
        await node.webhook(receiver.url("/ear"), EAR)
        hook = await node.webhook(receiver.url("/secret-path"), ["a.b", "c.*"], headers={"X-T": "tok-1234"})
        path = f"/api/webhooks/{hook['id']}"
        changes: list[dict[str, Any]] = [
            {"timeout_ms": 2000, "headers": {"X-U": "tok-5678"}},
            {"timeout_ms": 2000},  # as it was: nothing to tell
            {"enabled": False, "description": "at rest"},
            {"enabled": True},
        ]
        for change in changes:
            assert (await node.call("PATCH", path, json=change)).status_code == 200
        found = await hear(receiver, 5)
        id_ = {"webhook_id": hook["id"]}
        assert sorted(found, key=str) == sorted(
            [
                ("webhook.created", id_ | {"events": ["a.b", "c.*"]}),
                ("webhook.updated", id_ | {"fields": ["headers", "timeout_ms"]}),
                ("webhook.updated", id_ | {"fields": ["description", "enabled"]}),
                ("webhook.disabled", id_ | {"reason": "by_user"}),
                ("webhook.updated", id_ | {"fields": ["enabled"]}),
            ],
            key=str,
        )
        sent = b"".join(one.body for one in receiver.requests)
        for value in (b"tok-1234", b"tok-5678", b"secret-path", hook["secret"].encode(), b"at rest"):
            assert value not in sent
        for kind, data in found:
            jsonschema_rs.Draft202012Validator(schema(kind)).validate(data)


async def test_a_delivery_that_fails_for_good_is_told_once(any_database: str, receiver: Receiver) -> None:
    async with running_node(any_database) as node:
        await node.webhook(receiver.url("/ear"), ["delivery.failed"])
        hook = await node.webhook(receiver.url("/hook"), ["a.b"], retry_schedule=[1])
        receiver.respond(500, path="/hook")
        event = await node.send("a.b", {"secret": "of the caller"})
        [(_, data)] = await hear(receiver, 1)
        [failed] = await node.deliveries(event_id=event["id"])
        assert data == {
            "delivery_id": failed["id"], "event_id": event["id"], "event_type": "a.b",
            "webhook_id": hook["id"], "reason": "exhausted", "attempts_made": 2, "last_status_code": 500,
            "last_error": "http_status",
        }  # fmt: skip
        assert len(await node.deliveries(type="delivery.failed")) == 1


async def test_own_events_that_fail_make_no_further_ones(node: Node, receiver: Receiver) -> None:
    receiver.respond(500, path="/ear")
    await node.webhook(receiver.url("/ear"), EAR, retry_schedule=[1])
    await node.webhook(receiver.url("/other"), ["delivery.failed"])
    await node.webhook(receiver.url("/hook"), ["a.b"])  # told of to the ear, which fails
    await hear(receiver, 2)
    failed = await done(node, "webhook.created", "failed")  # of the two, or both
    assert {one["reason"] for one in failed} == {"exhausted"}
    assert not await node.deliveries(type="delivery.failed")


async def done(node: Node, type_: str, status: str) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 20
    while not (found := await node.deliveries(type=type_, status=status)) and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    return found


async def test_what_expires_without_an_attempt_is_told_too(any_database: str, receiver: Receiver) -> None:
    async with running_node(any_database) as node:
        await node.webhook(receiver.url("/ear"), ["delivery.failed"])
        hook = await node.webhook(receiver.url("/gone"), ["a.b"])
        receiver.respond(410, path="/gone")
        await node.send("a.b")
        await receiver.wait_for(1, path="/gone")
        await until(lambda: not node.gateway.dispatcher.kept, "everything is at home")
        event = await node.send("a.b")
        [waiting] = await node.deliveries(event_id=event["id"])
        async with node.gateway.store.transaction() as tx:
            row = update(deliveries).where(deliveries.c.id == waiting["id"])
            await tx.conn.execute(row.values(expires_at=1))
        own = node.gateway.own_events.announce_all
        assert await housekeeping.expire(node.gateway.store, node.gateway.clock.now(), own) == 1
        assert await housekeeping.expire(node.gateway.store, node.gateway.clock.now(), own) == 0
        [(_, data)] = await hear(receiver, 1)
        assert (data["delivery_id"], data["reason"], data["attempts_made"]) == (waiting["id"], "expired", 0)
        assert data["webhook_id"] == hook["id"]


async def test_no_pattern_matches_them_and_nobody_posts_them(node: Node, receiver: Receiver) -> None:
    await node.webhook(receiver.url("/all"), ["*", "webhook.*", "delivery.*"])
    await node.webhook(receiver.url("/other"), ["a.b"])
    assert not (await node.call("GET", "/api/events")).json()["data"], "what nobody names is not kept"
    for name in OWN:
        answer = await node.call("POST", "/api/events", json={"type": name, "data": {}})
        assert (answer.status_code, answer.json()["error"]) == (422, "reserved_type")


async def test_many_at_once_are_written_together(node: Node, receiver: Receiver) -> None:
    """A hundred deliveries that fail together: told each once, with few statements."""
    await node.webhook(receiver.url("/ear"), ["delivery.failed"])
    await node.webhook("http://127.0.0.1:9/", ["a.b"])
    tell = node.gateway.own_events.announce_all
    seen: list[str] = []
    data = example("delivery.failed")["data"]
    async with node.gateway.store.transaction() as tx:
        listen(tx.conn.sync_connection, "before_cursor_execute", lambda *told: seen.append(told[2]))
        await tell(tx, [("acme", "delivery.failed", data | {"attempts_made": n}) for n in range(100)])
        assert 0 < len(seen) <= 8, seen
    found = await hear(receiver, 100)
    assert sorted(data["attempts_made"] for _, data in found) == list(range(100))


async def test_what_is_rolled_back_is_not_told(node: Node, receiver: Receiver) -> None:
    await node.webhook(receiver.url("/ear"), EAR)
    hook = await node.webhook(receiver.url("/hook"), ["a.b"])
    await hear(receiver, 1)
    with pytest.raises(RuntimeError):
        async with node.gateway.store.transaction() as tx:
            await node.gateway.own_events.announce(
                tx, "acme", "webhook.disabled", {"webhook_id": hook["id"], "reason": "gone"}
            )
            raise RuntimeError("the commit fails")
    await node.send("a.b")
    await receiver.wait_for(1, path="/hook")
    assert len(told(receiver)) == 1


async def test_a_webhook_of_another_node_hears_at_once(postgres_database: str, receiver: Receiver) -> None:
    async with running_node(postgres_database) as one, running_node(postgres_database) as two:
        await two.webhook(receiver.url("/first"), ["a.b"])
        await one.webhook(receiver.url("/ear"), ["webhook.created"])
        hook = await two.webhook(receiver.url("/second"), ["a.b"])  # two has not looked for changes yet
        [(_, data)] = await hear(receiver, 1)
        assert data["webhook_id"] == hook["id"]

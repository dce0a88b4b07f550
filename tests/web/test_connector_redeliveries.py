"""Calls that a connector did not take: listed, counted, sent again one by one and by range."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.signing import verify
from tests.support.clock import until
from tests.support.node import Node, running_node
from tests.support.receiver import Receiver
from tests.web.test_redeliveries import give_up, over, post, settled

pytestmark = pytest.mark.anyio

JSON = [("Content-Type", "application/json")]
NOBODY = json.dumps({"found": False}).encode()
LOGGED = json.dumps({"activity_id": "act_1"}).encode()
CALLS = "/crm/calls"


async def connector(node: Node, receiver: Receiver) -> dict[str, Any]:
    receiver.respond(200, headers=JSON, body=NOBODY, path="/crm/contacts/lookup")
    receiver.respond(500, path=CALLS)
    return await node.connector(receiver.url("/crm"))


async def call(node: Node, number: int) -> dict[str, Any]:
    data = {"call_id": f"call_{number}", "direction": "inbound", "from": f"+1317555{number:04}",
            "to": "+13175550100", "started_at": "2026-11-20T21:05:09Z"}  # fmt: skip
    return await node.send("call.completed", data)


async def failed_calls(node: Node, receiver: Receiver, made: dict[str, Any], count: int) -> None:
    """So many calls that the connector has not taken; from then on it is well."""
    for number in range(count):
        await call(node, number)
    await receiver.wait_for(count, path=CALLS)
    await settled(node)
    await give_up(node, made["id"])
    receiver.respond(200, headers=JSON, body=LOGGED, path=CALLS)


async def listed(node: Node, connector_id: str, **query: Any) -> list[dict[str, Any]]:
    answer = await node.call("GET", f"/api/connectors/{connector_id}/deliveries", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def test_a_range_of_calls_is_sent_again(any_database: str) -> None:
    async with running_node(any_database) as node, Receiver() as receiver:
        made = await connector(node, receiver)
        hook = await node.webhook("https://example.com/", ["call.completed"], retry_schedule=[600])
        await failed_calls(node, receiver, made, 5)
        failed = await listed(node, made["id"], status="failed")
        assert len(failed) == 5
        assert {row["target"]["type"] for row in failed} == {"connector"}
        path = f"/api/connectors/{made['id']}/redeliver"
        assert await post(node, path, {"dry_run": True}, 200) == {"matched": 5}
        job = await post(node, path)
        assert job["object_id"] == made["id"]
        done = await over(node, job["id"])
        assert (done["status"], done["matched"], done["done"]) == ("done", 5, 5)
        requests = (await receiver.wait_for(10, path=CALLS))[5:]
        assert {one.json()["call"]["id"] for one in requests} == {f"call_{number}" for number in range(5)}
        for one in requests:
            verify(one.body, one.headers, made["secret"])
        await until(lambda: node.gateway.dispatcher.kept == 0 or None, "everything recorded")
        delivered = await listed(node, made["id"], status="delivered")
        assert {row["redelivery_of"] for row in delivered} == {job["id"]}
        assert await post(node, path, {"dry_run": True}, 200) == {"matched": 0}
        assert len(await node.deliveries(event_id=failed[0]["event_id"])) == 3, "the webhook's is its own"
        assert hook["id"] not in {row["target"]["id"] for row in await listed(node, made["id"])}


async def test_one_call_is_sent_again(any_database: str) -> None:
    async with running_node(any_database) as node, Receiver() as receiver:
        made = await connector(node, receiver)
        await failed_calls(node, receiver, made, 1)
        [failed] = await listed(node, made["id"])
        again = await post(node, f"/api/deliveries/{failed['id']}/redeliver")
        assert (again["target"], again["redelivery_of"]) == (failed["target"], failed["id"])
        [_, request] = await receiver.wait_for(2, path=CALLS)
        assert request.header("X-HUM-Delivery") == again["id"]
        assert request.json()["call"]["id"] == "call_0"
        await settled(node)
        stats = (await node.call("GET", f"/api/connectors/{made['id']}/stats")).json()
        assert (stats["attempts"], stats["totals"]["delivered"]) == (2, 1)
        assert stats["status_codes"] == {"200": 1, "500": 1}


async def test_nothing_is_made_for_one_that_takes_nothing(sqlite_database: str) -> None:
    async with running_node(sqlite_database) as node, Receiver() as receiver:
        made = await connector(node, receiver)
        await failed_calls(node, receiver, made, 1)
        [failed] = await listed(node, made["id"])
        one, many = f"/api/deliveries/{failed['id']}/redeliver", f"/api/connectors/{made['id']}/redeliver"
        await node.call("POST", f"/api/connectors/{made['id']}/disable")
        for path in (one, many):
            assert (await post(node, path, status=409))["error"] == "connector_disabled"
        assert (await post(node, many, {"dry_run": True}, 409))["error"] == "connector_disabled"
        await node.call("DELETE", f"/api/connectors/{made['id']}")
        assert (await post(node, one, status=409))["error"] == "connector_deleted"
        assert (await post(node, many, status=404))["error"] == "not_found"


async def test_what_gathers_while_it_is_gone_can_be_discarded(sqlite_database: str) -> None:
    async with running_node(sqlite_database) as node, Receiver() as receiver:
        made = await connector(node, receiver)
        receiver.respond(410, path=CALLS)
        await call(node, 1)
        path = f"/api/connectors/{made['id']}"

        async def gone() -> bool:
            return (await node.call("GET", path)).json()["disabled_reason"] == "gone"  # type: ignore[no-any-return]

        await receiver.wait_for(1, path=CALLS)
        await settled(node)
        assert await gone()
        await call(node, 2)
        assert {row["status"] for row in await listed(node, made["id"])} == {"pending"}
        receiver.respond(200, headers=JSON, body=LOGGED, path=CALLS)
        await node.call("POST", f"{path}/enable", json={"pending": "discard"})
        await call(node, 3)
        [_, request] = await receiver.wait_for(2, path=CALLS)
        assert request.json()["call"]["id"] == "call_3"
        await settled(node)
        states = sorted(row["status"] for row in await listed(node, made["id"]))
        assert states == ["cancelled", "cancelled", "delivered"]

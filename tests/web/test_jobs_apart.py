"""Jobs that wait for somebody outside hold up nobody who does not."""

from __future__ import annotations

import asyncio

import pytest

from tests.enrich.test_backfill import finished, people
from tests.support.clock import until
from tests.support.crm import Crm
from tests.support.node import Node, running_node
from tests.support.receiver import Received, Receiver

pytestmark = pytest.mark.anyio


async def replayed(node: Node, hook_id: str) -> str:
    """What becomes of a replay of another organization's."""
    body = {"since": "2020-01-01T00:00:00Z"}
    ordered = await node.call("POST", f"/api/webhooks/{hook_id}/replay", json=body, org="other")
    assert ordered.status_code == 202, ordered.text
    async with asyncio.timeout(20):
        while True:
            job = (await node.call("GET", f"/api/jobs/{ordered.json()['id']}", org="other")).json()
            if job["status"] != "running":
                return str(job["status"])
            await asyncio.sleep(0.02)


async def test_a_backfill_whose_connector_hangs_holds_up_no_redelivery(any_database: str) -> None:
    async with running_node(any_database) as node, Receiver() as crm_receiver, Receiver() as receiver:
        crm, gate = Crm(crm_receiver), asyncio.Event()
        await crm.join(node, timeout_ms=30_000)

        async def hang(request: Received) -> None:
            await gate.wait()

        crm.gate = hang
        await people(node, "+13175550142", "+13175550143")
        event = {"type": "test.event", "data": {}}
        assert (await node.call("POST", "/api/events", json=event, org="other")).status_code == 202
        hook = {"url": receiver.url("/hook"), "events": ["*"]}
        made = (await node.call("POST", "/api/webhooks", json=hook, org="other")).json()
        ordered = await node.call("POST", "/api/contacts/backfill", json={"source": "connectors"})
        assert ordered.status_code == 202, ordered.text
        await until(lambda: bool(crm.asked()), "the connector is asked")
        assert await replayed(node, made["id"]) == "done"
        cancelled = await node.call("POST", f"/api/jobs/{ordered.json()['id']}/cancel")
        assert cancelled.status_code == 200
        assert (await finished(node, ordered.json()))["status"] == "cancelled"
        gate.set()

"""How a connector answers callers' lookups, as the node that is asked has seen it; over real sockets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.clock import parse_time
from tests.enrich.conftest import OTHER, PHONE, resolve, settled
from tests.enrich.test_questions import clocked, phone
from tests.support import receiver as r
from tests.support.clock import until
from tests.support.crm import SECRET, Crm, add_connector
from tests.support.node import Node, running_node
from tests.support.receiver import Received

pytestmark = pytest.mark.anyio


async def health(node: Node, connector_id: str, key: str | None = None) -> dict[str, Any]:
    """The same in the list and of the one."""
    one = (await node.call("GET", f"/api/connectors/{connector_id}", key=key)).json()
    listed = (await node.call("GET", "/api/connectors", key=key)).json()["data"]
    assert one in listed
    found: dict[str, Any] = one["lookup_health"]
    return found


async def test_an_answer_and_a_failure_are_told(lite: Node, crm: Crm) -> None:
    connector = await crm.join(lite)
    assert set((await health(lite, connector.id)).values()) == {"unknown", None}
    await resolve(lite)
    await settled(lite)
    good = await health(lite, connector.id)
    assert (good["state"], good["last_error"], good["open_until"]) == ("ok", None, None)
    assert good["last_answer_ms"] >= 0
    assert abs(parse_time(good["last_answer_at"]) - lite.gateway.clock.now()) < 60_000
    crm.instead = r.answer(200, body=b"<html>")
    await resolve(lite, OTHER)
    await settled(lite)
    bad = await health(lite, connector.id)
    assert (bad["state"], bad["last_error"]) == ("failing", "invalid_json")
    assert bad["last_answer_at"] == good["last_answer_at"] <= bad["last_error_at"]
    crm.instead = None
    await resolve(lite, phone(7))
    await settled(lite)
    again = await health(lite, connector.id, await lite.new_key("viewer"))
    assert (again["state"], again["last_error"]) == ("ok", "invalid_json")


async def test_one_that_is_spared_is_open_until_its_probe_is_answered(any_database: str, crm: Crm) -> None:
    async with clocked(any_database) as (node, clock):
        connector = await crm.join(node)
        beside = await add_connector(node, crm.receiver.url("/crm"), SECRET, status="disabled")
        elsewhere = await add_connector(node, crm.receiver.url("/other"), SECRET, status="disabled")
        crm.instead = r.answer(503)
        for number in range(5):
            await resolve(node, phone(number))
            await settled(node)
        spared = await health(node, connector.id)
        assert (spared["state"], spared["last_error"]) == ("open", "http_status")
        assert 0 < parse_time(spared["open_until"]) - node.gateway.clock.now() <= 5_000
        assert (await health(node, beside.id))["state"] == "open"  # the same base URL
        assert (await health(node, elsewhere.id))["state"] == "unknown"
        clock.ahead += 6
        probing = await health(node, connector.id)
        assert probing["state"] == "open"
        assert probing["open_until"] == spared["open_until"]
        crm.instead = None
        await resolve(node)
        await settled(node)
        assert (await health(node, connector.id))["state"] == "ok"


async def test_one_that_dawdles_is_slow_while_it_does(lite: Node, crm: Crm) -> None:
    connector, gate = await crm.join(lite, timeout_ms=30_000), asyncio.Event()

    async def hang(request: Received) -> None:
        await gate.wait()

    crm.gate = hang
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gateway.enrich.questions.slow_after_ms", lambda timeout_ms, waits_ms: 20)
        asking = asyncio.create_task(resolve(lite, deadline_ms=5_000))
        endpoint = lite.gateway.connectors.questions.endpoints.of(connector)
        await until(lambda: endpoint.latest.outcome == "slow", "it is late")
        assert (await health(lite, connector.id))["state"] == "slow"
        gate.set()
        assert (await asking)["errors"] == []
        await settled(lite)
    late = await health(lite, connector.id)
    assert (late["state"], late["last_error"]) == ("slow", None) and late["last_answer_ms"] >= 20
    await resolve(lite, OTHER)
    await settled(lite)
    assert (await health(lite, connector.id))["state"] == "ok"


async def test_it_is_one_nodes_view(postgres_database: str, crm: Crm) -> None:
    async with running_node(postgres_database) as one, running_node(postgres_database) as two:
        connector = await crm.join(one)
        await resolve(one, PHONE)
        await settled(one)
        assert (await health(one, connector.id))["state"] == "ok"
        assert (await health(two, connector.id))["state"] == "unknown"

"""`POST /api/erasures`: the dry run says what the erasure then takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from gateway.manage import erasures
from tests.support.node import Node, running_node

pytestmark = pytest.mark.anyio

PHONE, OTHER = "+13175550142", "+13175550143"


async def send(node: Node, type_: str, **data: Any) -> None:
    answer = await node.call("POST", "/api/events", json={"type": type_, "data": data})
    assert answer.status_code == 202, answer.text


async def erase(node: Node, **body: Any) -> Mapping[str, Any]:
    answer = await node.call("POST", "/api/erasures", json={"phone": PHONE, "force": True, **body})
    assert answer.status_code == 200, answer.text
    found: Mapping[str, Any] = answer.json()
    return found


async def story(node: Node) -> None:
    """A call whose later events name nobody, one with both numbers of the person, and a stranger's."""
    hook = {"url": "http://127.0.0.1:9/hook", "events": ["*"], "enabled": True}
    assert (await node.call("POST", "/api/webhooks", json=hook)).status_code == 201
    crm = {"name": "CRM", "base_url": "http://127.0.0.1:9", "enabled": True}  # calls are kept together for it
    assert (await node.call("POST", "/api/connectors", json=crm)).status_code == 201
    await node.call("PUT", f"/api/contacts/{PHONE}", json={"name": "Ada"})
    await node.call("POST", f"/api/contacts/{PHONE}/merge", json={"from": OTHER})
    call = {"direction": "inbound", "to": "+13175550100", "started_at": "2026-11-20T21:01:12Z"}
    await send(node, "call.completed", call_id="call_1", **call, **{"from": PHONE})
    await send(node, "call.updated", call_id="call_1", summary="Ada told of her illness")
    await send(node, "outcome.captured", call_id="call_1", outcome={"appointment": "moved"})
    await send(node, "call.completed", call_id="call_2", **(call | {"to": OTHER}), **{"from": PHONE})
    await send(node, "call.completed", call_id="call_3", **call, **{"from": "+13175550199"})
    await send(node, "outcome.captured", call_id="call_3", outcome={})


async def test_the_dry_run_says_what_goes(any_database: str) -> None:
    async with running_node(any_database) as node:
        await story(node)
        counted = await erase(node, dry_run=True)
        done = await erase(node)
        assert counted["found"]["events"] == 4
        for kind in ("events", "deliveries", "contacts"):
            assert done["found"][kind] == counted["found"][kind], kind
        assert (counted["matched"], done["matched"], done["done"]) == (4, 4, 4)
        assert (await erase(node, dry_run=True))["found"]["events"] == 0


async def test_counting_ends_somewhere(any_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound the rest of a call is not looked for; all that names the number counts."""
    monkeypatch.setattr(erasures, "MOST_COUNTED", 0)
    async with running_node(any_database) as node:
        await story(node)
        counted = await erase(node, dry_run=True)
        assert counted["found"]["events"] == 3, "the one with both numbers is found under each"
        assert (await erase(node))["found"]["events"] == 4

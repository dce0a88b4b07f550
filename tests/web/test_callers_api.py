"""`POST /api/callers/resolve`: who may ask, what may be asked, and that there is always an answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.enrich.conftest import creates, kept, logged
from tests.support.crm import Crm
from tests.support.node import Node, running_node
from tests.support.receiver import Receiver

pytestmark = pytest.mark.anyio

PHONE = "+13175550142"
PATH = "/api/callers/resolve"


@pytest.fixture
async def node(sqlite_database: str) -> AsyncIterator[Node]:
    async with running_node(sqlite_database) as node:
        yield node


@pytest.fixture
async def crm() -> AsyncIterator[Crm]:
    async with Receiver() as receiver:
        yield Crm(receiver)


async def ask(node: Node, body: Any = None, **kw: Any) -> httpx.Response:
    return await node.call("POST", PATH, json={"phone": PHONE} if body is None else body, **kw)


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("operator", 200), ("admin", 200)])
async def test_operators_may_ask(node: Node, role: str, status: int) -> None:
    assert (await ask(node, key=await node.new_key(role))).status_code == status


@pytest.mark.parametrize(
    ("scopes", "status"), [(["callers:resolve"], 200), (["events:write"], 403), (["manage"], 403)]
)
async def test_platform_keys_need_the_scope(node: Node, scopes: list[str], status: int) -> None:
    key = await node.new_key(None, scopes=scopes)
    answer = await ask(node, key=key, headers={"X-HUM-Org": "acme"})
    assert answer.status_code == status


async def test_the_organization_is_named(node: Node) -> None:
    assert (await ask(node, org=None)).json()["error"] == "organization_required"
    assert (await ask(node, headers={"X-HUM-Org": "*"})).json()["error"] == "organization_required"
    first = await ask(node, org="brand-new")
    assert first.headers["X-HUM-Org-Created"] == "true"
    assert first.json()["status"] == "not_found"  # of its address book, the only source there is


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "phone"),
        ({"phone": 13175550142}, "phone"),
        ({"phone": PHONE, "deadline_ms": 49}, "deadline_ms"),
        ({"phone": PHONE, "deadline_ms": 10_001}, "deadline_ms"),
        ({"phone": PHONE, "deadline_ms": "900"}, "deadline_ms"),
        ({"phone": PHONE, "deadline_ms": True}, "deadline_ms"),
        ({"phone": PHONE, "direction": "sideways"}, "direction"),
        ({"phone": PHONE, "attestation": "a"}, "attestation"),
        ({"phone": PHONE, "call_id": "x" * 257}, "call_id"),
        ({"phone": PHONE, "colour": "red"}, "colour"),
    ],
)
async def test_mistakes_are_named(node: Node, body: Any, field: str) -> None:
    answer = await ask(node, body)
    assert answer.status_code == 422
    assert [detail["field"] for detail in answer.json()["details"]] == [field]


ODD = [
    "", " ", "\0", "+", "anonymous", "+266696687", "sip:anonymous@anonymous.invalid", "911", "😀",
    "'; DROP TABLE", "\u202e+13175550142", "١٢٣", "9" * 5_000, "a\nb", "+1317555014٢", "<script>",
    "%2B13175550142", "null", "\U000e0041", "tel:", "sip:@", "+1 317 555 0142 ext 9999999999", "()" * 100,
]  # fmt: skip


async def test_any_text_is_answered(node: Node, crm: Crm) -> None:
    await crm.join(node)
    for text in ODD:
        answer = await ask(node, {"phone": text})
        assert answer.status_code == 200, (text, answer.text)
        found = answer.json()
        if found["phone"] is None:
            assert found["status"] == "unknown"
            assert found["errors"][0]["source"] == "phone"
        else:
            assert found["status"] == "not_found"
    assert set(crm.phones_asked()) == {PHONE}


async def test_no_number_at_all_is_a_withheld_one(node: Node, crm: Crm) -> None:
    await crm.join(node)
    answer = await ask(node, {"phone": None})
    assert (answer.status_code, answer.json()["status"]) == (200, "unknown")
    assert answer.json()["errors"] == [{"source": "phone", "error": "withheld"}]
    assert not crm.phones_asked()


async def test_an_idempotency_key_is_not_looked_at(node: Node) -> None:
    """Nothing is made twice; and a kept answer would be told of somebody who was erased meanwhile."""
    for phone in (PHONE, PHONE, "+13175550143"):
        for key in ("k", "nø".encode("latin-1")):
            told = await ask(node, {"phone": phone}, headers={"Idempotency-Key": key})
            assert told.status_code == 200 and told.json()["phone"] == phone
            assert "Idempotent-Replayed" not in told.headers


async def test_asking_leaves_no_entry_in_the_audit_log(node: Node) -> None:
    await ask(node)
    entries = (await node.call("GET", "/api/audit")).json()["data"]
    assert "resolveCaller" not in {entry["action"] for entry in entries}


async def test_an_erased_organization_is_gone(node: Node, crm: Crm) -> None:
    await crm.join(node, create_contacts=True)
    await ask(node)
    await kept(node)
    assert (await node.call("DELETE", "/api/organizations/acme")).status_code == 204
    assert (await ask(node)).status_code == 410
    async with node.gateway.store.transaction():
        pass
    await node.gateway.services.removal.finish_organizations()
    assert await kept(node) == [] == await logged(node) == await creates(node)

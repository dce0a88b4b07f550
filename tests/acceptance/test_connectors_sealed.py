"""Proofs E3 and E5 for connectors: planted secrets, names and numbers are found nowhere, however connectors
repeat them; and an erased person is gone from the raw files."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway.crm import log as crm_log
from gateway.signing import sign
from gateway.store.cipher import Cipher
from gateway.store.tables import connector_contacts, connector_requests
from tests.acceptance.test_erasing import in_files, left_of
from tests.acceptance.test_sealed import everywhere
from tests.support.node import Node, running_node
from tests.support.receiver import Received, Receiver, Wire, answer

pytestmark = pytest.mark.anyio

CONNECTORS = 5
JSON = ("Content-Type", "application/json")
BERT = "+13175550199"


async def echo(wire: Wire, request: Received) -> bool:
    """Answers as the contract says, and repeats all that it was sent, with a name of its own."""
    said = "\n".join(f"{name}: {value}" for name, value in request.headers) + request.body.decode()
    number = request.path.split("-")[1]
    contact = {"id": "1", "name": f"name-{number}-of-a-caller", "notes": said}
    body: dict[str, Any] = {"ok": True, "found": True, "contact": contact, "matches": 1, "match": "exact"}
    body |= {"created": True, "activity_id": "act_1", "said": said}
    headers = [JSON, ("X-Echo", request.header("Authorization") or "")]
    return await answer(200, headers, json.dumps(body).encode())(wire, request)


async def plant(node: Node, receiver: Receiver) -> tuple[list[str], list[str]]:
    """Connectors with secrets of every kind, each asked, told, rotated; the secrets, and what is personal."""
    receiver.behave(echo)
    secrets, personal = [], []
    for number in range(CONNECTORS):
        brought = f"secret-{number}-of-a-bridge"
        address = f"path-{number}-nobody-knows"
        made = await node.connector(receiver.url(f"/{address}"), secret=brought if number % 2 else None)
        path = f"/api/connectors/{made['id']}"
        rotated = (await node.call("POST", f"{path}/rotate-secret", json={})).json()
        phone = f"+1317555{number:04}"
        await node.call("POST", f"{path}/ping")
        await node.call("POST", "/api/callers/resolve", json={"phone": phone, "deadline_ms": 5000})
        data = {"call_id": f"c{number}", "direction": "inbound", "from": phone, "to": "+13175550100",
                "started_at": "2026-11-20T21:05:09Z", "summary": f"summary-{number}-of-a-call"}  # fmt: skip
        await node.send("call.completed", data)
        body = json.dumps({"phones": [phone]}).encode()
        signed = sign(body, rotated["secret"], id="c", timestamp=node.gateway.clock.now() // 1000)
        told = await node.http.post(f"{path}/changes", content=body, headers=signed | {"X-A": brought})
        assert told.status_code == 202
        secrets += [made["secret"] or brought, rotated["secret"], address]
        personal += [phone, f"name-{number}-of-a-caller", f"summary-{number}-of-a-call"]
        await settled(node, made["id"])
        if number % 2 == 0:
            await node.call("DELETE", path)
    return secrets, personal


async def settled(node: Node, connector_id: str) -> None:
    """The lookup is written down, and the call delivered."""
    async with asyncio.timeout(20):
        while True:
            path = f"/api/connectors/{connector_id}"
            log = (await node.call("GET", f"{path}/requests")).json()["data"]
            sent = (await node.call("GET", f"{path}/deliveries")).json()["data"]
            if {row["kind"] for row in log} >= {"lookup", "ping", "changes"} and (
                {row["status"] for row in sent} == {"delivered"}
            ):
                return
            await asyncio.sleep(0.02)


async def shown(node: Node) -> str:
    """All that an admin can read of connectors' requests and deliveries, with bodies."""
    key = await node.new_key("admin")
    async with node.gateway.store.reading() as conn:
        ids = (await conn.execute(select(connector_requests.c.id))).scalars().all()
    assert len(ids) >= 3 * CONNECTORS
    paths = [f"/api/connector-requests/{one}" for one in ids]
    paths += [f"/api/deliveries/{row['id']}" for row in await node.deliveries()]
    paths += ["/api/connectors", "/api/audit", "/api/jobs"]
    return "\n".join([(await node.call("GET", path, key=key)).text for path in paths])


async def planted_and_places(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> tuple[list[str], list[str], dict[str, bytes], str]:
    """Secrets, what is personal, the places where neither may be, and what an admin may read."""
    async with running_node(f"sqlite:///{directory / 'gateway.db'}") as node, Receiver() as receiver:
        secrets, personal = await plant(node, receiver)
        read = await shown(node)
        said = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
        places = await everywhere(node, directory, said)
        refused = await node.call("POST", "/api/connectors", json={"name": 5, "secret": secrets[0]})
        places["refusal"] = refused.content
        return secrets, personal, places, read


@pytest.mark.proof
async def test_what_connectors_are_trusted_with_is_found_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "gateway"):
        secrets, personal, places, read = await planted_and_places(tmp_path, caplog)
    planted = secrets + personal
    # The address book has numbers and names in the clear, as every search needs them (docs/privacy.md).
    book = {one for one in personal if not one.startswith("summary-")}
    leaks = [
        (place, one)
        for place, content in places.items()
        for one in planted
        if one.encode() in content and not (place.startswith("gateway.db") and one in book)
    ]
    assert leaks == []
    assert all(one in read for one in personal), "the log shows what was said"
    keys = [one for one in secrets if not one.startswith("path-")]
    assert [one for one in keys if one in read] == []
    assert read.count("[secret]") > 10 * CONNECTORS
    print(
        f"E3: {len(planted)} secrets, addresses, names, numbers of {CONNECTORS} connectors that repeat them:"
        f" in none of {len(places)} places; of {len(keys)} secrets none in what an admin reads"
    )


async def test_what_is_stored_in_the_clear_is_found(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: a cipher that does nothing, and a log that masks nothing."""
    monkeypatch.setattr(Cipher, "seal", lambda self, row, field, plaintext: self._prefix + plaintext)
    monkeypatch.setattr(Cipher, "open", lambda self, row, field, sealed: sealed[3:])
    monkeypatch.setattr(crm_log, "holds_any", lambda text, secrets: False)
    secrets, personal, places, read = await planted_and_places(tmp_path, caplog)
    stored = b"".join(content for name, content in places.items() if name.startswith("gateway.db"))
    assert [one for one in secrets + personal if one.encode() not in stored] == []
    assert any(one in read for one in secrets if not one.startswith("path-"))


@pytest.mark.proof
async def test_an_erased_person_is_gone_from_the_files(tmp_path: Path) -> None:
    phone, directory = "+13175550123", tmp_path
    async with running_node(f"sqlite:///{directory / 'gateway.db'}") as node, Receiver() as receiver:
        receiver.behave(echo)
        made = await node.connector(receiver.url("/path-1-x"))
        for one in (phone, BERT):
            await node.call("POST", "/api/callers/resolve", json={"phone": one, "deadline_ms": 5000})
        async with asyncio.timeout(10):
            while len(rows := await sealed_rows(node, phone)) < 2:
                await asyncio.sleep(0.02)
        wanted = [piece for row in rows for piece in pieces(row)]
        assert len({index for _, index in in_files(directory, wanted)}) == len(wanted), (
            "planted, but not found"
        )
        assert (await node.call("POST", "/api/erasures", json={"phone": phone})).status_code == 200
        left = in_files(directory, wanted)
        assert await node.gateway.services.removal.clean_log()
        assert left == []
        assert await sealed_rows(node, phone) == []
        assert len(await sealed_rows(node, BERT)) == 2
        log = (await node.call("GET", f"/api/connectors/{made['id']}/requests")).json()["data"]
        assert [row["kind"] for row in log] == ["lookup", "lookup"]
    print(f"E5: {len(wanted)} pieces of what a connector was asked and said: in the files before, 0 after")


async def sealed_rows(node: Node, phone: str) -> list[bytes]:
    """What the tables of connectors hold of a person."""
    view = await node.gateway.directory.living("acme")
    person = view.organization.cipher.person(phone)
    found: list[bytes] = []
    async with node.gateway.store.reading() as conn:
        for table, column in ((connector_requests, "record"), (connector_contacts, "contact")):
            query = select(table.c[column]).where(table.c.person == person)
            found += [bytes(row) for row in (await conn.execute(query)).scalars() if row is not None]
    return found


def pieces(blob: bytes) -> list[bytes]:
    return [blob[start : start + 48] for start in range(3, len(blob) - 48, 48)]


async def test_nothing_of_connectors_is_left_of_an_erased_organization(any_database: str) -> None:
    async with running_node(any_database) as node, Receiver() as receiver:
        receiver.behave(echo)
        made = await node.connector(receiver.url("/path-1-x"))
        path = f"/api/connectors/{made['id']}"
        await node.call("POST", f"{path}/rotate-secret")
        await node.call("POST", f"{path}/ping")
        await node.call("POST", "/api/callers/resolve", json={"phone": BERT, "deadline_ms": 5000})
        async with asyncio.timeout(10):
            while len(await sealed_rows(node, BERT)) < 2:
                await asyncio.sleep(0.02)
        held = {"connectors", "connector_requests", "connector_contacts", "revisions", "secrets", "rotations"}
        assert held <= set(await left_of(node, "acme"))
        assert (await node.call("DELETE", "/api/organizations/acme")).status_code == 204
        body = json.dumps({"phones": [BERT]}).encode()
        signed = sign(body, made["secret"], id="c", timestamp=node.gateway.clock.now() // 1000)
        told = await node.http.post(f"{path}/changes", content=body, headers=signed)
        assert told.status_code == 401
        assert (await node.call("POST", f"{path}/ping")).status_code == 410
        await node.gateway.services.removal.finish_organizations()
        assert await left_of(node, "acme") == {}

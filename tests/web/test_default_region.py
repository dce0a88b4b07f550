"""The country of numbers that are written without one: an organization says it once, and it holds wherever
somebody writes a number for it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.domain.resolution import Inquiry
from gateway.store.tables import contact_phones, idempotency_keys
from tests.enrich.conftest import resolve, rows, settled
from tests.support.clock import until
from tests.support.crm import Crm
from tests.support.node import Node, running_node
from tests.support.receiver import Receiver

pytestmark = pytest.mark.anyio

NATIONAL, SPACED, BERLIN = "03020123400", "030 2012-3400", "+493020123400"
LIKE_IT = "+13020123400"  # the same digits, of another country
BOOK = "/api/contacts"


@pytest.fixture
async def lite(sqlite_database: str) -> AsyncIterator[Node]:
    async with running_node(sqlite_database) as made:
        yield made


async def ask(node: Node, method: str, path: str, status: int = 200, **more: Any) -> Any:
    answer = await node.call(method, path, **more)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def set_region(node: Node, region: str | None, **more: Any) -> Any:
    return await ask(node, "PATCH", "/api/organizations/acme", json={"default_region": region}, **more)


async def bring_in(node: Node, number: str, **query: str) -> dict[str, Any]:
    headers = {"Content-Type": "text/csv"}
    content = f"phone,name\n{number},Ada\n"
    found: dict[str, Any] = await ask(
        node, "POST", f"{BOOK}/import", content=content, params=query, headers=headers
    )
    return found


async def test_it_is_set_shown_and_taken_back(lite: Node) -> None:
    await ask(lite, "PUT", f"{BOOK}/{BERLIN}", 201, json={})
    assert (await ask(lite, "GET", "/api/organizations/acme"))["default_region"] is None
    assert (await set_region(lite, "DE"))["default_region"] == "DE"
    for wrong in ("de", "XX", "", "DEU", 49):
        refused = await set_region(lite, wrong, status=422)  # type: ignore[arg-type]
        assert [one["field"] for one in refused["details"]] == ["default_region"]
    assert (await ask(lite, "GET", "/api/organizations/acme"))["default_region"] == "DE"
    assert (await set_region(lite, None))["default_region"] is None
    log = await ask(lite, "GET", "/api/audit", params={"action": "updateOrganization"})
    assert [entry["details"]["fields"] for entry in log["data"]] == [["default_region"]] * 2


async def test_contacts_are_named_as_one_writes_there(lite: Node) -> None:
    await ask(lite, "PUT", f"{BOOK}/{BERLIN}", 201, json={"name": "Ada"})
    for key in (NATIONAL, SPACED):
        await ask(lite, "GET", f"{BOOK}/{key}", 404)
    await set_region(lite, "DE")
    for key in (NATIONAL, SPACED, BERLIN):
        assert (await ask(lite, "GET", f"{BOOK}/{key}"))["phone"] == BERLIN
    await ask(lite, "PATCH", f"{BOOK}/{SPACED}", json={"notes": "x"})
    made = await ask(lite, "PUT", f"{BOOK}/030 20123401", 201, json={"name": "Bo"})
    assert made["phone"] == "+493020123401"
    for key in ("030", "0302", "110", "0101234567", "(317) 555-0142", "x030 20123400", "anonymous"):
        told = await ask(lite, "PUT", f"{BOOK}/{key}", 404, json={"name": "Nobody"})
        assert told["error"] == "not_found"
    assert {row.phone for row in await rows(lite, contact_phones)} == {BERLIN, made["phone"]}
    merged = await ask(lite, "POST", f"{BOOK}/{NATIONAL}/merge", json={"from": "030 20123401"})
    assert merged["phones"] == [BERLIN, made["phone"]]
    await ask(lite, "DELETE", f"{BOOK}/{NATIONAL}", 204)
    assert await rows(lite, contact_phones) == []
    log = json.dumps((await ask(lite, "GET", "/api/audit"))["data"])
    assert NATIONAL[1:] not in log and SPACED not in log


async def test_a_key_for_a_number_without_its_country_does_not_tell_it(lite: Node) -> None:
    await ask(lite, "PUT", f"{BOOK}/{BERLIN}", 201, json={})
    await set_region(lite, "DE")
    for key in (NATIONAL, BERLIN):
        more: dict[str, Any] = {"headers": {"Idempotency-Key": "k"}}
        await ask(lite, "POST", f"{BOOK}/{key}/refresh", json={"deadline_ms": 250}, **more)
    kept = " ".join(row.scope for row in await rows(lite, idempotency_keys))
    assert kept.count("refresh") == 2
    assert NATIONAL not in kept and BERLIN not in kept


async def test_files_searches_and_callers_are_read_as_one_writes_there(lite: Node) -> None:
    assert (await bring_in(lite, NATIONAL))["refused"] == 1
    await set_region(lite, "DE")
    assert (await bring_in(lite, NATIONAL))["created"] == 1
    assert (await bring_in(lite, "01 42 34 56 78", region="FR"))["created"] == 1
    assert (await bring_in(lite, "(317) 555-0142"))["refused"] == 1
    assert {row.phone for row in await rows(lite, contact_phones)} == {BERLIN, "+33142345678"}
    await ask(lite, "PUT", f"{BOOK}/{LIKE_IT}", 201, json={})
    found = await ask(lite, "POST", f"{BOOK}/search", json={"q": SPACED})
    assert [one["phone"] for one in found["data"]] == [BERLIN, LIKE_IT], "the number itself comes first"
    called = await resolve(lite, SPACED)
    assert (called["phone"], called["status"]) == (BERLIN, "found")
    assert (await resolve(lite, "+13175550142"))["phone"] == "+13175550142"
    shown = await ask(lite, "POST", "/api/callers/preview", json={"phone": NATIONAL})
    assert (shown["phone"], shown["contact"]["name"]) == (BERLIN, "Ada")
    await set_region(lite, None)
    assert (await resolve(lite, SPACED))["phone"] != BERLIN
    assert (await resolve(lite, BERLIN))["status"] == "found", "what stands in the book stays"


async def test_a_call_belongs_to_whom_the_number_is_there(lite: Node) -> None:
    async with Receiver() as receiver:
        crm = Crm(receiver)
        await crm.join(lite)
        crm.knows(BERLIN, name="Ada")
        await ask(lite, "PUT", f"{BOOK}/{BERLIN}", 201, json={})
        await set_region(lite, "DE")
        data = {
            "call_id": "call_1", "direction": "inbound", "from": SPACED, "to": "+493020123499",
            "started_at": "2026-11-20T21:01:12.040Z",
        }  # fmt: skip
        await lite.send("call.completed", data)
        await until(lambda: crm.asked("call.sync"), "the call is told")
        [told] = crm.asked("call.sync")
        assert told.json()["contact"] == {"id": "c_1", "phone": BERLIN}
        await settled(lite)


async def test_without_the_organization_nobody_guesses_its_region(lite: Node) -> None:
    """When not even the organization can be read in time: a number without its country is left as it is."""
    told = {}
    for text in (NATIONAL, SPACED, "(317) 555-0142", BERLIN, "004930 20123400", "anonymous", "911"):
        inquiry = Inquiry(text)
        answer = lite.gateway.callers.unheard(inquiry, begun=lite.gateway.clock.monotonic(), deadline_ms=900)
        told[text] = (answer.phone, [(one.source, one.error) for one in answer.errors])
    away = [("book", "unavailable")]
    assert told == {
        NATIONAL: (None, away), SPACED: (None, away), "(317) 555-0142": (None, away),
        BERLIN: (BERLIN, away), "004930 20123400": (BERLIN, away),
        "anonymous": (None, [("phone", "withheld")]), "911": (None, [("phone", "short")]),
    }  # fmt: skip


async def test_whoever_is_written_so_in_an_event_is_erased(lite: Node) -> None:
    """Control: where nobody has said the region, the number is somebody else's."""
    asked = {"phone": BERLIN, "reason": "asked for it", "dry_run": True}
    await lite.send("sms.received", {"from": SPACED, "body": "Hello"})
    assert (await ask(lite, "POST", "/api/erasures", json=asked))["found"]["events"] == 0
    await set_region(lite, "DE")
    for number in (NATIONAL, SPACED, "0049 30 20123400", BERLIN):
        await lite.send("sms.received", {"from": number, "body": "Hello"})
    assert (await ask(lite, "POST", "/api/erasures", json=asked))["found"]["events"] == 4

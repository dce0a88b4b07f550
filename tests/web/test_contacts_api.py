"""The address book over HTTP: written, read, merged, found; what people say counts, and every word has its
age."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from gateway.manage import organizations
from gateway.store import contacts as contact_rows
from gateway.store.tables import connector_contacts, contact_facts, contact_phones, contacts, idempotency_keys
from tests.enrich.conftest import resolve, rows, settled
from tests.support import receiver as r
from tests.support.crm import Crm
from tests.support.node import Node, running_node
from tests.support.receiver import Receiver

pytestmark = pytest.mark.anyio

PHONE, OTHER = "+13175550142", "+13175550143"
BOOK = "/api/contacts"
NewCrm = Callable[[], Awaitable[Crm]]


@pytest.fixture
async def node(any_database: str) -> AsyncIterator[Node]:
    async with running_node(any_database) as made:
        yield made


@pytest.fixture
async def lite(sqlite_database: str) -> AsyncIterator[Node]:
    async with running_node(sqlite_database) as made:
        yield made


@pytest.fixture
async def new_crm() -> AsyncIterator[NewCrm]:
    async with AsyncExitStack() as stack:

        async def make() -> Crm:
            return Crm(await stack.enter_async_context(Receiver()))

        yield make


@pytest.fixture
async def crm(new_crm: NewCrm) -> Crm:
    return await new_crm()


async def ask(node: Node, method: str, path: str = "", status: int = 200, **kw: Any) -> Any:
    answer = await node.call(method, BOOK + path, **kw)
    assert answer.status_code == status, (method, path, answer.text)
    return answer.json() if answer.content else None


async def put(node: Node, phone: str = PHONE, status: int = 201, **said: Any) -> dict[str, Any]:
    found: dict[str, Any] = await ask(node, "PUT", f"/{phone}", status, json=said)
    return found


async def known(node: Node, crm: Crm, phone: str = PHONE, **contact: Any) -> dict[str, Any]:
    """The contact of somebody whom the CRM knew when they called."""
    crm.knows(phone, **contact)
    await resolve(node, phone)
    await settled(node)
    found: dict[str, Any] = await ask(node, "GET", f"/{phone}")
    return found


async def test_a_contact_is_made_under_its_number_and_read_by_both_names(node: Node) -> None:
    made = await put(node, name="Ada Example", email="ada@example.com", fields={"plan": "gold"}, tags=["vip"])
    assert (made["phone"], made["phones"], made["by_person"]) == (PHONE, [PHONE], True)
    assert made["provenance"] == {"name": "override", "email": "override"}
    assert set(made["overrides"]) == {"name", "email", "fields.plan"}
    assert made["overrides"]["name"]["value"] == "Ada Example"
    for key in (PHONE, made["id"], "%2B13175550142"):
        assert await ask(node, "GET", f"/{key}") == made | {"ages": dict.fromkeys(made["ages"], 0)}
    again = await put(node, status=200, company="Example Ltd")
    assert (again["id"], again["name"], again["company"], again["tags"]) == (
        made["id"], None, "Example Ltd", [],
    )  # fmt: skip
    assert (await resolve(node))["contact"]["id"] == made["id"]


async def test_a_patch_changes_what_it_names_and_null_takes_back(node: Node, crm: Crm) -> None:
    await crm.join(node)
    contact = await known(node, crm, name="Ada Example", company="Example Ltd")
    assert (contact["by_person"], contact["overrides"]) == (False, {})
    here = f"/{contact['id']}"
    first = await ask(
        node, "PATCH", here, json={"name": "Grandma", "fields": {"plan": "gold", "age": 7}, "tags": ["vip"]},
        headers={"X-HUM-Actor": "jo@example.com"},
    )  # fmt: skip
    assert (first["name"], first["company"], first["provenance"]["name"]) == (
        "Grandma", "Example Ltd", "override",
    )  # fmt: skip
    assert first["overrides"]["name"]["by"] == "jo@example.com"
    second = await ask(node, "PATCH", here, json={"name": None, "fields": {"plan": None}})
    assert (second["name"], second["fields"], second["tags"]) == ("Ada Example", {"age": 7}, ["vip"])
    third = await ask(node, "PATCH", here, json={"fields": None, "tags": None})
    assert (third["fields"], third["tags"], third["overrides"]) == ({}, [], {})
    await ask(node, "PATCH", f"/{OTHER}", 201, json={"name": "Bo"})


async def test_the_same_word_again_keeps_its_age(lite: Node) -> None:
    made = await put(lite, name="Ada Example", notes="likes tea")
    again = await ask(lite, "PATCH", f"/{PHONE}", json={"name": "Ada Example"})
    assert again["overrides"] == made["overrides"]
    assert again["updated_at"] == made["updated_at"]
    changed = await ask(lite, "PATCH", f"/{PHONE}", json={"notes": "likes coffee"})
    assert changed["overrides"]["name"] == made["overrides"]["name"]
    assert changed["overrides"]["notes"]["at"] >= made["overrides"]["notes"]["at"]


CANNOT_BE_SAID: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "name"), ({"name": "a\nb"}, "name"), ({"name": " a"}, "name"),
    ({"name": "x" * 201}, "name"), ({"name": 7}, "name"), ({"email": "ada"}, "email"),
    ({"email": "a b@example.com"}, "email"), ({"notes": "a\u0000b"}, "notes"),
    ({"notes": "x" * 10_001}, "notes"), ({"fields": {"": 1}}, "fields."), ({"fields": {"a": []}}, "fields.a"),
    ({"fields": {"a": 2**60}}, "fields.a"), ({"fields": {"a": "x" * 1001}}, "fields.a"),
    ({"fields": {str(n): n for n in range(51)}}, "fields"), ({"tags": ["a;b"]}, "tags[0]"),
    ({"fields": {"a;b": 1}}, "fields.a;b"),
    ({"tags": ["a"] * 51}, "tags"), ({"tags": [""]}, "tags[0]"), ({"colour": "red"}, "colour"),
    ({"carrier": "Example"}, "carrier"), ({"phone": OTHER}, "phone"),
]  # fmt: skip


async def test_what_cannot_be_said_is_refused_by_name(lite: Node) -> None:
    await put(lite, OTHER)
    for body, field in CANNOT_BE_SAID:
        for method in ("PUT", "PATCH"):
            answer = await lite.call(method, f"{BOOK}/{PHONE}", json=body)
            assert answer.status_code == 422
            assert field in [one["field"] for one in answer.json()["details"]], answer.text
    assert [row.phone for row in await rows(lite, contacts)] == [OTHER]


async def test_what_is_nobodys_number_is_no_contact(lite: Node) -> None:
    await put(lite)
    for key in ("+266696687", "anonymous", "911", "+1317", "ctc_nothing", "3175550142"):
        assert (await lite.call("GET", f"{BOOK}/{key}")).status_code == 404
        assert (await lite.call("DELETE", f"{BOOK}/{key}")).status_code == 404
        for method, path, body in (
            ("PUT", "", {"name": "x"}), ("PATCH", "", {"name": "x"}), ("POST", "/refresh", {}),
            ("POST", "/merge", {"from": PHONE}),
        ):  # fmt: skip
            assert (await lite.call(method, f"{BOOK}/{key}{path}", json=body)).status_code == 404
        answer = await lite.call("POST", f"{BOOK}/{PHONE}/merge", json={"from": key})
        assert (answer.status_code, answer.json()["details"][0]["field"]) == (422, "from")
    assert len(await rows(lite, contacts)) == 1


async def test_a_contact_is_the_organizations_own(node: Node) -> None:
    mine = await put(node, name="Ada Example")
    theirs = await ask(node, "PUT", f"/{PHONE}", 201, json={"name": "Eve"}, org="other")
    assert theirs["id"] != mine["id"]
    await ask(node, "GET", f"/{mine['id']}", 404, org="other")
    for method, path, body in (
        ("PATCH", "", {"name": "x"}), ("DELETE", "", None), ("POST", "/refresh", {}),
        ("POST", "/merge", {"from": OTHER}),
    ):  # fmt: skip
        await ask(node, method, f"/{mine['id']}{path}", 404, org="other", json=body)
    assert [one["name"] for one in (await ask(node, "GET"))["data"]] == ["Ada Example"]
    everybody = (await ask(node, "GET", org="*", params={"order": "asc"}))["data"]
    assert [(one["org_id"], one["name"]) for one in everybody] == [("acme", "Ada Example"), ("other", "Eve")]


async def test_a_list_of_all_goes_on_while_an_organization_is_erased(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows stand until they are removed. The last page asked for was read before the erasure, and shown
    after it."""
    for org in ("acme", "other", "other", "third"):
        phone = f"+131755501{len(await rows(node, contacts)):02}"
        await ask(node, "PUT", f"/{phone}", 201, json={"name": "x"}, org=org)
    lists = {"params": {"order": "asc", "limit": 2}, "org": "*"}
    read = contact_rows.page

    async def erased_meanwhile(conn: Any, *wanted: Any) -> Any:
        found = await read(conn, *wanted)
        async with node.gateway.store.transaction() as tx:
            await organizations.erase(tx, "third", node.gateway.clock.now())
        await node.gateway.directory.refresh()
        return found

    async with node.gateway.store.transaction() as tx:
        await organizations.erase(tx, "other", node.gateway.clock.now())
    await node.gateway.directory.refresh()
    assert [one["org_id"] for one in (await ask(node, "GET", **lists))["data"]] == ["acme", "third"]
    export = await node.call("GET", "/api/contacts", org="*", headers={"Accept": "application/x-ndjson"})
    assert [json.loads(line)["org_id"] for line in export.text.splitlines()] == ["third", "acme"]
    monkeypatch.setattr(contact_rows, "page", erased_meanwhile)
    assert [one["org_id"] for one in (await ask(node, "GET", **lists))["data"]] == ["acme"]


async def test_lists_go_on_where_they_were_and_know_tags_letter_by_letter(node: Node) -> None:
    phones = [f"+131755501{n:02}" for n in range(9)]
    for number, phone in enumerate(phones):
        await put(node, phone, tags=["even" if number % 2 == 0 else "odd", "Zoë"])
    await put(node, "+13175550199", tags=["EVEN"])
    seen, cursor = [], ""
    while True:
        page = await ask(
            node, "GET", params={"order": "asc", "limit": 4, **({"cursor": cursor} if cursor else {})}
        )
        if not page["data"]:
            break
        seen += [one["phone"] for one in page["data"]]
        cursor = page["next_cursor"]
    assert seen == [*phones, "+13175550199"]
    even = (await ask(node, "GET", params={"tag": "even"}))["data"]
    assert [one["phone"] for one in even] == phones[::2][::-1]
    assert len((await ask(node, "GET", params={"tag": "Zoë"}))["data"]) == 9
    assert (await ask(node, "GET", params={"tag": 'e"'}))["data"] == []


async def test_people_are_found(node: Node, crm: Crm) -> None:
    await crm.join(node)
    await known(node, crm, name="Zoë Müller", company="Example Ltd")
    await put(node, OTHER, name="Ada Example")

    async def found(q: str, **more: Any) -> list[str]:
        answer = await ask(node, "POST", "/search", json={"q": q, **more})
        return [one["phone"] for one in answer["data"]]

    assert await found("zoe") == await found("MÜLLER, zoë".replace(",", "")) == [PHONE]
    assert await found("ada") == [OTHER]
    assert set(await found("exam")) == {PHONE, OTHER}
    assert (
        await found("(317) 555-0143") == await found("tel:+1-317-555-0143") == await found("0143") == [OTHER]
    )
    assert len(await found("555", limit=1)) == 1
    assert (await ask(node, "POST", "/search", json={"q": "555", "limit": 1}))["more"] is True
    assert await found("nobody") == await found("%") == []
    await ask(node, "POST", "/search", 422, json={"q": ""})
    assert [log["action"] for log in await audit(node)].count("searchContacts") == 0


async def audit(node: Node) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await node.call("GET", "/api/audit", params={"limit": 200})).json()["data"]
    return found


async def test_two_that_are_one_person(node: Node, crm: Crm) -> None:
    await crm.join(node)
    await known(node, crm, OTHER, name="A. Example", company="Example Ltd")
    kept = await put(node, name="Ada Example", tags=["vip"])
    await ask(node, "PATCH", f"/{OTHER}", json={"name": "Someone", "notes": "likes tea", "tags": ["slow"]})
    gone = await ask(node, "GET", f"/{OTHER}")
    merged = await ask(node, "POST", f"/{kept['id']}/merge", json={"from": gone["id"]})
    assert (merged["id"], merged["phones"]) == (kept["id"], [PHONE, OTHER])
    assert (merged["name"], merged["notes"], merged["company"]) == ("Ada Example", "likes tea", "Example Ltd")
    assert merged["tags"] == ["vip", "slow"]
    for key in (gone["id"], OTHER, PHONE, kept["id"]):
        assert (await ask(node, "GET", f"/{key}"))["id"] == kept["id"]
    assert len((await ask(node, "GET"))["data"]) == 1
    for phone in (PHONE, OTHER):
        contact = (await resolve(node, phone))["contact"]
        assert (contact["id"], contact["name"], contact["phone"]) == (kept["id"], "Ada Example", phone)
    changed = await ask(node, "PATCH", f"/{OTHER}", json={"name": "Ada B. Example"})
    assert (changed["id"], changed["name"]) == (kept["id"], "Ada B. Example")
    await ask(node, "POST", f"/{PHONE}/merge", 409, json={"from": OTHER})
    await ask(node, "POST", f"/{PHONE}/merge", 422, json={"from": "ctc_nothing"})
    third = await ask(node, "POST", f"/{OTHER}/merge", json={"from": "+13175550144"})
    assert third["phones"] == [PHONE, OTHER, "+13175550144"]
    await ask(node, "DELETE", f"/{OTHER}", 204)
    for table in (contacts, contact_phones, contact_facts):
        assert await rows(node, table) == []


async def test_a_merge_of_merges_leads_to_the_last(lite: Node) -> None:
    phones = [f"+1317555014{n}" for n in range(4)]
    ids = [(await put(lite, phone))["id"] for phone in phones]
    await ask(lite, "POST", f"/{phones[1]}/merge", json={"from": phones[0]})
    await ask(lite, "POST", f"/{phones[3]}/merge", json={"from": phones[2]})
    await ask(lite, "POST", f"/{phones[3]}/merge", json={"from": ids[0]})
    for key in (*phones, *ids):
        assert (await ask(lite, "GET", f"/{key}"))["id"] == ids[3]
    for number in range(16):
        await ask(lite, "POST", f"/{phones[3]}/merge", json={"from": f"+131755502{number:02}"})
    too_many = await ask(lite, "POST", f"/{phones[3]}/merge", 409, json={"from": "+13175550299"})
    assert too_many["error"] == "too_many_numbers"
    assert len((await ask(lite, "GET"))["data"]) == 1, "what was refused left something behind"


async def test_whom_a_crm_knows_comes_back_after_being_deleted(node: Node, crm: Crm) -> None:
    await crm.join(node)
    contact = await known(node, crm, name="Ada Example")
    await ask(node, "PATCH", f"/{PHONE}", json={"name": "Grandma"})
    await ask(node, "DELETE", f"/{contact['id']}", 204)
    await ask(node, "GET", f"/{contact['id']}", 404)
    assert await rows(node, connector_contacts) == []
    found = await resolve(node)
    assert (found["contact"]["id"], found["contact"]["name"]) == (contact["id"], "Ada Example")
    await settled(node)
    assert (await ask(node, "GET", f"/{PHONE}"))["overrides"] == {}


async def test_what_a_connector_said_counts_while_it_is_there(lite: Node, new_crm: NewCrm) -> None:
    low, high = await new_crm(), await new_crm()
    for crm, priority, name in ((low, 1, "Low"), (high, 5, "High")):
        joined = await crm.join(lite, priority=priority)
        crm.knows(PHONE, name=name)
    await resolve(lite)
    await settled(lite)
    assert (await ask(lite, "GET", f"/{PHONE}"))["name"] == "High"
    assert (await lite.call("DELETE", f"/api/connectors/{joined.id}")).status_code == 204
    left = await ask(lite, "GET", f"/{PHONE}")
    assert (left["name"], len(left["crm"])) == ("Low", 1)


async def test_a_refresh_asks_whatever_is_known(node: Node, crm: Crm) -> None:
    await crm.join(node)
    contact = await known(node, crm, name="Ada Example")
    crm.contacts[PHONE]["name"] = "Ada Changed"
    found = await ask(node, "POST", f"/{contact['id']}/refresh")
    assert (found["contact"]["name"], found["errors"]) == ("Ada Changed", [])
    assert len(crm.asked()) == 2
    crm.instead = r.answer(503)
    found = await ask(node, "POST", f"/{PHONE}/refresh", json={"deadline_ms": 1_000})
    assert (found["contact"]["name"], found["errors"][0]["error"]) == ("Ada Changed", "http_status")
    crm.instead = None
    crm.contacts.clear()
    assert await ask(node, "POST", f"/{contact['id']}/refresh") == {"contact": None, "errors": []}
    await ask(node, "POST", f"/{contact['id']}/refresh", 404)
    crm.knows(OTHER, name="Bo Sample")
    found = await ask(node, "POST", f"/{OTHER}/refresh")
    assert (found["contact"]["name"], found["contact"]["by_person"]) == ("Bo Sample", False)


async def test_a_refresh_asks_about_every_number_and_waits_no_longer(lite: Node, crm: Crm) -> None:
    await crm.join(lite)
    await put(lite, name="Ada Example")
    await ask(lite, "POST", f"/{PHONE}/merge", json={"from": OTHER})
    crm.instead = r.silence()
    found = await ask(lite, "POST", f"/{PHONE}/refresh", json={"deadline_ms": 250})
    assert [one["error"] for one in found["errors"]] == ["timeout"]
    assert set(crm.phones_asked()) == {PHONE, OTHER}
    assert found["contact"]["name"] == "Ada Example"


async def test_roles(lite: Node) -> None:
    await put(lite, name="Ada Example")
    viewer, operator, admin = [await lite.new_key(role) for role in ("viewer", "operator", "admin")]
    accept = {"Accept": "text/csv"}
    for path, kw, allowed in (
        ("", {}, (viewer, operator, admin)), (f"/{PHONE}", {}, (viewer, operator, admin)),
        ("", {"headers": accept}, (admin,)),
    ):  # fmt: skip
        for key in (viewer, operator, admin):
            answer = await lite.call("GET", BOOK + path, key=key, **kw)
            assert answer.status_code == (200 if key in allowed else 403)
    assert (await lite.call("PATCH", f"{BOOK}/{PHONE}", key=viewer, json={"name": "x"})).status_code == 403
    assert (await lite.call("PATCH", f"{BOOK}/{PHONE}", key=operator, json={"name": "x"})).status_code == 200


async def test_no_number_or_name_in_the_audit_log_or_in_keys(lite: Node) -> None:
    """Only in the address book itself do they stand in the clear."""
    contact = await put(lite, name="Ada Example")
    key = {"Idempotency-Key": "k"}
    await ask(lite, "PATCH", f"/{PHONE}", json={"name": "Ada Changed"})
    first = await ask(lite, "POST", f"/{PHONE}/merge", json={"from": OTHER}, headers=key)
    assert await ask(lite, "POST", f"/{PHONE}/merge", json={"from": OTHER}, headers=key) == first
    await ask(lite, "POST", f"/{PHONE}/refresh", headers=key)
    await ask(lite, "DELETE", f"/{PHONE}", 204)
    entries = [entry for entry in await audit(lite) if entry["object_type"] == "contact"]
    assert {entry["object_id"] for entry in entries} == {contact["id"]}
    assert {entry["action"] for entry in entries} == {
        "replaceContact", "updateContact", "mergeContact", "refreshContact", "deleteContact",
    }  # fmt: skip
    text = json.dumps(entries) + repr([row[:3] for row in await rows(lite, idempotency_keys)])
    assert not [word for word in (PHONE[-7:], OTHER[-7:], "Ada") if word in text]


async def test_what_an_organization_has_set_has_its_default_back_by_null(node: Node) -> None:
    here = "/api/organizations/acme"
    await put(node)
    set_ = await node.call("PATCH", here, json={"own_numbers": [OTHER, OTHER], "retention_days": 60})
    assert (set_.json()["own_numbers"], set_.json()["retention_days"]) == ([OTHER], 60)
    kept = await node.call("PATCH", here, json={"retention_days": None})
    assert (kept.json()["own_numbers"], kept.json()["retention_days"]) == ([OTHER], 30)
    view = await node.gateway.directory.living("acme")
    assert view.organization.settings.is_own(OTHER)
    back = await node.call("PATCH", here, json={"own_numbers": None})
    assert back.json()["own_numbers"] == (await node.call("GET", here)).json()["own_numbers"] == []
    for wrong, field in (
        ({}, ""), ({"own_numbers": ["317"]}, "own_numbers[0]"), ({"own_numbers": OTHER}, "own_numbers"),
        ({"own_numbers": ["+266696687"]}, "own_numbers[0]"), ({"colour": 1}, "colour"),
    ):  # fmt: skip
        answer = await node.call("PATCH", here, json=wrong)
        assert (answer.status_code, answer.json()["details"][0]["field"]) == (422, field)

"""The address book in the console."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.crm import Crm
from tests.support.inside import Visitor, sign_in
from tests.support.node import Node
from tests.support.receiver import Receiver

pytestmark = pytest.mark.anyio

AT = "/console/o/acme/contacts"
PHONE = "+13175550142"


async def book(node: Node) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await node.call("GET", "/api/contacts")).json()["data"]
    return found


async def put(node: Node, phone: str, **said: Any) -> dict[str, Any]:
    answer = await node.call("PUT", f"/api/contacts/{phone}", json=said)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_somebody_is_added_found_and_changed(node: Node, ada: Visitor) -> None:
    page = await ada.get(f"{AT}/new")
    filled = {"phone": "+1 317 555 0142", "name": "Ada <i>", "tags": "vip, wholesale", "email": "ada"}
    page = await ada.send(page, "Add", **filled)
    assert page.status == 422 and "email" in page.text and await book(node) == []
    assert page.form("Add").fields["name"] == "Ada <i>"
    page = await ada.send(page, "Add", email="ada@example.com", notes="one\n two")
    assert "It is kept." in page.text and "Ada <i>" in page.text
    [made] = await book(node)
    assert (made["phone"], made["tags"], made["notes"]) == (PHONE, ["vip", "wholesale"], "one\n two")
    page = await ada.send(await ada.get(AT), "Search", q="(317) 555-0142")
    assert PHONE not in str(page.response.url)
    page = await ada.get(page.links["Ada <i>"])
    page = await ada.get(page.links["Edit"])
    await node.call("PATCH", f"/api/contacts/{PHONE}", json={"company": "Meanwhile Ltd"})
    page = await ada.send(page, "Save", name="Ada Example", tags="vip")
    [changed] = await book(node)
    assert (changed["name"], changed["tags"], changed["email"]) == ("Ada Example", ["vip"], "ada@example.com")
    assert changed["company"] == "Meanwhile Ltd", "what the form did not change stays"
    page = await ada.get(page.links["Edit"])
    page = await ada.send(page, "Save", email="", notes="", company="x" * 201)
    assert page.status == 422 and "company" in page.text
    page = await ada.send(page, "Save", company="")
    [changed] = await book(node)
    assert (changed["email"], changed["notes"], changed["company"]) == (None, None, None)
    assert changed["name"] == "Ada Example", "what is emptied is taken back, and nothing else"
    assert "vip" in (await ada.get(AT, tag="vip")).links
    assert "No contact has this tag" in (await ada.get(AT, tag="other")).text
    page = await ada.send(await ada.get(AT), "Search", q="Nobody Such")
    assert "Nobody is called so" in page.text


async def test_a_number_that_is_none_is_named(node: Node, ada: Visitor) -> None:
    page = await ada.send(await ada.get(f"{AT}/new"), "Add", phone="hello", name="Ada")
    assert page.status == 422 and "phone: is neither" in page.text
    assert await book(node) == []


async def test_what_people_say_is_seen_and_taken_back(node: Node, ada: Visitor) -> None:
    async with Receiver() as receiver:
        crm = Crm(receiver)
        bridge = await crm.join(node)
        crm.knows(PHONE, name="Ada of the CRM", url="https://crm.example.com/contacts/7", title="Buyer")
        made = await put(node, PHONE, name="Ada Example", fields={"tier": "gold"})
        page = await ada.send(await ada.get(f"{AT}/{made['id']}"), "Ask every source now")
        assert "Every source has answered." in page.text
        assert "Buyer a CRM" in page.text and "Name Ada Example a person" in page.text
        [link] = page.all("a", href="https://crm.example.com/contacts/7")
        assert link["rel"] == "noreferrer noopener"
        assert page.all("a", href=f"/console/o/acme/connectors/{bridge.id}")
        page = await ada.send(page, "Take back Name")
        assert "Ada of the CRM" in page.text
        page = await ada.send(page, "Say it", field="orders", kind="number", value="x7")
        assert page.status == 422 and "value: must be a number" in page.text
        page = await ada.send(page, "Say it", value="1.5")
        page = await ada.send(page, "Say it", field="member", kind="yes or no", value="Yes")
        page = await ada.send(page, "Take back tier")
        [contact] = await book(node)
        assert contact["fields"] == {"orders": 1.5, "member": True}
        assert contact["overrides"]["fields.member"]["value"] is True
        crm.gate = crm.instead = None
        receiver.respond(500, path="/crm/contacts/lookup")
        page = await ada.send(page, "What an agent would be told")
        assert "Ada of the CRM" in page.text
        assert page.links["The contact in the book"] == f"{AT}/{made['id']}"
        page = await ada.send(await ada.get(f"{AT}/{made['id']}"), "Ask every source now")
        assert "Not everybody has answered" in page.text and "http status" in page.text


async def test_two_are_made_one_and_deleted(node: Node, ada: Visitor) -> None:
    one = await put(node, PHONE, name="Ada Example")
    await put(node, "+13175550143", name="Ada at home", company="Example Ltd")
    page = await ada.get(f"{AT}/{one['id']}")
    page = await ada.send(page, "Merge", **{"from": "ctc_nobody"})
    assert page.status == 422 and "from" in page.text
    page = await ada.send(page, "Merge", **{"from": "+13175550143"})
    assert "The two are one contact." in page.text and "+13175550143" in page.text
    [contact] = await book(node)
    assert (contact["name"], contact["company"]) == ("Ada Example", "Example Ltd")
    page = await ada.send(page, "Delete this contact")
    assert "The contact is deleted." in page.text and await book(node) == []


async def test_a_person_is_erased_after_what_there_is_was_seen(node: Node, ada: Visitor) -> None:
    made = await put(node, PHONE, name="Ada Example")
    await node.send("sms.received", {"from": PHONE, "to": "+13175550100", "text": "hi", "id": "m1"})
    page = await ada.send(await ada.get(f"{AT}/{made['id']}"), "What would be erased?")
    assert "matched: 1 event" in page.text and len(await book(node)) == 1
    page = await ada.send(page, "Erase for good", reason="asked to")
    assert "The person is erased" in page.text and "Payloads that are gone 1" in page.text
    assert await book(node) == []
    page = await ada.send(await ada.get("/console/o/acme/erasures"), "What would be erased?", phone="317")
    assert page.status == 422 and page.form("What would be erased?").fields["phone"] == "317"
    await node.call("PATCH", "/api/organizations/acme", json={"own_numbers": ["+13175550100"]})
    page = await ada.send(page, "What would be erased?", phone="+13175550100")
    assert page.status == 409 and "own numbers" in page.text


async def test_a_file_is_looked_at_before_it_is_brought_in(node: Node, ada: Visitor) -> None:
    csv = 'phone,name,tags\n+13175550142,"Ada, Example",vip;new\nhello,Nobody,\n'
    page = await ada.send(await ada.get(f"{AT}/import"), "What would become of it?", file=csv)
    assert "Nothing is written yet. Of 2 contacts" in page.text and "1 would be new" in page.text
    assert "1 refused" in page.text and "3 phone" in page.text
    assert await book(node) == []
    page = await ada.send(page, "Bring them in")
    assert "1 are new" in page.text
    [contact] = await book(node)
    assert (contact["name"], contact["tags"]) == ("Ada, Example", ["vip", "new"])
    page = await ada.send(await ada.get(f"{AT}/import"), "What would become of it?", file="a,b\n1,2\n")
    assert page.status == 422 and "phone" in page.text
    file = (await ada.get(AT, format="csv")).response
    assert file.headers["content-type"].startswith("text/csv")
    assert file.headers["content-disposition"] == 'attachment; filename="contacts-acme.csv"'
    assert file.text.splitlines()[0].startswith("phone,name,")
    assert file.text.splitlines()[1].startswith('+13175550142,"Ada, Example"')
    file = (await ada.get(AT, format="ndjson", tag="vip")).response
    assert [json.loads(line)["phone"] for line in file.text.splitlines()] == [PHONE]
    assert (await ada.get(AT, format="csv", tag="other")).response.text.count("\n") == 1


async def test_a_backfill_is_ordered_at_the_price_that_was_shown(node: Node, ada: Visitor) -> None:
    await put(node, PHONE, name="Ada Example")
    async with Receiver() as receiver:
        crm = Crm(receiver)
        await crm.join(node)
        page = await ada.get(f"{AT}/backfill")
        page = await ada.send(page, "How many, and for how much?")
        assert "matched: 1 number, for about 0.00 USD" in page.text
        assert (await node.call("GET", "/api/jobs")).json()["data"] == []
        page = await ada.send(page, "Ask for them, for 0.00 USD")
        assert "It is ordered" in page.text and "Backfill" in page.text
        [request] = await receiver.wait_for(1)
        assert request.json()["phone"] == PHONE
    page = await ada.send(page, "How many, and for how much?", source="nobody")
    assert page.status == 422 and "source" in page.text
    page = await ada.post(
        f"{AT}/backfill", page.form("Sign out").fields | {"source": "twilio", "confirm_cost": "9"}
    )
    assert page.status == 409 and "account" in page.text


async def test_roles(node: Node) -> None:
    made = await put(node, PHONE, name="Ada Example", tags=["vip"])
    viewer = await sign_in(node, await node.new_key("viewer"))
    page = await viewer.get(f"{AT}/{made['id']}")
    assert page.status == 200 and page.buttons == [] and "Edit" not in page.links
    assert set((await viewer.get(AT)).buttons) == {"Search", "Filter"}
    token = page.form("Sign out").fields["token"]
    forged = {"token": token, "once": "x", "before.name": "", "name": "Eve", "field": "name", "from": PHONE}
    for act in ("edit", "say", "take-back", "refresh", "merge", "delete"):
        assert (await viewer.post(f"{AT}/{made['id']}/{act}", forged)).status == 403, act
    for path in (f"{AT}/new", f"{AT}/import"):
        page = await viewer.post(path, forged | {"phone": "+13175550143", "file": "phone\n+13175550144"})
        assert page.status == 403
    operator = await sign_in(node, await node.new_key("operator"))
    page = await operator.get(f"{AT}/{made['id']}")
    assert "Merge" in page.buttons and "What would be erased?" not in page.buttons
    token = page.form("Sign out").fields["token"]
    body = {"token": token, "once": "x", "phone": PHONE, "ordered": "yes"}
    assert (await operator.post("/console/o/acme/erasures", body)).status == 403
    assert (await operator.get(AT, format="csv")).status == 403
    [same] = await book(node)
    assert same["updated_at"] == made["updated_at"] and same["name"] == "Ada Example"


async def test_over_all_organizations_rows_lead_to_their_own(node: Node) -> None:
    made = await put(node, PHONE, name="Ada Example")
    visitor = await sign_in(node, node.key)
    page = await visitor.get("/console/o/*/contacts")
    assert page.links["Ada Example"] == f"{AT}/{made['id']}"


async def test_what_somebody_has_said_is_not_written_over_by_adding(node: Node, ada: Visitor) -> None:
    await node.call("PUT", "/api/contacts/+13175550199", json={"name": "Ann Example"})
    page = await ada.send(
        await ada.get(f"{AT}/new"), "Add", phone="+13175550199", name="Another", company="Acme"
    )
    assert page.status == 422
    assert "name: somebody has said another for this number already" in page.said("problem")
    assert page.fields("Add")["company"] == "Acme"
    standing = (await node.call("GET", "/api/contacts/+13175550199")).json()
    assert (standing["name"], standing["company"]) == ("Ann Example", None)
    page = await ada.send(page, "Add", name="Ann Example")
    assert page.status == 200
    standing = (await node.call("GET", "/api/contacts/+13175550199")).json()
    assert (standing["name"], standing["company"]) == ("Ann Example", "Acme"), "what nobody has said is added"

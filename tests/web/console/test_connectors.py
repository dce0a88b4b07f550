"""Connectors in the console: what one sees, what one does, and what the gateway has made of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.signing import verify
from tests.enrich.conftest import settled
from tests.support.crm import Crm
from tests.support.inside import PageOf, Visitor, sign_in
from tests.support.node import Node
from tests.support.receiver import Receiver
from tests.web.test_redeliveries import give_up
from tests.web.test_redeliveries import settled as sent

pytestmark = pytest.mark.anyio

AT = "/console/o/acme/connectors"
WELL = json.dumps({"ok": True, "name": "HubSpot <b>", "version": "1.4"}).encode()
CALL = {
    "call_id": "call_1", "direction": "inbound", "from": "+13175550142", "to": "+13175550100",
    "started_at": "2026-11-20T21:00:00Z",
}  # fmt: skip
JSON = [("Content-Type", "application/json")]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        receiver.respond(200, headers=JSON, body=WELL, path="/crm/ping")
        yield receiver


async def state(node: Node, connector_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await node.call("GET", f"/api/connectors/{connector_id}")).json()
    return found


def shown_secret(page: PageOf) -> str:
    [secret] = [word for word in page.text.split() if word.startswith("whsec_") and len(word) > 20]
    return secret


async def test_one_is_registered_and_its_secret_is_shown_once(
    node: Node, receiver: Receiver, ada: Visitor
) -> None:
    page = await ada.get(f"{AT}/new")
    filled = {"name": "HubSpot", "base_url": receiver.url("/crm"), "priority": "7", "create_contacts": "on"}
    form = page.form("Register").fields | filled
    form.pop("sync_unknown")
    page = await ada.post(f"{AT}/new", form)
    secret = shown_secret(page)
    again = await ada.post(f"{AT}/new", form)  # sent twice, it makes one
    assert shown_secret(again) == secret
    [made] = (await node.call("GET", "/api/connectors")).json()["data"]
    assert (made["name"], made["priority"], made["timeout_ms"]) == ("HubSpot", 7, 4000)
    assert (made["create_contacts"], made["sync_calls"], made["sync_unknown"]) == (True, True, False)
    page = await ada.get(page.links["I have kept it"])
    assert secret not in page.response.text
    page = await ada.send(page, "Ping")
    assert "Answered in" in page.text and "HubSpot <b> 1.4" in page.text
    [request] = await receiver.wait_for(1)
    verify(request.body, request.headers, secret)
    page = await ada.get(page.links["What was sent and what came back"])
    assert "Ping succeeded" in page.text and "[secret]" in page.text and secret not in page.response.text
    assert '"version": "1.4"' in page.text


async def test_a_mistake_is_named_and_what_was_filled_in_stays(node: Node, ada: Visitor) -> None:
    page = await ada.get(f"{AT}/new")
    page = await ada.send(
        page, "Register", name='Say "hi"', base_url="ftp://crm.example.com", timeout_ms="9", priority="x"
    )
    assert page.status == 422
    assert "priority: must be a whole number" in page.text
    page = await ada.send(page, "Register", priority="2")
    assert page.status == 422 and "timeout_ms" in page.text
    fields = page.form("Register").fields
    assert (fields["name"], fields["base_url"]) == ('Say "hi"', "ftp://crm.example.com")
    assert (fields["timeout_ms"], fields["priority"]) == ("9", "2")
    assert (await node.call("GET", "/api/connectors")).json()["data"] == []


async def test_another_origin_needs_another_secret(node: Node, ada: Visitor) -> None:
    made = await node.connector("https://crm.example.com/hum", timeout_ms=3000)
    page = await ada.get(f"{AT}/{made['id']}/edit")
    page = await ada.send(page, "Save", base_url="https://other.example.com/hum", name="other")
    assert page.status == 422 and "rotate_secret" in page.text
    assert (await state(node, made["id"]))["name"] == "bridge"
    page = await ada.send(page, "Save", rotate_secret="on")
    assert shown_secret(page) != made["secret"]
    changed = await state(node, made["id"])
    assert (changed["base_url"], changed["name"]) == ("https://other.example.com/hum", "other")
    assert changed["timeout_ms"] == 3000
    page = await ada.send(await ada.get(f"{AT}/{made['id']}/edit"), "Save", priority="-3")
    assert "The connector is changed." in page.text
    assert (await state(node, made["id"]))["priority"] == -3


async def test_a_rotation_is_begun_and_ended(node: Node, ada: Visitor) -> None:
    made = await node.connector("https://crm.example.com/hum")
    page = await ada.send(await ada.get(f"{AT}/{made['id']}"), "Rotate", grace_period_seconds="3600")
    first = shown_secret(page)
    assert (await state(node, made["id"]))["rotation"]["state"] == "started"
    page = await ada.get(f"{AT}/{made['id']}")
    assert "has not taken the new one yet" in page.text
    page = await ada.send(page, "Rotate")
    assert page.status == 409 and "rotation" in page.text
    page = await ada.send(page, "Rotate", force="on")
    assert shown_secret(page) != first
    page = await ada.send(await ada.get(f"{AT}/{made['id']}"), "End it")
    assert "The rotation is over" in page.text
    assert (await state(node, made["id"]))["rotation"] is None


async def test_off_and_on_again_and_away(node: Node, ada: Visitor) -> None:
    made = await node.connector("http://127.0.0.1:9/")
    page = await ada.send(await ada.get(f"{AT}/{made['id']}"), "Disable")
    assert "disabled: by user" in page.text
    assert (await state(node, made["id"]))["status"] == "disabled"
    page = await ada.send(page, "Enable and discard")
    assert "The connector is enabled." in page.text
    page = await ada.send(page, "Delete bridge")
    assert "The connector is deleted." in page.text and "No connector yet" in page.text
    assert (await node.call("GET", f"/api/connectors/{made['id']}")).status_code == 404


async def test_what_is_done_again_is_counted_first(node: Node, receiver: Receiver, ada: Visitor) -> None:
    receiver.respond(500, path="/crm/calls")
    receiver.respond(200, headers=JSON, body=b'{"found": false}', path="/crm/contacts/lookup")
    made = await node.connector(receiver.url("/crm"))
    event = await node.send("call.completed", CALL)
    await receiver.wait_for(1, path="/crm/calls")
    await sent(node)
    page = await ada.send(await ada.get(f"{AT}/{made['id']}"), "How many wait?")
    assert "matched: 1" in page.text and page.all("rect", **{"class": "bar-warm"})
    assert page.links["Calls sent"] == f"/console/o/acme/deliveries?connector={made['id']}"
    page = await ada.send(page, "Try them now")
    assert "It is ordered" in page.text and "Retry" in page.text
    await receiver.wait_for(2, path="/crm/calls")
    await sent(node)
    await give_up(node, made["id"])
    receiver.respond(200, headers=JSON, body=b'{"activity_id": "a1"}', path="/crm/calls")
    page = await ada.send(page, "How many are there?", types="call.*", since="2020-01-01T00:00")
    assert "matched: 1" in page.text
    assert len(await node.deliveries(event_id=event["id"])) == 1
    page = await ada.send(page, "Send them again")
    assert "It is ordered" in page.text and "Redeliver" in page.text
    await receiver.wait_for(3, path="/crm/calls")
    kinds = [job["kind"] for job in (await node.call("GET", "/api/jobs")).json()["data"]]
    assert kinds == ["redeliver", "retry"]
    page = await ada.send(page, "How many are there?", since="2026-13-45T00:00")
    assert page.status == 422 and "since" in page.text


async def test_the_log_is_filtered_and_the_dial_drawn(node: Node, receiver: Receiver, ada: Visitor) -> None:
    crm = Crm(receiver)
    bridge = await crm.join(node)
    crm.knows("+13175550142", name="Ada Example", notes="<script>alert(1)</script>")
    for phone in ("+13175550142", "+13175550143"):
        await node.call("POST", "/api/callers/resolve", json={"phone": phone, "deadline_ms": 5000})
    await ada.send(await ada.get(f"{AT}/{bridge.id}"), "Ping")
    await settled(node)
    page = await ada.get(f"{AT}/{bridge.id}", window="24h")
    assert "2 callers it was asked for" in page.text and "1 it knew" in page.text
    assert len(page.all("polyline")) == 1
    at = f"{AT}/{bridge.id}/requests"
    page = await ada.get(at, kind="lookup", result="succeeded")
    assert page.text.count("lookup succeeded") == 2 and "ping" not in page.text.split("Took")[1]
    assert page.form("Filter").fields["kind"] == "lookup"
    page = await ada.get(at, status_code="7")
    assert page.status == 422 and "status_code" in page.text
    page = await ada.get(at, until="2020-01-01T00:00")
    assert "No such request." in page.text
    page = await ada.get(at, kind="lookup")
    entries = [href for name, href in page.links.items() if name.startswith("att_")]
    pages = [await ada.get(href) for href in entries]
    assert any("<script>alert(1)</script>" in page.text for page in pages)
    assert not any(page.all("script") for page in pages)
    assert not any(crm.secret in page.response.text for page in pages)


async def test_viewers_see_no_buttons_and_forged_forms_do_nothing(node: Node) -> None:
    made = await node.connector("https://crm.example.com/path-of-it")
    viewer = await sign_in(node, await node.new_key("viewer"))
    page = await viewer.get(f"{AT}/{made['id']}")
    assert page.status == 200 and "path-of-it" not in page.response.text
    assert set(page.buttons) == {"Show"}
    token = page.form("Sign out").fields["token"]
    before = await state(node, made["id"])
    for act in ("disable", "rotate", "delete", "ping", "retry", "redeliver", "edit", "finish", "enable"):
        page = await viewer.post(f"{AT}/{made['id']}/{act}", {"token": token, "once": act, "ordered": "yes"})
        assert page.status == 403, act
    assert await state(node, made["id"]) == before
    page = await viewer.post(f"{AT}/new", {"token": token, "name": "x", "base_url": "https://example.com"})
    assert page.status == 403
    assert len((await node.call("GET", "/api/connectors")).json()["data"]) == 1
    operator = await sign_in(node, await node.new_key("operator"))
    buttons = (await operator.get(f"{AT}/{made['id']}")).buttons
    assert "Ping" in buttons and "Rotate" not in buttons


async def test_over_all_organizations_rows_lead_to_their_own(node: Node) -> None:
    made = await node.connector("https://crm.example.com/hum")
    visitor = await sign_in(node, node.key)
    for page in (await visitor.get("/console/o/*/connectors"), await visitor.get("/console/o/*/")):
        assert page.links["bridge"] == f"{AT}/{made['id']}"
        assert page.links["acme"] == "/console/o/acme/"

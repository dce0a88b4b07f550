"""What is done to a webhook in the console: tried, switched, released, rotated, explained, deleted."""

from __future__ import annotations

import base64

import pytest

from gateway.signing import SignatureError, verify
from tests.support.node import Node
from tests.support.receiver import Receiver
from tests.web.console.test_webhooks import BASE, LATE, get, inside
from tests.web.test_redeliveries import ids, settled

pytestmark = pytest.mark.anyio

IMPORTED = "whsec_" + base64.b64encode(b"i" * 32).decode()


async def test_a_test_shows_what_came_back(node: Node, receiver: Receiver) -> None:
    hook = await node.webhook(receiver.url(), enabled=False)
    ada = await inside(node, "operator")
    form = await ada.get(f"{BASE}/{hook['id']}/test")
    receiver.respond(503, body=b"<b>busy</b>", times=1)
    page = await ada.send(form, "Send the test", type="sms.received")
    [request] = await receiver.wait_for(1)
    assert request.json()["type"] == "sms.received"
    assert "not accepted 503 after" in page.text
    assert page.tree.xpath("//pre/text()") == ["<b>busy</b>"]
    delivery = str(request.header("X-HUM-Delivery"))
    assert page.links[delivery] == f"/console/o/acme/deliveries/{delivery}"
    again = await ada.send(form, "Send the test", type="sms.received")
    assert "503 after" in again.text, "the same form, sent twice"
    assert len(receiver.requests) == 1
    page = await ada.send(page, "Send another")
    assert "accepted 200 after" in page.text
    assert receiver.requests[1].json()["type"] == "sms.received"
    assert (await ada.send(page, "Send another", type="no.such")).status == 422


async def test_a_test_that_nobody_answers_says_so(node: Node) -> None:
    hook = await node.webhook("http://127.0.0.1:9/")
    ada = await inside(node)
    page = await ada.send(await ada.get(f"{BASE}/{hook['id']}/test"), "Send the test")
    assert "connect refused" in page.text
    keyless = await inside(node, None, scopes=["manage", "console"])
    page = await keyless.send(await keyless.get(f"{BASE}/{hook['id']}/test"), "Send the test")
    assert "payload:read" in page.text


@pytest.mark.parametrize(
    ("button", "left"),
    [("Enable and deliver what is pending", "pending"), ("Enable and discard", "cancelled")],
)
async def test_enabling_delivers_or_discards(node: Node, receiver: Receiver, button: str, left: str) -> None:
    receiver.respond(500)
    hook = await node.webhook(receiver.url(), **LATE)
    await node.send()
    await receiver.wait_for(1)
    await settled(node)
    ada = await inside(node)
    page = await ada.send(await ada.get(f"{BASE}/{hook['id']}"), "Disable the webhook")
    assert "makes no deliveries" in page.said("said")
    assert "disabled: by user" in page.text
    assert not (await get(node, hook["id"]))["enabled"]
    assert (
        await ada.post(f"{BASE}/{hook['id']}/enable", page.fields(button) | {"pending": "eat"})
    ).status == 422
    page = await ada.send(page, button)
    assert "The webhook is enabled." in page.said("said")
    assert (await get(node, hook["id"]))["enabled"]
    [delivery] = await node.deliveries()
    assert delivery["status"] == left


async def test_one_whose_receiver_is_gone_says_so_and_goes_on_collecting(
    node: Node, receiver: Receiver
) -> None:
    receiver.respond(410, times=1)
    hook = await node.webhook(receiver.url())
    first = await node.send()
    await receiver.wait_for(1)
    await settled(node)
    later = await node.send()
    ada = await inside(node)
    page = await ada.get(f"{BASE}/{hook['id']}")
    assert "disabled: gone" in page.text
    assert "answered 410" in page.said("problem")
    await ada.send(page, "Enable and deliver what is pending")
    assert set(ids((await receiver.wait_for(3))[1:])) == {first["id"], later["id"]}


async def test_a_hold_is_released(node: Node, receiver: Receiver) -> None:
    receiver.respond(429, headers=[("Retry-After", "600")], times=1)
    hook = await node.webhook(receiver.url())
    await node.send()
    await receiver.wait_for(1)
    await settled(node)
    ada = await inside(node)
    page = await ada.get(f"{BASE}/{hook['id']}")
    assert "its receiver asked for a pause" in page.text
    released = await ada.send(page, "Release")
    assert "The hold is ended" in released.said("said")
    await receiver.wait_for(2)
    again = await ada.post(f"{BASE}/{hook['id']}/release", page.fields("Release") | {"once": "another"})
    assert "was not held" in again.said("said")
    assert "Release" not in again.buttons


async def test_a_rotation(node: Node, receiver: Receiver) -> None:
    hook = await node.webhook(receiver.url())
    ada = await inside(node)
    form = await ada.get(f"{BASE}/{hook['id']}/rotate")
    page = await ada.send(form, "Rotate", grace_period_seconds="3600")
    fresh = page.said("secret").split()[0]
    assert "in 59 min" in page.text or "in 1 h" in page.text
    assert (await ada.send(form, "Rotate", grace_period_seconds="3600")).said("secret").split()[0] == fresh
    one = await ada.get(f"{BASE}/{hook['id']}")
    assert "rotation started" in one.text
    assert fresh not in one.text
    await node.call("POST", f"/api/webhooks/{hook['id']}/test")
    [request] = await receiver.wait_for(1)
    for secret in (hook["secret"], fresh):
        verify(request.body, dict(request.headers), [secret])

    form = await ada.get(f"{BASE}/{hook['id']}/rotate")
    page = await ada.send(form, "Rotate", grace_period_seconds="604800", secret=IMPORTED)
    assert page.status == 409
    assert "force" in page.said("problem") or "under way" in page.text
    assert page.fields("Rotate")["grace_period_seconds"] == "604800"
    assert (await ada.send(page, "Rotate", secret="short", force="yes")).status == 422
    page = await ada.send(page, "Rotate", secret=IMPORTED, force="yes")
    assert "one that you brought along" in page.said("said")
    assert IMPORTED not in page.text

    page = await ada.send(page, "Finish the rotation")
    assert "the old secret signs nothing more" in page.said("said")
    assert (await get(node, hook["id"]))["rotation"] is None
    await node.call("POST", f"/api/webhooks/{hook['id']}/test")
    request = (await receiver.wait_for(2))[1]
    verify(request.body, dict(request.headers), [IMPORTED])
    with pytest.raises(SignatureError):
        verify(request.body, dict(request.headers), [fresh])


async def test_a_leaked_secret_ends_at_once(node: Node) -> None:
    hook = await node.webhook("http://127.0.0.1:9/")
    ada = await inside(node)
    form = await ada.get(f"{BASE}/{hook['id']}/rotate")
    page = await ada.send(form, "Rotate", grace_period_seconds="0")
    assert page.said("secret").startswith("whsec_")
    assert (await get(node, hook["id"]))["rotation"] is None
    assert (await ada.send(form, "Rotate", once="x", grace_period_seconds="soon")).status == 422


async def test_why_an_event_makes_no_delivery(node: Node, receiver: Receiver) -> None:
    hook = await node.webhook(receiver.url(), ["a.*"], filter="data.n == `1` && data.to == 'x'")
    event = await node.send("a.x", {"n": 2, "to": "x"})
    viewer = await inside(node, "viewer")
    form = await viewer.get(f"{BASE}/{hook['id']}/explain?event_id={event['id']}")
    page = await viewer.send(form, "Explain")
    assert "makes none a.x" in page.text
    assert page.facts()["Events"] == "yes a.* matches a.x"
    assert page.facts()["Filter"].startswith("no ")
    assert any("data.n == `1` no" in row for row in page.rows)
    event = await node.send("a.x", {"n": 1, "to": "x"})
    page = await viewer.send(page, "Explain", event_id=event["id"])
    [delivery] = await node.deliveries()
    assert "makes a delivery a.x" in page.text
    assert page.links[delivery["id"]] == f"/console/o/acme/deliveries/{delivery['id']}"
    page = await viewer.send(page, "Explain", event_id="evt_<i>nothing")
    assert (page.status, page.said("problem")) == (422, "event_id: there is no such event")
    assert page.fields("Explain")["event_id"] == "evt_<i>nothing"


async def test_a_webhook_is_deleted(node: Node, receiver: Receiver) -> None:
    receiver.respond(500)
    hook = await node.webhook(receiver.url(), **LATE)
    await node.send()
    await receiver.wait_for(1)
    await settled(node)
    ada = await inside(node)
    one = await ada.get(f"{BASE}/{hook['id']}")
    page = await ada.send(one, "Delete the webhook")
    assert "is deleted" in page.said("said")
    assert hook["id"] not in page.text
    assert (await node.call("GET", f"/api/webhooks/{hook['id']}")).status_code == 404
    assert [delivery["status"] for delivery in await node.deliveries()] == ["cancelled"]
    assert (await ada.send(one, "Delete the webhook")).status == 404

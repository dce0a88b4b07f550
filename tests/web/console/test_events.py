"""The pages of events: found, looked at, sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.clock import until
from tests.support.inside import PageOf, sign_in
from tests.support.node import Node
from tests.support.receiver import Receiver

pytestmark = pytest.mark.anyio

LIST = "/console/o/acme/events"


async def events(node: Node) -> list[dict[str, Any]]:
    """The newest first."""
    found: list[dict[str, Any]] = (await node.call("GET", "/api/events")).json()["data"]
    return found


def listed(page: PageOf) -> list[str]:
    ids = [link["href"].rpartition("/events/")[2] for link in page.all("a")]
    return [one for one in ids if one.startswith("evt_")]


async def test_the_list_is_filtered_and_keeps_what_was_typed(node: Node) -> None:
    ada = await sign_in(node, await node.new_key("viewer"))
    assert "No event yet" in (await ada.get(LIST)).text
    first = (await node.send("a.b", {}, external_id="x-1", ordering_key="<k>"))["id"]
    second = (await node.send("sms.sent", {}, priority="high"))["id"]
    page = await ada.get(LIST)
    assert listed(page) == [second, first]
    assert "Send an event" not in page.links
    for text in ("x-1", "<k>", "high"):
        assert text in page.text
    page = await ada.send(page, "Show", type="a.b", since="2h")
    assert listed(page) == [first]
    assert (page.form("Show").fields["type"], page.form("Show").fields["since"]) == ("a.b", "2h")
    assert listed(await ada.get(LIST, until="2026-11-20 21:05")) == []
    page = await ada.get(LIST, type="sms.*", until="soon")
    assert page.status == 422
    assert page.form("Show").fields["type"] == "sms.*"
    [wrong] = page.all("input", **{"aria-invalid": "true"})
    assert wrong["name"] in ("type", "until")


async def test_an_event_shows_its_data_as_it_came_and_to_whom_it_is_owed(node: Node) -> None:
    async with Receiver() as receiver:
        hook = await node.webhook(receiver.url("/hook"))
        raw = '{"z":1.10,"a":123456789012345678901234567890,"t":"<i>x</i>"}'
        body = f'{{"type":"sms.recieved","data":{raw}}}'
        answer = await node.call(
            "POST", "/api/events", content=body, headers={"Content-Type": "application/json"}
        )
        event_id = answer.json()["id"]
        await receiver.wait_for(1)
        await until(lambda: node.gateway.dispatcher.kept == 0, "everything recorded")
        [delivery] = await node.deliveries()
        ada = await sign_in(node, await node.new_key("viewer"))
        page = await ada.get(f"{LIST}/{event_id}")
        assert raw in page.text
        assert '"a": 123456789012345678901234567890' in page.text
        assert page.all("i") == []
        taken = await ada.get(page.links["Download the data"])
        assert taken.response.content == raw.encode()
        assert "attachment" in taken.response.headers["content-disposition"]
        assert "did you mean sms.received?" in page.text
        assert page.links["sms.recieved"].endswith(f"/deliveries/{delivery['id']}")
        assert page.all("a", href=f"/console/o/acme/webhooks/{hook['id']}")
        assert page.all("a", href=f"/console/o/acme/webhooks/{hook['id']}/explain?event_id={event_id}")
        assert (await ada.get(f"{LIST}/evt_nothing")).status == 404
        root = await sign_in(node, await node.new_key(None, scopes=["manage", "console"]))
        seen = await root.get(f"/console/o/*/events/{event_id}")
        assert seen.response.url.path == f"{LIST}/{event_id}"
        assert "payload:read" in seen.text
        assert "123456789" not in seen.text
        everybody = await root.get("/console/o/*/events")
        assert listed(everybody) == [event_id]
        assert "/o/acme/events/" in everybody.response.text
        assert "Send an event" not in everybody.links


async def test_an_event_is_sent_from_the_example_of_its_type(node: Node) -> None:
    ada = await sign_in(node, await node.new_key("operator"))
    page = await ada.get((await ada.get(LIST)).links["Send an event"])
    page = await ada.send(page, "Fill in", type="sms.received")
    filled = page.form("Send").fields
    assert filled["type"] == "sms.received"
    assert "body" in json.loads(filled["data"])
    typed = '{\n  "price": 1.10,\n  "body": "Grüße"\n}'
    sent = await ada.send(page, "Send", data=typed, external_id="mine", ordering_key="k")
    [event] = await events(node)
    assert sent.response.url.path == f"{LIST}/{event['id']}"
    assert "The event is accepted" in sent.text
    assert "0 deliveries" in sent.text
    assert "no enabled webhook matched" in sent.text
    assert (event["type"], event["external_id"], event["ordering_key"]) == ("sms.received", "mine", "k")
    kept = await node.call("GET", f"/api/events/{event['id']}")
    assert typed in kept.text  # byte for byte
    # The same form once more is the same event.
    again = await ada.send(page, "Send", data=typed, external_id="mine", ordering_key="k")
    assert again.response.url.path == sent.response.url.path
    assert len(await events(node)) == 1


MISTAKES = [
    ({"data": '{"a": }'}, "data", "is not valid JSON"),
    ({"data": '{"a": 1}, "type": "b.c"'}, "data", "is not valid JSON"),
    ({"data": " "}, "data", "nothing is there"),
    ({"data": "[1]"}, "data", "must be an object"),
    ({"data": '{"call_id": 5}'}, "data", "data.call_id"),
    ({"type": "Call"}, "type", "dotted lower case"),
    ({"type": "webhook.failing", "data": "{}"}, "type", "the gateway's own"),
    ({"external_id": "ä"}, "external_id", "must be 1 to 128"),
    ({"occurred_at": "soon"}, "occurred_at", "ISO 8601"),
    ({"expires_in": "long"}, "expires_in", "must be a whole number"),
    ({"expires_in": "-1"}, "expires_in", "must be 1 to"),
]


async def test_a_mistake_stands_beside_its_field_and_nothing_is_lost(node: Node) -> None:
    ada = await sign_in(node, await node.new_key("operator"))
    form = await ada.get(f"{LIST}/send")
    for filled, field, said in MISTAKES:
        page = await ada.send(form, "Send", **{"ordering_key": "kept", **filled})
        assert (page.status, said in page.text) == (422, True), filled
        assert len(page.all("p", id=f"wrong-{field}-1")) == 1, filled
        fields = page.form("Send").fields
        stripped = {name: value.strip() for name, value in fields.items()}
        assert stripped | {name: value.strip() for name, value in filled.items()} == stripped
        assert fields["ordering_key"] == "kept"
    assert await events(node) == []


async def test_a_time_of_when_it_happened_is_typed_as_people_do(node: Node) -> None:
    ada = await sign_in(node, await node.new_key("operator"))
    form = await ada.get(f"{LIST}/send", type="my.own")
    await ada.send(form, "Send", occurred_at="2026-11-20 21:05", expires_in="600", priority="high")
    [event] = await events(node)
    assert (event["type"], event["timestamp"]) == ("my.own", "2026-11-20T21:05:00.000Z")
    assert event["priority"] == "high"
    assert event["expires_at"] is not None


async def test_a_viewer_sends_nothing(node: Node) -> None:
    ada = await sign_in(node, await node.new_key("operator"))
    eve = await sign_in(node, await node.new_key("viewer"))
    fields = (await ada.get(f"{LIST}/send")).form("Send").fields
    token = (await eve.get(LIST)).form("Sign out").fields["token"]
    assert (await eve.post(f"{LIST}/send", fields | {"token": token})).status == 403
    assert await events(node) == []

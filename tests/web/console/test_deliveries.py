"""The pages of deliveries: found, understood, sent again, taken along."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import pytest
from sqlalchemy import update

from gateway.clock import parse_time
from gateway.domain.delivery import Reason
from gateway.domain.exchange import RECORDED_ERRORS
from gateway.domain.waiting import Why
from gateway.signing import verify
from gateway.store import history
from gateway.store.tables import deliveries
from gateway.web import search
from gateway.web.console.causes import ERRORS, REASONS, REDIRECTED, REMEDIES, cause
from gateway.web.console.pages import delivery
from gateway.web.console.times import api_time
from tests.support.clock import until
from tests.support.inside import PageOf, sign_in
from tests.support.node import Node
from tests.support.receiver import Receiver

pytestmark = pytest.mark.anyio

LIST = "/console/o/acme/deliveries"
ONCE = {"retry_schedule": [3_000]}
NOW = 1_795_208_709_123  # 2026-11-20T21:05:09.123Z


async def sent(node: Node, receiver: Receiver, *events: tuple[str, Any], org: str = "acme") -> list[str]:
    """The deliveries of these events, when each has had its first attempt. Data may be JSON as it is."""
    before = len(receiver.requests)
    made = []
    for type_, data in events:
        raw = data if isinstance(data, str) else json.dumps(data)
        body = f'{{"type":"{type_}","data":{raw}}}'
        json_type = {"Content-Type": "application/json"}
        answer = await node.call("POST", "/api/events", content=body, headers=json_type, org=org)
        made.append(answer.json()["id"])
    await receiver.wait_for(before + len(events))
    await until(lambda: node.gateway.dispatcher.kept == 0, "everything recorded")
    found = (await node.call("GET", "/api/deliveries", org=org)).json()["data"]
    return [one["id"] for event_id in made for one in found if one["event_id"] == event_id]


def listed(page: PageOf) -> list[str]:
    """The deliveries in the table, by the links to them."""
    links = [re.fullmatch(r".*/deliveries/(dlv_\w+)", link["href"]) for link in page.all("a")]
    return [found[1] for found in links if found]


def file_of(page: PageOf) -> str:
    return page.response.headers.get("content-disposition", "")


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("2026-11-20 21:05", "2026-11-20T21:05:00Z"),
        ("2026-11-20 9:05:01 UTC", "2026-11-20T09:05:01Z"),
        (" 2026-11-20 ", "2026-11-20T00:00:00Z"),
        ("2026-11-20T21:05:09.123Z", "2026-11-20T21:05:09.123Z"),
        ("2026-11-20T21:05:00+01:00", "2026-11-20T21:05:00+01:00"),
        ("6h", "2026-11-20T15:05:09.123Z"),
        ("5 min ago", "2026-11-20T21:00:09.123Z"),
        ("999999d", "1970-01-01T00:00:00.000Z"),
        ("yesterday", "yesterday"),
        ("2026-13-45 99:99", "2026-13-45T99:99:00Z"),  # which the API refuses
    ],
)
def test_times_as_they_are_typed(typed: str, asked: str) -> None:
    assert api_time(typed, NOW) == asked
    assert typed == "yesterday" or "13-45" in typed or parse_time(asked) <= NOW + 86_400_000


def test_every_error_and_reason_has_a_sentence() -> None:
    assert set(ERRORS) == set(RECORDED_ERRORS)
    assert set(REASONS) == {reason.value for reason in Reason}
    assert set(REMEDIES) == {why.value for why in Why}
    assert "secret" in cause("http_status", 401)
    assert cause("http_status", 302) == REDIRECTED
    assert cause("http_status", 418) == ERRORS["http_status"]
    assert cause(None, 200) == cause("a_later_one", None) == ""


async def test_the_list_takes_every_filter_and_keeps_it(node: Node, receiver: Receiver) -> None:
    hook = await node.webhook(receiver.url("/hook"), ["call.*"], **ONCE)
    other = await node.webhook(receiver.url("/other"), ["sms.*"])
    call = {"call_id": "c1", "direction": "inbound", "from": "+13175550142", "to": "+13175550100"}
    call["started_at"] = "2026-11-20T21:05:09Z"
    receiver.respond(503, times=1)
    [refused] = await sent(node, receiver, ("call.completed", call))
    [called, texted] = await sent(
        node, receiver, ("call.completed", call | {"from": "+13175550177"}), ("sms.received", {"body": "Hi"})
    )
    ada = await sign_in(node, await node.new_key("viewer"))
    everything = await ada.get(LIST)
    assert listed(everything) == [texted, called, refused]
    event_id = (await node.delivery(called))["event_id"]
    for query, wanted in [
        ({"status": "pending"}, [refused]),
        ({"type": "sms.received"}, [texted]),
        ({"last_status_code": "503"}, [refused]),
        ({"last_error": "timeout"}, []),
        ({"event_id": event_id}, [called]),
        ({"q": "+13175550142"}, [refused]),
        ({"since": "1h", "order": "asc"}, [refused, called, texted]),
        ({"until": "2026-11-20 21:05"}, []),
        ({"webhook": hook["id"]}, [called, refused]),
        ({"target": other["id"]}, [texted]),
        ({"target": hook["id"], "status": "delivered"}, [called]),
    ]:
        page = await ada.get(LIST, **query)
        assert (page.status, listed(page)) == (200, wanted), query
        filled = page.form("Show").fields
        kept = {"target" if name == "webhook" else name: value for name, value in query.items()}
        assert filled | kept == filled, query
    # The form itself finds what it was filled in with.
    page = await ada.send(
        everything, "Show", status="pending", since="2026-11-20 21:05", type="call.completed"
    )
    assert listed(page) == [refused]


async def test_a_mistake_stands_beside_its_field_and_nothing_is_lost(node: Node) -> None:
    ada = await sign_in(node, await node.new_key("viewer"))
    page = await ada.get(LIST, since="yesterday", status="failed", q="Quillfeather")
    assert page.status == 422
    [field] = page.all("input", name="since")
    assert (field["value"], field["aria-invalid"]) == ("yesterday", "true")
    [beside] = page.all("p", id=field["aria-describedby"])
    assert "wrong" in beside["class"]
    filled = page.form("Show").fields
    assert (filled["status"], filled["q"]) == ("failed", "Quillfeather")
    page = await ada.get(LIST, last_status_code="9", target="whk_nobody")
    assert (page.status, "there is no webhook whk_nobody" in page.text) == (404, True)
    assert page.form("Show").fields["last_status_code"] == "9"
    assert (await ada.get(LIST, cursor="nonsense")).status == 400


async def test_the_deliveries_of_a_connector(node: Node, receiver: Receiver) -> None:
    receiver.respond(200, body=b'{"activity_id":"a1"}', path="/calls")
    receiver.respond(200, body=b'{"found":false}', path="/contacts/lookup")
    connector = await node.connector(receiver.url("").removesuffix("/"), name="The CRM")
    call = {"call_id": "c1", "direction": "inbound", "from": "+13175550142", "to": "+13175550100"}
    call["started_at"] = "2026-11-20T21:05:09Z"
    await node.webhook(receiver.url("/hook"))
    await node.send("call.completed", call)
    await receiver.wait_for(1, path="/calls")
    await until(lambda: node.gateway.dispatcher.kept == 0, "everything recorded")
    ada = await sign_in(node, await node.new_key("viewer"))
    page = await ada.get(LIST, connector=connector["id"])
    [delivery_id] = listed(page)
    assert "Deliveries to The CRM" in page.text
    page = await ada.get(f"{LIST}/{delivery_id}")
    assert "The call as it stands at this moment" in page.text
    assert page.links["The CRM"] == f"/console/o/acme/connectors/{connector['id']}"


async def test_a_search_that_has_looked_at_enough_goes_on(
    node: Node, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await node.webhook(receiver.url())
    [first, *_] = await sent(node, receiver, ("a.b", {"n": "needle"}), *[("a.b", {"n": n}) for n in range(3)])
    monkeypatch.setattr(search, "MOST", 1)
    monkeypatch.setattr(search, "EFFORT", search.Effort(stride=2, most=2, seconds=60))
    ada = await sign_in(node, await node.new_key("viewer"))
    page = await ada.get(LIST, q="needle")
    assert listed(page) == []
    assert "everything back to" in page.text
    for _ in range(4):
        if listed(page):
            break
        page = await ada.get(page.links["Search on from there"])
        assert page.form("Show").fields["q"] == "needle"
    assert listed(page) == [first]


async def test_what_is_filtered_is_taken_along_as_a_file(node: Node, receiver: Receiver) -> None:
    await node.webhook(receiver.url("/a=b"))
    [one, two] = await sent(node, receiver, ("a.b", {"n": 1}), ("c.d", {"n": 2}))
    ada = await sign_in(node, await node.new_key("admin"))
    page = await ada.get(LIST, type="a.b", since="1h")
    taken = await ada.get(page.links["CSV"])
    assert re.fullmatch(r'attachment; filename="deliveries-acme-\d{8}T\d{6}Z\.csv"', file_of(taken))
    assert taken.response.headers["content-type"] == "text/csv; charset=utf-8"
    assert taken.response.headers["x-content-type-options"] == "nosniff"
    rows = list(csv.DictReader(io.StringIO(taken.response.text)))
    assert [row["id"] for row in rows] == [one]
    lines = await ada.get((await ada.get(LIST)).links["JSON lines"])
    assert [line["id"] for line in map(json.loads, lines.response.text.splitlines())] == [two, one]
    assert (await ada.get(LIST, since="yesterday", format="csv")).status == 422
    assert (await ada.get(LIST, format="xml")).status == 422
    # Files cannot be searched for a text, and the page does not pretend so.
    searched = await ada.get(LIST, q="n")
    assert "CSV" not in searched.links
    ben = await sign_in(node, await node.new_key("operator"))
    assert "CSV" not in (await ben.get(LIST)).links
    refused = await ben.get(LIST, format="csv")
    assert (refused.status, file_of(refused)) == (403, "")


async def test_whoever_asks_only_for_the_head_of_a_file_has_nothing_read(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    await node.webhook("https://hooks.example.com/a")
    ada = await sign_in(node, await node.new_key("admin"))
    read = []
    monkeypatch.setattr(history, "page", lambda *given, **named: read.append(given))
    answer = await ada.http.head(LIST, params={"format": "csv"})
    assert (answer.status_code, read) == (200, [])


async def test_the_page_of_a_delivery_says_what_happened(node: Node, receiver: Receiver) -> None:
    hook = await node.webhook(receiver.url("/hook?k=1"), headers={"X-Env": "hush"}, **ONCE)
    body = b'{"error": "<script>alert(1)</script>", "at": 1.10}'
    receiver.respond(500, [("X-Why", "locked"), ("Content-Type", "application/json")], body, times=1)
    [delivery_id] = await sent(node, receiver, ("sms.received", '{"body":"<b>Hi</b>","price":1.10}'))
    ada = await sign_in(node, await node.new_key("operator"))
    page = await ada.get(f"{LIST}/{delivery_id}")
    assert page.status == 200
    for text in ("Attempt 1 500", "the reason stands in its own log", "X-Why locked", "X-Env [secret]"):
        assert text in page.text, text
    assert "its time: the next attempt is at" in page.text
    assert '"price": 1.10' in page.text
    assert "<script>alert(1)</script>" in page.text  # as text
    assert page.all("script") == page.all("b") == []
    assert "hush" not in page.response.text
    assert f"/o/acme/webhooks/{hook['id']}" in page.response.text
    # What it waits for changes with its target.
    assert (await node.call("POST", f"/api/webhooks/{hook['id']}/disable", json={})).status_code == 200
    page = await ada.get(f"{LIST}/{delivery_id}")
    assert "the webhook is disabled (by_user)" in page.text
    assert REMEDIES["disabled"] in page.text


async def test_a_signature_can_be_verified_with_what_the_page_gives(node: Node, receiver: Receiver) -> None:
    hook = await node.webhook(receiver.url())
    [delivery_id] = await sent(node, receiver, ("a.b", '{"z":1.10, "a" : "ü"}'))
    ada = await sign_in(node, await node.new_key("operator"))
    page = await ada.get(f"{LIST}/{delivery_id}")
    raw = await ada.get(page.links["Download the body"])
    assert raw.response.content == receiver.requests[0].body
    assert file_of(raw) == f'attachment; filename="{delivery_id}.json"'
    lines = (await ada.get(page.links["Download these headers"])).response.text.splitlines()
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    assert verify(raw.response.content, headers, hook["secret"]).scheme == "standard"
    assert f"hum-gateway verify {delivery_id}.json" in page.text
    assert (await ada.get(f"{LIST}/{delivery_id}", format="headers", attempt="2")).status == 404
    viewer = await sign_in(node, await node.new_key("viewer"))
    page = await viewer.get(f"{LIST}/{delivery_id}")
    assert "Download these headers" not in page.links
    assert "Viewers see signatures shortened" in page.text


async def test_a_pause_and_a_rotation_are_told(node: Node, receiver: Receiver) -> None:
    hook = await node.webhook(receiver.url("/first"), ["a.b"], **ONCE)
    receiver.respond(429, [("Retry-After", "3000")], times=1)
    [held] = await sent(node, receiver, ("a.b", {}))
    ada = await sign_in(node, await node.new_key("viewer"))
    page = await ada.get(f"{LIST}/{held}")
    assert "Attempt 1 429 held" in page.text
    assert "used no step of the schedule" in page.text
    assert "the webhook is held until" in page.text
    assert REMEDIES["hold"] in page.text
    await node.call("DELETE", f"/api/webhooks/{hook['id']}")
    hook = await node.webhook(receiver.url("/second"), ["a.b"], **ONCE)
    rotated = await node.call("POST", f"/api/webhooks/{hook['id']}/rotate-secret", json={})
    assert rotated.status_code == 200
    receiver.respond(401, times=1)
    [swapped] = await sent(node, receiver, ("a.b", {}))
    page = await ada.get(f"{LIST}/{swapped}")
    assert "Attempt 1 200" in page.text
    assert "the receiver refused the old secret" in page.text


async def test_a_payload_too_large_for_a_page_is_a_file(
    node: Node, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "MOST_SHOWN", 500)
    await node.webhook(receiver.url())
    [delivery_id] = await sent(node, receiver, ("a.b", {"text": "long " * 200}))
    ada = await sign_in(node, await node.new_key("viewer"))
    page = await ada.get(f"{LIST}/{delivery_id}")
    assert "too many for a page" in page.text
    assert "long long" not in page.response.text
    assert (await ada.get(page.links["Download the body"])).response.content == receiver.requests[0].body


async def test_a_form_sent_twice_redelivers_once(node: Node, receiver: Receiver) -> None:
    await node.webhook(receiver.url())
    [before] = await sent(node, receiver, ("a.b", {"n": 1}))
    ada = await sign_in(node, await node.new_key("operator"))
    form = await ada.get(f"{LIST}/{before}")
    pages = [await ada.send(form, "Redeliver") for _ in range(2)]
    [_, again] = await receiver.wait_for(2)
    await until(lambda: node.gateway.dispatcher.kept == 0, "everything recorded")
    assert again.header("X-HUM-Redelivery") == before
    assert len(await node.deliveries()) == len(receiver.requests) == 2
    for page in pages:
        assert page.response.url.path == f"{LIST}/{again.header('X-HUM-Delivery')}"
        assert "It is sent once more" in page.text
        assert page.links[before].endswith(f"/deliveries/{before}")


async def test_a_delivery_is_cancelled_unless_it_is_over(node: Node, receiver: Receiver) -> None:
    await node.webhook(receiver.url(), **ONCE)
    receiver.respond(500, times=1)
    [delivery_id] = await sent(node, receiver, ("a.b", {}))
    ada = await sign_in(node, await node.new_key("operator"))
    form = await ada.get(f"{LIST}/{delivery_id}")
    page = await ada.send(form, "Cancel the delivery")
    assert "The delivery is cancelled." in page.text
    assert (await node.delivery(delivery_id))["status"] == "cancelled"
    assert "Cancel the delivery" not in page.buttons
    [delivered] = await sent(node, receiver, ("a.b", {}))
    fields = form.form("Cancel the delivery").fields | {"once": "another"}
    refused = await ada.post(f"{LIST}/{delivered}/cancel", fields)
    assert (refused.status, "the delivery is over: delivered" in refused.text) == (409, True)
    assert "Attempt 1" in refused.text  # the page is still there


async def test_a_viewer_sees_no_button_and_a_forged_form_changes_nothing(
    node: Node, receiver: Receiver
) -> None:
    await node.webhook(receiver.url(), **ONCE)
    receiver.respond(500, times=1)
    [delivery_id] = await sent(node, receiver, ("a.b", {}))
    eve = await sign_in(node, await node.new_key("viewer"))
    page = await eve.get(f"{LIST}/{delivery_id}")
    assert page.buttons == []
    token = page.form("Sign out").fields["token"]
    for what in ("redeliver", "cancel"):
        assert (await eve.post(f"{LIST}/{delivery_id}/{what}", {"token": token, "once": "x"})).status == 403
    ada = await sign_in(node, await node.new_key("operator"))
    assert (await ada.post(f"{LIST}/{delivery_id}/redeliver", {"token": token})).status == 403  # hers
    assert [one["status"] for one in await node.deliveries()] == ["pending"]
    other = await sign_in(node, await node.new_key("admin", "globex"))
    assert (await other.get(f"{LIST}/{delivery_id}")).status == 404
    assert (await other.get(f"/console/o/globex/deliveries/{delivery_id}")).status == 404


async def test_over_all_organizations(node: Node, receiver: Receiver) -> None:
    ids = []
    for org in ("acme", "globex"):
        body = {"url": receiver.url(f"/{org}"), "events": ["*"]}
        assert (await node.call("POST", "/api/webhooks", json=body, org=org)).status_code == 201
        ids += await sent(node, receiver, ("a.b", {"of": org}), org=org)
    root = await sign_in(node, node.key)
    page = await root.get("/console/o/*/deliveries")
    assert sorted(listed(page)) == sorted(ids)
    assert "/o/globex/deliveries/" in page.response.text
    one = await root.get(f"/console/o/*/deliveries/{ids[1]}")
    assert (one.status, one.response.url.path) == (200, f"/console/o/globex/deliveries/{ids[1]}")
    taken = await root.get(page.links["CSV"])
    assert 'filename="deliveries-all-' in file_of(taken)
    assert {row["org_id"] for row in csv.DictReader(io.StringIO(taken.response.text))} == {"acme", "globex"}


async def test_the_deliveries_of_the_platform_itself(node: Node, receiver: Receiver) -> None:
    body = {"url": receiver.url("/core"), "events": ["a.b"]}
    hook = (await node.call("POST", "/api/platform/webhooks", json=body, org=None)).json()
    await node.send("a.b", {"n": 1})
    await receiver.wait_for(1)
    await until(lambda: node.gateway.dispatcher.kept == 0, "everything recorded")
    root = await sign_in(node, node.key)
    page = await root.get("/console/o/*/deliveries", webhook=hook["id"])
    [delivery_id] = listed(page)
    assert "the platform" in page.text
    page = await root.get(page.links["a.b"])
    assert page.response.url.path == f"/console/o/*/deliveries/{delivery_id}"
    assert page.links[hook["id"]] == f"/console/platform/webhooks/{hook['id']}"
    event = next(link for text, link in page.links.items() if text.startswith("evt_"))
    assert (await root.get(event)).response.url.path.startswith("/console/o/acme/events/")
    again = await root.send(page, "Redeliver")
    assert "It is sent once more" in again.text
    await receiver.wait_for(2)
    ada = await sign_in(node, await node.new_key("admin"))
    assert (await ada.get(f"{LIST}/{delivery_id}")).status == 404


async def test_a_platform_session_without_the_scope_sees_no_payload(node: Node, receiver: Receiver) -> None:
    await node.webhook(receiver.url())
    [delivery_id] = await sent(node, receiver, ("a.b", {"n": "needle"}))
    key = await node.new_key(None, scopes=["manage", "console"])
    root = await sign_in(node, key)
    page = await root.get(f"{LIST}/{delivery_id}")
    assert page.status == 200
    assert "needle" not in page.response.text
    assert "payload:read" in page.text
    assert (await root.get(f"{LIST}/{delivery_id}", format="body")).status == 404
    searched = await root.get(LIST, q="needle")
    assert (searched.status, searched.form("Show").fields["q"]) == (403, "needle")


async def test_the_overview_leads_to_what_failed(node: Node, receiver: Receiver) -> None:
    await node.webhook(receiver.url())
    [delivery_id] = await sent(node, receiver, ("a.b", {}))
    await _fail(node, delivery_id)
    ada = await sign_in(node, await node.new_key("viewer"))
    page = await ada.get("/console/o/acme/")
    assert listed(page) == [delivery_id]
    failed = await ada.get(page.links["All that failed"])
    assert listed(failed) == [delivery_id]
    assert "failed: exhausted" in failed.text
    assert REASONS["exhausted"] in (await ada.get(f"{LIST}/{delivery_id}")).text


async def _fail(node: Node, delivery_id: str) -> None:
    async with node.gateway.store.transaction() as tx:
        change = update(deliveries).where(deliveries.c.id == delivery_id)
        await tx.conn.execute(change.values(status="failed", reason="exhausted"))

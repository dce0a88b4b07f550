"""Sending again out of the console: counted first, ordered then, and once however often the form comes."""

from __future__ import annotations

import pytest

from tests.support.node import Node
from tests.support.receiver import Receiver
from tests.web.console.test_webhooks import BASE, LATE, inside
from tests.web.test_redeliveries import failed_events, ids, over, settled
from tests.web.test_retries import failing

pytestmark = pytest.mark.anyio


async def jobs(node: Node) -> list[str]:
    return [job["kind"] for job in (await node.call("GET", "/api/jobs")).json()["data"]]


async def test_what_has_failed_is_counted_and_then_sent_again(node: Node, receiver: Receiver) -> None:
    hook = await node.webhook(receiver.url(), ["a.*"], **LATE)
    failed = await failed_events(node, receiver, hook, 6)  # a.n0, a.n1, a.n2, twice each
    ada = await inside(node, "operator")
    page = await ada.get(f"{BASE}/{hook['id']}/again")
    page = await ada.send(page, "Count", types="a.n0\na.n1", status_code="500", since="2020-01-01T00:00")
    assert page.said("said") == "Matched: 4 events."
    kept = page.fields("Count")
    assert (kept["types"], kept["since"], kept["status_code"]) == ("a.n0\na.n1", "2020-01-01T00:00", "500")
    assert await jobs(node) == []
    order = "Order it for 4"
    job = await ada.send(page, order)
    job_id = job.path.partition("?")[0].rpartition("/")[2]
    assert job.path == f"/console/o/acme/jobs/{job_id}?said=job_ordered"
    assert (await ada.send(page, order)).path == job.path, "the same form, sent twice"
    done = await over(node, job_id)
    assert (done["matched"], done["done"]) == (4, 4)
    sent = (await receiver.wait_for(10))[6:]
    wanted = {event for n, event in enumerate(failed) if n % 3 != 2}
    assert set(ids(sent)) == wanted
    assert await jobs(node) == ["redeliver"]


async def test_named_events_and_what_has_arrived(node: Node, receiver: Receiver) -> None:
    hook = await node.webhook(receiver.url(), ["a.*"])
    sent = [(await node.send("a.x"))["id"] for _ in range(3)]
    await receiver.wait_for(3)
    await settled(node)
    ada = await inside(node, "operator")
    page = await ada.get(f"{BASE}/{hook['id']}/again?event_ids={sent[0]}&since=2026-01-02T03:04:05.678Z")
    assert page.fields("Count")["since"] == "2026-01-02T03:04:05"
    assert page.fields("Count")["event_ids"] == sent[0], "as a link may say it"
    page = await ada.send(page, "Count")
    assert page.said("said") == "Matched: 0 events."
    assert not any(button.startswith("Order") for button in page.buttons)
    page = await ada.send(page, "Count", which="all", event_ids="\n".join(sent[:2]))
    assert page.said("said") == "Matched: 2 events."
    assert page.fields("Order it for 2")["event_ids"] == "\n".join(sent[:2])


async def test_mistakes_are_named_and_order_nothing(node: Node, receiver: Receiver) -> None:
    hook = await node.webhook(receiver.url())
    ada = await inside(node, "operator")
    page = await ada.get(f"{BASE}/{hook['id']}/again")
    page = await ada.send(
        page, "Count", types="sms", since="yesterday", status_code="all", event_ids="evt_!", order="yes"
    )
    assert page.status == 422
    for name in ("types[0]", "since", "status_code", "event_ids[0]"):
        assert f"{name}: " in page.said("problem")
    assert page.fields("Count")["since"] == "yesterday"
    page = await ada.send(page, "Count what it never got", since="2026-01-02T00:00", until="2026-01-01T00:00")
    assert "until: must be later than since" in page.said("problem")
    assert (await ada.post(f"{BASE}/{hook['id']}/again/everything", page.fields("Count"))).status == 404
    await node.call("POST", f"/api/webhooks/{hook['id']}/disable")
    page = await ada.send(page, "Count what waits", order="yes")
    assert page.status == 409
    assert "disabled" in page.said("problem")
    assert await jobs(node) == []


async def test_what_it_never_got_is_replayed(node: Node, receiver: Receiver) -> None:
    for type_ in ("a.x", "a.x", "a.y"):
        await node.send(type_)
    hook = await node.webhook(receiver.url(), ["a.*"])
    ada = await inside(node, "operator")
    page = await ada.send(await ada.get(f"{BASE}/{hook['id']}/again"), "Count what it never got", types="a.x")
    assert page.said("said") == "Matched: 2 events."
    node.gateway.draining = True  # what jobs do is not the console's
    await ada.send(page, "Order it for 2")
    assert await jobs(node) == ["replay"]


async def test_what_waits_is_tried_at_once(node: Node, receiver: Receiver) -> None:
    receiver.respond(500)
    hook = await node.webhook(receiver.url(), ["a.*"], **LATE)
    await failing(node, receiver, 3)
    ada = await inside(node, "operator")
    page = await ada.send(await ada.get(f"{BASE}/{hook['id']}/again"), "Count what waits")
    assert page.said("said") == "Matched: 3 deliveries."
    node.gateway.draining = True
    await ada.send(page, "Order it for 3")
    assert await jobs(node) == ["retry"]
    again = await ada.send(page, "Count what waits", order="yes")
    assert again.status == 409, "one job at a time works on a webhook"
    assert again.said("problem")

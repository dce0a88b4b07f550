"""The pages of webhooks: lists, one with its figures, who may do what, and the platform's own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.inside import Visitor, sign_in
from tests.support.node import Node, running_node
from tests.support.receiver import Receiver
from tests.web.test_redeliveries import settled

pytestmark = pytest.mark.anyio

BASE = "/console/o/acme/webhooks"
LATE = {"retry_schedule": [3600]}


async def inside(node: Node, role: str | None = "admin", **fields: Any) -> Visitor:
    return await sign_in(node, await node.new_key(role, **fields))


async def everybody(node: Node) -> Visitor:
    return await inside(node, None, scopes=["manage", "console"])


async def get(node: Node, webhook_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await node.call("GET", f"/api/webhooks/{webhook_id}")).json()
    return found


async def test_a_list_says_how_each_stands(node: Node, receiver: Receiver) -> None:
    receiver.respond(500, path="/ill")
    receiver.respond(429, headers=[("Retry-After", "600")], path="/busy")
    ill = await node.webhook(receiver.url("/ill"), description="<b>ill</b>", **LATE)
    await node.webhook(receiver.url("/busy"))
    off = await node.webhook(receiver.url("/off"), enabled=False)
    turned = await node.webhook(receiver.url("/turned"), ["no.such"])
    await node.call("POST", f"/api/webhooks/{turned['id']}/rotate-secret", json={})
    await node.send()
    await receiver.wait_for(2)
    await settled(node)
    page = await (await inside(node, "viewer")).get(BASE)
    rows = page.rows
    assert [row.split()[0] for row in rows] == [f"{receiver.url('/')}…"] * 4, "viewers see URLs shortened"
    assert "rotation started" in rows[0]
    assert "both secrets until" in rows[0]
    assert off["id"] in rows[1]
    assert "disabled: by user" in rows[1]
    assert "held until" in rows[2]
    assert "<b>ill</b>" in rows[3], "what people wrote is text"
    assert "failing since" in rows[3]
    assert "500, " in rows[3]
    assert page.tree.xpath("//tbody//a/@href")[3] == f"{BASE}/{ill['id']}"


async def test_a_list_has_pages(sqlite_database: str) -> None:
    async with running_node(sqlite_database, webhook_limit=60) as node:
        made = [(await node.webhook("http://127.0.0.1:9/"))["id"] for _ in range(51)]
        ada = await inside(node, "viewer")
        first = await ada.get(BASE)
        second = await ada.get(first.links["Next page"])
        for page, ids in ((first, made[:0:-1]), (second, made[:1])):
            shown = [href.rpartition("/")[2] for href in page.tree.xpath("//tbody//a/@href")]
            assert shown == ids
        assert "Next page" not in second.links
        assert second.links["From the beginning"] == BASE


async def test_one_shows_its_settings_figures_and_newest_deliveries(node: Node, receiver: Receiver) -> None:
    receiver.respond(500, times=1)
    hook = await node.webhook(
        receiver.url("/a?b=c"), ["a.*"], description="front desk", headers={"X-Env": "prod"}, timeout_ms=2000,
        rate_limit_per_second=50, max_hold_seconds=90, ordered=True, filter="data.n == `1`", **LATE,
    )  # fmt: skip
    await node.send("a.x", {"n": 1})
    await receiver.wait_for(1)
    await settled(node)
    ada = await inside(node)
    page = await ada.get(f"{BASE}/{hook['id']}")
    facts = page.facts()
    assert facts["URL"] == receiver.url("/a?b=c")
    assert [facts[name] for name in ("Events", "Filter", "Headers", "Timeout", "Rate limit")] == [
        "a.*", "data.n == `1`", "X-Env", "2,000 ms", "50 a second",
    ]  # fmt: skip
    assert [facts[name] for name in ("Longest hold", "Retry schedule")] == ["90 s", "1 h"]
    assert "Failing since" in page.text
    assert "0 delivered 0 failed for good 1 attempts tried again" in page.text
    [bar] = page.tree.xpath("//*[@class='hour']")
    assert bar.text_content().strip().endswith("0 delivered, 1 tried again, 0 held, 0 failed")
    assert page.rows[0] == "500 1"
    [delivery] = await node.deliveries()
    assert page.links[delivery["id"]] == f"/console/o/acme/deliveries/{delivery['id']}"
    assert page.links["those that failed"] == f"/console/o/acme/deliveries?target={hook['id']}&status=failed"
    assert hook["secret"] not in page.text
    month = await ada.send(page, "Show", window="30d")
    assert "each 6 hours" in month.text
    assert (await ada.get(f"{BASE}/{hook['id']}?window=forever")).status == 200
    assert (await ada.get(f"{BASE}/whk_nothing")).status == 404


ADMINS = ("edit", "rotate")
OPERATORS = ("test", "again")
DEEDS = (
    "edit", "enable", "disable", "release", "delete", "test", "rotate", "rotate/finish", "again/redeliver",
    "again/replay", "again/retry",
)  # fmt: skip


async def test_rights_decide_what_is_there(node: Node, receiver: Receiver) -> None:
    hook = await node.webhook(receiver.url("/path"))
    await node.call("POST", f"/api/webhooks/{hook['id']}/rotate-secret", json={})
    one = f"{BASE}/{hook['id']}"
    before = await get(node, hook["id"])
    for role, pages in (("viewer", ()), ("operator", OPERATORS), ("admin", OPERATORS + ADMINS)):
        browser = await inside(node, role)
        page = await browser.get(one)
        assert page.facts()["URL"] == receiver.url("/" + ("…" if role == "viewer" else "path"))
        led = {href.removeprefix(one + "/") for href in page.links.values() if href.startswith(one + "/")}
        assert led == {"explain", *pages}
        assert ("Delete the webhook" in page.buttons) == (role == "admin")
        assert ("New webhook" in (await browser.get(BASE)).links) == (role == "admin")
        for name in OPERATORS + ADMINS:
            assert (await browser.get(f"{one}/{name}")).status == (200 if name in pages else 403)
        assert (await browser.get(f"{BASE}/new")).status == (200 if role == "admin" else 403)
    viewer = await inside(node, "viewer")
    fields = (await viewer.get(f"{one}/explain")).fields("Explain")
    for deed in DEEDS:
        forged = await viewer.post(f"{one}/{deed}", {**fields, "was": "{}", "url": "https://evil.test/"})
        assert forged.status == 403, deed
    assert (
        await viewer.post(f"{BASE}/new", {**fields, "url": "https://a.test/", "events": "*"})
    ).status == 403
    assert await get(node, hook["id"]) == before
    assert len((await node.call("GET", "/api/webhooks")).json()["data"]) == 1
    assert not receiver.requests


async def test_no_other_organizations_webhooks(node: Node) -> None:
    hook = await node.webhook("http://127.0.0.1:9/")
    eve = await inside(node, org="other")
    assert (await eve.get(f"{BASE}/{hook['id']}")).status == 404
    assert (await eve.get(f"/console/o/other/webhooks/{hook['id']}")).status == 404
    assert (await eve.get("/console/platform/webhooks")).status == 403


async def test_over_all_organizations(node: Node) -> None:
    hook = await node.webhook("http://127.0.0.1:9/")
    ops = await everybody(node)
    page = await ops.get("/console/o/*/webhooks")
    assert page.links["http://127.0.0.1:9/"] == f"{BASE}/{hook['id']}"
    assert page.links["acme"] == "/console/o/acme/"
    assert "New webhook" not in page.links
    assert (await ops.get(f"{BASE}/{hook['id']}")).facts()["Id"] == hook["id"]
    overview = await ops.get("/console/o/*/")
    assert overview.links["http://127.0.0.1:9/"] == f"{BASE}/{hook['id']}"


async def test_the_platforms_own_have_the_same_pages(node: Node, receiver: Receiver) -> None:
    ops = await everybody(node)
    for way in ("/console/", "/console/o/*/webhooks"):
        page = await ops.get((await ops.get(way)).links["Platform webhooks"])
        assert page.path == "/console/platform/webhooks"
    form = await ops.get(page.links["New webhook"])
    wrong = await ops.send(form, "Register", url=receiver.url(), events="sms.*", organizations="a b!")
    assert wrong.status == 422
    assert "events[0]" in wrong.said("problem")
    assert "organizations[1]" in wrong.said("problem")
    made = await ops.send(
        wrong, "Register", url=receiver.url(), events="sms.received", organizations="acme\nother"
    )
    assert made.said("secret").startswith("whsec_")
    page = await ops.get(made.links["To the webhook"])
    assert page.facts()["Organizations"] == "acme, other"
    tested = await ops.send(await ops.get(page.links["Test"]), "Send the test")
    assert "200 after" in tested.text
    [request] = await receiver.wait_for(1)
    assert tested.links[str(request.header("X-HUM-Delivery"))].startswith("/console/o/%2A/deliveries/")
    changed = await ops.send(await ops.get(page.links["Edit"]), "Save", organizations="")
    assert changed.facts()["Organizations"] == "all"
    counted = await ops.send(await ops.get(page.links["Send again"]), "Count what it never got")
    assert "Matched: 0 events." in counted.said("said")
    off = await ops.send(changed, "Disable the webhook")
    assert "disabled: by user" in off.text
    gone = await ops.send(off, "Delete the webhook")
    assert gone.path == "/console/platform/webhooks?said=webhook_deleted"
    assert "No webhook yet." in gone.text

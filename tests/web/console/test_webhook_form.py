"""Making a webhook in the console, and changing its settings."""

from __future__ import annotations

import base64

import pytest

from gateway.signing import verify
from tests.support.inside import PageOf
from tests.support.node import Node
from tests.support.receiver import Receiver
from tests.web.console.test_webhooks import BASE, get, inside

pytestmark = pytest.mark.anyio

IMPORTED = "whsec_" + base64.b64encode(b"i" * 32).decode()


async def webhooks(node: Node) -> list[str]:
    return [hook["id"] for hook in (await node.call("GET", "/api/webhooks")).json()["data"]]


def secret_of(page: PageOf) -> str:
    return page.said("secret").split()[0]


async def test_a_new_one_shows_its_secret_once(node: Node, receiver: Receiver) -> None:
    ada = await inside(node)
    form = await ada.get((await ada.get(BASE)).links["New webhook"])
    filled = {
        **form.fields("Register"), "url": receiver.url("/in"), "events": "call.completed\nsms.*",
        "description": "front desk", "filter": "data.n == `1`", "headers": "X-Env: prod: 1\n\nX-B:2",
        "timeout_ms": "2000", "rate_limit_per_second": "5", "max_hold_seconds": "60",
        "retry_schedule": "5, 60 3600", "ordered": "yes",
    }  # fmt: skip
    page = await ada.post(f"{BASE}/new", filled)
    assert "shown this once" in page.text
    [made] = await webhooks(node)
    hook = await get(node, made)
    for name, value in {
        "url": receiver.url("/in"), "events": ["call.completed", "sms.*"], "description": "front desk",
        "filter": "data.n == `1`", "timeout_ms": 2000, "rate_limit_per_second": 5, "max_hold_seconds": 60,
        "retry_schedule": [5, 60, 3600], "ordered": True, "enabled": True,
    }.items():  # fmt: skip
        assert hook[name] == value
    await node.call("POST", f"/api/webhooks/{made}/test")
    [request] = await receiver.wait_for(1)
    verify(request.body, dict(request.headers), [secret_of(page)])
    assert (request.header("X-Env"), request.header("X-B")) == ("prod: 1", "2")
    again = await ada.post(f"{BASE}/new", filled)
    assert (await webhooks(node), secret_of(again)) == ([made], secret_of(page)), "the same form, sent twice"
    assert secret_of(page) not in (await ada.get(page.links["To the webhook"])).text


async def test_mistakes_stand_beside_what_was_filled_in(node: Node) -> None:
    ada = await inside(node)
    filled = {
        "url": "https://user@example.com/", "events": "sms", "timeout_ms": "soon", "retry_schedule": "5, no",
        "headers": "X-Env: <prod>", "secret": "short",
    }  # fmt: skip
    page = await ada.send(await ada.get(f"{BASE}/new"), "Register", **filled)
    assert page.status == 422
    for name in ("events[0]", "timeout_ms", "retry_schedule[1]"):
        assert f"{name}: " in page.said("problem")
    kept = page.fields("Register")
    assert {name: kept[name] for name in filled} == filled
    assert {field.get("name") for field in page.tree.xpath("//*[@aria-invalid]")} == {
        "events", "timeout_ms", "retry_schedule",
    }  # fmt: skip
    page = await ada.send(page, "Register", events="sms.*", timeout_ms="", retry_schedule="")
    assert "url: " in page.said("problem")
    page = await ada.send(page, "Register", headers="nonsense\nX-A: 1\nx-a: 2\n: 3\nX-B: [secret]")
    assert page.said("problem").count("headers: line") == 3
    page = await ada.send(page, "Register", headers="X-B: [secret]")
    assert "headers.X-B: type its value" in page.said("problem")
    assert await webhooks(node) == []
    page = await ada.send(page, "Register", url="https://example.com/", headers="", secret="")
    assert page.status == 200
    assert len(await webhooks(node)) == 1


async def test_an_own_secret_is_not_repeated(node: Node, receiver: Receiver) -> None:
    ada = await inside(node)
    page = await ada.send(
        await ada.get(f"{BASE}/new"),
        "Register",
        url=receiver.url(),
        events="*",
        secret=IMPORTED,
        disabled="yes",
    )
    assert "secret that you brought along" in page.said("said")
    assert IMPORTED not in page.text
    [made] = await webhooks(node)
    assert not (await get(node, made))["enabled"]
    await node.call("POST", f"/api/webhooks/{made}/test")
    [request] = await receiver.wait_for(1)
    verify(request.body, dict(request.headers), [IMPORTED])


async def test_what_looks_like_a_mistake_is_said(node: Node) -> None:
    ada = await inside(node)
    page = await ada.send(
        await ada.get(f"{BASE}/new"), "Register", url="https://a.test/", events="call.complete"
    )
    assert "did you mean call.completed?" in page.said("problem")
    edit = await ada.get(page.links["Edit"])
    page = await ada.send(edit, "Save", events="call.completed\nsms.recieved")
    assert "events[1]: sms.recieved is not in the catalogue" in page.said("problem")


async def test_only_what_was_changed_is_changed(node: Node, receiver: Receiver) -> None:
    hook = await node.webhook(
        receiver.url(), ["a.*"], headers={"X-A": "1", "X-B": "2", "X-C": "3"}, ordered=True, filter="data.n",
        rate_limit_per_second=7, retry_schedule=[5, 60],
    )  # fmt: skip
    ada = await inside(node)
    edit = await ada.get(f"{BASE}/{hook['id']}/edit")
    assert edit.fields("Save")["headers"] == "X-A: [secret]\nX-B: [secret]\nX-C: [secret]"
    await node.call("PATCH", f"/api/webhooks/{hook['id']}", json={"events": ["b.*"]})  # somebody else
    page = await ada.send(
        edit, "Save", ("ordered",), filter="", rate_limit_per_second="", timeout_ms="3000",
        headers="x-a: [secret]\nX-C: new\nX-D: 4",
    )  # fmt: skip
    assert "The change is made." in page.said("said")
    after = await get(node, hook["id"])
    assert (after["events"], after["filter"], after["ordered"]) == (["b.*"], None, False)
    assert (after["rate_limit_per_second"], after["timeout_ms"], after["retry_schedule"]) == (
        None, 3000, [5, 60],
    )  # fmt: skip
    await node.call("POST", f"/api/webhooks/{hook['id']}/test")
    [request] = await receiver.wait_for(1)
    assert [request.header(f"X-{name}") for name in "ABCD"] == ["1", None, "new", "4"]
    await node.call(
        "PATCH",
        f"/api/webhooks/{hook['id']}",
        json={"filter": " data.n ||\n data.m ", "description": " \"><b>'&amp; "},
    )
    after = await get(node, hook["id"])
    page = await ada.send(await ada.get(f"{BASE}/{hook['id']}/edit"), "Save")
    assert "Nothing was changed." in page.said("said")
    assert await get(node, hook["id"]) | {"last_delivery": None} == after | {"last_delivery": None}


async def test_a_hidden_value_cannot_be_moved_to_another_name(node: Node) -> None:
    hook = await node.webhook("http://127.0.0.1:9/", headers={"X-A": "1"})
    ada = await inside(node)
    edit = await ada.get(f"{BASE}/{hook['id']}/edit")
    page = await ada.send(edit, "Save", headers="X-Other: [secret]")
    assert page.status == 422
    assert "headers.X-Other: type its value" in page.said("problem")
    assert (await get(node, hook["id"]))["headers"] == {"X-A": "[secret]"}


async def test_another_origin_needs_the_header_values_again(node: Node, receiver: Receiver) -> None:
    hook = await node.webhook("http://127.0.0.1:9/", headers={"X-A": "1", "X-B": "2"})
    ada = await inside(node)
    page = await ada.send(await ada.get(f"{BASE}/{hook['id']}/edit"), "Save", url=receiver.url())
    assert page.status == 422
    assert "another origin" in page.said("problem")
    assert [item.text_content() for item in page.tree.xpath("//*[@class='problem']//li")] == [
        "headers.X-A", "headers.X-B",
    ]  # fmt: skip
    assert page.fields("Save")["url"] == receiver.url()
    assert (await get(node, hook["id"]))["url"] == "http://127.0.0.1:9/"
    page = await ada.send(page, "Save", headers="X-A: again")
    assert page.facts()["URL"] == receiver.url()
    await node.call("POST", f"/api/webhooks/{hook['id']}/test")
    [request] = await receiver.wait_for(1)
    assert (request.header("X-A"), request.header("X-B")) == ("again", None)


async def test_a_form_that_carries_nonsense_changes_nothing(node: Node) -> None:
    hook = await node.webhook("http://127.0.0.1:9/")
    ada = await inside(node)
    edit = await ada.get(f"{BASE}/{hook['id']}/edit")
    for was in ("", "[]", '{"url": 1}', "{"):
        assert (await ada.send(edit, "Save", was=was, url="")).status == 400
    page = await ada.send(edit, "Save", url="", description="x" * 501)
    assert page.status == 422
    assert await get(node, hook["id"]) | {"secret": 0, "warnings": 0} == hook | {"secret": 0, "warnings": 0}

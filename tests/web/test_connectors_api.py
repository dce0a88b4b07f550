"""`/api/connectors`: register, read, change by merge patch, rotate, delete; the secret is shown once."""

from __future__ import annotations

import asyncio
import base64
import re
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.support.node import Node, running_node

pytestmark = pytest.mark.anyio

BRIDGE: dict[str, Any] = {"name": "HubSpot", "base_url": "https://bridge.example.com/hum"}
IMPORTED = "whsec_" + base64.b64encode(b"i" * 32).decode()
FOREIGN = "a secret of the bridge's own"
DEFAULTS = {
    "enabled": True, "status": "enabled", "disabled_reason": None, "has_secret": True, "failing_since": None,
    "rotation": None, "last_delivery": None, "timeout_ms": 4000, "create_contacts": False,
    "sync_calls": True, "sync_unknown": True, "priority": 0,
    "lookup_health": {
        "state": "unknown", "open_until": None, "last_answer_at": None, "last_answer_ms": None,
        "last_error": None, "last_error_at": None,
    },
}  # fmt: skip


@pytest.fixture
async def node(sqlite_database: str) -> AsyncIterator[Node]:
    async with running_node(sqlite_database) as node:
        yield node


async def create(node: Node, **fields: Any) -> httpx.Response:
    return await node.call("POST", "/api/connectors", json=BRIDGE | fields)


async def patch(node: Node, connector_id: str, **fields: Any) -> httpx.Response:
    return await node.call("PATCH", f"/api/connectors/{connector_id}", json=fields)


async def rotate(node: Node, connector_id: str, **fields: Any) -> httpx.Response:
    return await node.call("POST", f"/api/connectors/{connector_id}/rotate-secret", json=fields)


def without_secret(shown: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in shown.items() if name != "secret"}


def fields_of(answer: httpx.Response, code: str = "invalid_request", status: int = 422) -> list[str]:
    assert (answer.status_code, answer.json()["error"]) == (status, code), answer.text
    return [detail["field"] for detail in answer.json()["details"]]


async def test_a_new_connector_shows_itself_and_its_secret_once(any_database: str) -> None:
    async with running_node(any_database) as node:
        answer = await create(node, name="Zoë's CRM", timeout_ms=250, priority=-3, create_contacts=True)
        made = answer.json()
        assert answer.status_code == 201
        assert re.fullmatch(r"cnr_[a-z0-9]{26}", made["id"])
        assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", made["secret"])
        shown = DEFAULTS | {
            "name": "Zoë's CRM", "base_url": BRIDGE["base_url"], "timeout_ms": 250, "priority": -3,
            "create_contacts": True,
        }  # fmt: skip
        assert {name: made[name] for name in shown} == shown
        read = await node.call("GET", f"/api/connectors/{made['id']}")
        assert read.json() == without_secret(made)
        off = await node.call("POST", f"/api/connectors/{made['id']}/disable")
        assert off.json()["disabled_reason"] == "by_user"
        for seen in (read, off, await node.call("GET", "/api/connectors"), await patch(node, made["id"])):
            assert made["secret"] not in seen.text


@pytest.mark.parametrize("secret", [IMPORTED, FOREIGN, "x" * 16, "y" * 256])
async def test_a_secret_that_is_brought_along_is_never_shown(node: Node, secret: str) -> None:
    answer = await create(node, secret=secret)
    assert (answer.status_code, answer.json()["secret"], answer.json()["has_secret"]) == (201, None, True)
    assert secret not in answer.text


@pytest.mark.parametrize(
    "bad", ["", "x" * 15, "x" * 257, "with\nline", "é" * 20, " padded with space", "whsec_short", "whsec_!"]
)
async def test_a_secret_that_cannot_be_is_refused_and_not_repeated(node: Node, bad: str) -> None:
    refused = await create(node, secret=bad)
    assert fields_of(refused) == ["secret"]
    assert not bad or bad not in refused.text


_REFUSED: list[tuple[dict[str, Any], str]] = [
    *[({"name": name}, "name") for name in ("", " a", "a ", "a\nb", "x" * 101, None, 5)],
    *[({"base_url": url}, "base_url") for url in (
        "", "bridge.example.com", "http://bridge.example.com:81/", "https://10.0.0.1/",
        "https://169.254.169.254/", "https://user:pass@example.com/", "https://example.com/?a=b",
        "https://example.com/#x", "https://example.com/" + "a" * 2048, "https://[::ffff:10.0.0.1]/")],
    *[({"timeout_ms": v}, "timeout_ms") for v in (249, 30_001, "5", 1.5)],
    *[({"priority": v}, "priority") for v in (-1001, 1001, "high")],
    *[({name: "yes"}, name) for name in ("create_contacts", "sync_calls", "sync_unknown", "enabled")],
    ({"colour": 1}, "colour"),
]  # fmt: skip


async def test_what_cannot_be_is_refused_by_name(node: Node) -> None:
    made = (await create(node)).json()
    for given, field in _REFUSED:
        for answer in (await create(node, **given), await patch(node, made["id"], **given)):
            assert answer.status_code == 422, (given, answer.text)
            assert [detail["field"] for detail in answer.json()["details"]] == [field], given
    [only] = (await node.call("GET", "/api/connectors")).json()["data"]
    assert only == without_secret(made)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("https://Bridge.example.com:443/hum/", "https://bridge.example.com/hum"),
        ("https://bridge.example.com", "https://bridge.example.com"),
        ("https://bridge.example.com//", "https://bridge.example.com"),
    ],
)
async def test_a_base_url_has_no_slash_at_its_end(node: Node, given: str, stored: str) -> None:
    assert (await create(node, base_url=given)).json()["base_url"] == stored


async def test_viewers_see_a_shortened_url(node: Node) -> None:
    made = (await create(node, base_url="https://bridge.example.com/t0ken")).json()
    for role, shown in (("viewer", "https://bridge.example.com/…"), ("operator", made["base_url"])):
        key = await node.new_key(role)
        one = await node.call("GET", f"/api/connectors/{made['id']}", key=key)
        listed = await node.call("GET", "/api/connectors", key=key)
        assert (one.json()["base_url"], listed.json()["data"][0]["base_url"]) == (shown, shown), role


async def test_a_merge_patch_changes_what_it_names(any_database: str) -> None:
    async with running_node(any_database) as node:
        made = (await create(node)).json()
        before = without_secret(made)
        for given, shown in (
            ({}, {}),
            ({"name": "Pipedrive", "timeout_ms": 900}, {"name": "Pipedrive", "timeout_ms": 900}),
            ({"sync_calls": False, "sync_unknown": False, "priority": 7},
             {"sync_calls": False, "sync_unknown": False, "priority": 7}),
            ({"timeout_ms": None, "sync_calls": None, "sync_unknown": None, "priority": None},
             {"timeout_ms": 4000, "sync_calls": True, "sync_unknown": True, "priority": 0}),
            ({"enabled": False}, {"enabled": False, "status": "disabled", "disabled_reason": "by_user"}),
            ({"enabled": True}, {"enabled": True, "status": "enabled", "disabled_reason": None}),
            ({"base_url": "https://bridge.example.com/v2/"}, {"base_url": "https://bridge.example.com/v2"}),
        ):  # fmt: skip
            answer = await patch(node, made["id"], **given)
            before |= shown | {"updated_at": answer.json()["updated_at"]}
            assert answer.json() == before | {"secret": None}, given
            assert (await node.call("GET", f"/api/connectors/{made['id']}")).json() == before
        for name in ("name", "base_url"):
            assert fields_of(await patch(node, made["id"], **{name: None})) == [name]
        assert fields_of(await patch(node, made["id"], secret=IMPORTED)) == ["secret"]
        assert fields_of(await patch(node, "cnr_nothing", enabled=True), "not_found", 404) == []


async def test_another_origin_needs_another_secret(node: Node) -> None:
    made = (await create(node)).json()
    for url in ("https://bridge.example.com:8443/hum", "https://other.example.com/hum"):
        for flag in ({}, {"rotate_secret": False}):
            refused = await patch(node, made["id"], base_url=url, **flag)
            assert fields_of(refused, "secret_rotation_required") == ["rotate_secret"]
    await rotate(node, made["id"])
    moved = (await patch(node, made["id"], base_url=url, rotate_secret=True)).json()
    assert (moved["base_url"], moved["rotation"]) == (url, None)
    assert moved["secret"] not in (None, made["secret"])
    [live] = await live_secrets(node, made["id"])
    assert live == moved["secret"]
    assert moved["secret"] not in (await node.call("GET", f"/api/connectors/{made['id']}")).text


async def live_secrets(node: Node, connector_id: str) -> list[str]:
    view = await node.gateway.directory.living("acme")
    found = view.connectors[connector_id].live_secrets(node.gateway.clock.now())
    return [secret.value for secret in found]


async def test_a_rotation_keeps_both_until_it_is_finished(any_database: str) -> None:
    async with running_node(any_database) as node:
        made = (await create(node)).json()
        rotated = (await rotate(node, made["id"])).json()
        assert (rotated["rotation"]["state"], rotated["rotation"]["leading"]) == ("started", "old")
        assert await live_secrets(node, made["id"]) == [made["secret"], rotated["secret"]]
        refused = await rotate(node, made["id"])
        assert fields_of(refused, "rotation_in_progress", 409) == []
        finished = await node.call("POST", f"/api/connectors/{made['id']}/rotate-secret/finish")
        assert finished.json()["rotation"] is None
        assert await live_secrets(node, made["id"]) == [rotated["secret"]]
        leaked = (await rotate(node, made["id"], grace_period_seconds=0)).json()
        assert leaked["rotation"] is None
        assert await live_secrets(node, made["id"]) == [leaked["secret"]]
        brought = await rotate(node, made["id"], secret=FOREIGN)
        assert brought.json()["secret"] is None
        again = await rotate(node, made["id"], secret=FOREIGN, force=True)
        assert fields_of(again) == ["secret"]
        assert FOREIGN not in again.text


async def test_a_rotation_is_told_with_the_connectors_id(node: Node) -> None:
    made = (await create(node)).json()
    await node.webhook("https://example.com/", ["secret.rotated"])
    await rotate(node, made["id"])
    [told] = (await node.call("GET", "/api/events", params={"type": "secret.rotated"})).json()["data"]
    data = (await node.call("GET", f"/api/events/{told['id']}")).json()["data"]
    assert set(data) == {"connector_id", "started_at", "ends_at"}
    assert data["connector_id"] == made["id"]


async def test_a_deleted_connector_is_gone_and_its_history_stays(any_database: str) -> None:
    async with running_node(any_database) as node:
        made = (await create(node, base_url="http://127.0.0.1:9")).json()
        other = (await create(node)).json()
        path = f"/api/connectors/{made['id']}"
        pinged = (await node.call("POST", f"{path}/ping")).json()
        assert (await node.call("DELETE", path)).status_code == 204
        for method, where in (("GET", ""), ("DELETE", ""), ("POST", "/ping"), ("POST", "/enable")):
            assert (await node.call(method, path + where)).status_code == 404
        assert [one["id"] for one in (await node.call("GET", "/api/connectors")).json()["data"]] == [
            other["id"]
        ]
        [row] = (await node.call("GET", f"{path}/requests")).json()["data"]
        assert row["id"] == pinged["request_id"]
        assert (await node.call("GET", f"{path}/deliveries")).json()["data"] == []
        assert (await node.call("GET", f"{path}/stats")).json()["attempts"] == 0
        assert (await node.call("GET", "/api/connectors/cnr_nothing/requests")).status_code == 404


async def test_nobody_finds_another_organizations_connector(node: Node) -> None:
    made = (await create(node)).json()
    key = await node.new_key("admin", "other")
    for where in ("", "/requests", "/deliveries", "/stats"):
        assert (await node.call("GET", f"/api/connectors/{made['id']}{where}", key=key)).status_code == 404
    for what in ("ping", "enable", "disable", "rotate-secret", "redeliver"):
        answer = await node.call("POST", f"/api/connectors/{made['id']}/{what}", key=key)
        assert answer.status_code == 404, what
    assert (await node.call("GET", "/api/connectors", key=key)).json()["data"] == []
    everybody = await node.call("GET", "/api/connectors", org="*")
    assert [one["id"] for one in everybody.json()["data"]] == [made["id"]]


async def test_webhooks_and_connectors_are_no_names_for_each_other(node: Node) -> None:
    bridge, hook = (await create(node)).json()["id"], (await node.webhook("https://example.com/"))["id"]
    for path in ("", "/deliveries", "/stats"):
        assert (await node.call("GET", f"/api/webhooks/{bridge}{path}")).status_code == 404
        assert (await node.call("GET", f"/api/connectors/{hook}{path}")).status_code == 404
    for noun, id_ in (("webhooks", bridge), ("connectors", hook)):
        for what in ("redeliver", "rotate-secret", "enable"):
            assert (await node.call("POST", f"/api/{noun}/{id_}/{what}")).status_code == 404, (noun, what)
        dry = await node.call("POST", f"/api/{noun}/{id_}/redeliver", json={"dry_run": True})
        assert dry.status_code == 404


async def test_the_limit_holds_when_many_come_at_once(any_database: str) -> None:
    async with running_node(any_database, connector_limit=3) as node:
        answers = await asyncio.gather(*(create(node) for _ in range(12)))
        assert Counter(answer.status_code for answer in answers) == {201: 3, 409: 9}
        refused = next(answer for answer in answers if answer.status_code == 409)
        assert fields_of(refused, "connector_limit_reached", 409) == []
        listed = (await node.call("GET", "/api/connectors")).json()["data"]
        assert (await node.call("DELETE", f"/api/connectors/{listed[0]['id']}")).status_code == 204
        assert (await create(node)).status_code == 201


async def test_pages_follow_the_order_of_making(node: Node) -> None:
    ids = [(await create(node)).json()["id"] for _ in range(5)]
    for order, expected in (("asc", ids), ("desc", ids[::-1])):
        seen, cursor = [], None
        for _ in range(3):
            query = {"limit": 2, "order": order} | ({"cursor": cursor} if cursor else {})
            page = (await node.call("GET", "/api/connectors", params=query)).json()
            seen += [one["id"] for one in page["data"]]
            cursor = page["next_cursor"]
        assert seen == expected


async def test_the_same_key_makes_one_connector(node: Node) -> None:
    headers = {"Idempotency-Key": "bridge-1"}
    first = await node.call("POST", "/api/connectors", json=BRIDGE, headers=headers)
    again = await node.call("POST", "/api/connectors", json=BRIDGE, headers=headers)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == first.json()
    assert len((await node.call("GET", "/api/connectors")).json()["data"]) == 1


async def test_every_change_is_in_the_audit_log(node: Node) -> None:
    made = (await create(node, base_url="http://127.0.0.1:9")).json()
    path = f"/api/connectors/{made['id']}"
    await patch(node, made["id"], priority=1)
    for what in ("ping", "rotate-secret", "rotate-secret/finish", "disable", "enable"):
        await node.call("POST", f"{path}/{what}")
    await node.call("DELETE", path)
    entries = (await node.call("GET", "/api/audit", params={"object_id": made["id"]})).json()["data"]
    assert [(entry["action"], entry["object_type"]) for entry in reversed(entries)] == [
        (action, "connector")
        for action in (
            "createConnector", "updateConnector", "pingConnector", "rotateConnectorSecret",
            "finishConnectorRotation", "disableConnector", "enableConnector", "deleteConnector",
        )
    ]  # fmt: skip
    assert made["secret"] not in repr(entries)

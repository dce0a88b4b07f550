"""`/api/webhooks`: register, read, change by merge patch, delete; what is secret is shown once or never."""

from __future__ import annotations

import asyncio
import base64
import re
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from gateway.clock import SystemClock
from tests.support.clock import until
from tests.support.node import Node, running_node
from tests.support.receiver import Receiver, silence

pytestmark = pytest.mark.anyio

HOOK: dict[str, Any] = {"url": "https://example.com/a?b=c", "events": ["call.completed", "sms.*"]}
NOT_KEPT = ("secret", "warnings")  # of the answer that makes it
IMPORTED = "whsec_" + base64.b64encode(b"i" * 32).decode()
MINUTE = 60_000


class ShiftedClock(SystemClock):
    """The machine's clock, some time later."""

    later = 0

    def now(self) -> int:
        return super().now() + self.later


@pytest.fixture
async def node(sqlite_database: str) -> AsyncIterator[Node]:
    async with running_node(sqlite_database) as node:
        yield node


async def create(node: Node, **fields: Any) -> httpx.Response:
    return await node.call("POST", "/api/webhooks", json=HOOK | fields)


async def patch(node: Node, webhook_id: str, **fields: Any) -> httpx.Response:
    return await node.call("PATCH", f"/api/webhooks/{webhook_id}", json=fields)


def fields_of(answer: httpx.Response, code: str = "invalid_request", status: int = 422) -> list[str]:
    assert (answer.status_code, answer.json()["error"]) == (status, code), answer.text
    return [detail["field"] for detail in answer.json()["details"]]


async def test_a_new_webhook_shows_itself_and_its_secret_once(any_database: str) -> None:
    async with running_node(any_database) as node:
        answer = await create(node, description="Zoë", headers={"X-Env": "prod"}, timeout_ms=2000)
        made = answer.json()
        assert answer.status_code == 201
        assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", made["secret"])
        shown = {
            "url": HOOK["url"], "events": HOOK["events"], "filter": None, "description": "Zoë",
            "headers": {"X-Env": "[secret]"}, "enabled": True, "status": "enabled", "disabled_reason": None,
            "has_secret": True, "failing_since": None, "rotation": None, "last_delivery": None,
            "timeout_ms": 2000, "rate_limit_per_second": None, "retry_schedule": None,
            "max_hold_seconds": 3600, "ordered": False, "profile": "hum", "api_version": "2026-11-20",
        }  # fmt: skip
        assert {name: made[name] for name in shown} == shown
        path = f"/api/webhooks/{made['id']}"
        read = await node.call("GET", path)
        assert read.json() == {name: value for name, value in made.items() if name not in NOT_KEPT}
        later = [read, await node.call("GET", "/api/webhooks"), await patch(node, made["id"], enabled=False)]
        for seen in later:
            assert made["secret"] not in seen.text
            assert '"secret":' not in seen.text
            assert "prod" not in seen.text


async def test_an_imported_secret_is_never_shown(node: Node) -> None:
    answer = await create(node, secret=IMPORTED)
    assert (answer.status_code, answer.json()["secret"], answer.json()["has_secret"]) == (201, None, True)
    assert IMPORTED[6:] not in answer.text
    for bad in ("whsec_", IMPORTED[6:], "whsec_!!", "whsec_" + base64.b64encode(b"i" * 23).decode(), ""):
        refused = await create(node, secret=bad)
        assert fields_of(refused) == ["secret"], bad
        assert not bad or bad[6:] == "" or bad not in refused.text


async def test_viewers_see_a_shortened_url(node: Node) -> None:
    made = (await create(node, url="https://example.com/hooks/T0P?token=secret")).json()
    for role, shown in (
        ("viewer", "https://example.com/…"),
        ("operator", made["url"]),
        ("admin", made["url"]),
    ):
        key = await node.new_key(role)
        one = await node.call("GET", f"/api/webhooks/{made['id']}", key=key)
        listed = await node.call("GET", "/api/webhooks", key=key)
        assert (one.json()["url"], listed.json()["data"][0]["url"]) == (shown, shown), role


_REFUSED: list[tuple[dict[str, Any], list[str]]] = [
    *[({name: value}, [name]) for name, value in (
        ("filter", "type == 'x'"), ("rate_limit_per_second", 5), ("ordered", True), ("profile", "standard"))],
    ({"filter": "x", "ordered": True, "profile": "mihu"}, ["filter", "ordered", "profile"]),
    *[({"url": url}, ["url"]) for url in (
        "", "example.com", "ftp://example.com/", "http://example.com:81/", "https://10.0.0.1/",
        "https://user:pass@example.com/", "https://example.com/#x", "https://169.254.169.254/latest",
        "https://example.com:22/", "https://exa mple.com/", "https://[::ffff:10.0.0.1]/", "https://0x7f.1/",
        "https://example.com/" + "a" * 2048)],
    *[({"events": events}, [field]) for events, field in (
        ([], "events"), (["*"] * 101, "events"), (["call"], "events[0]"), (["a.b", "*.b"], "events[1]"))],
    *[({name: value}, [name]) for name, value in (
        ("timeout_ms", 999), ("timeout_ms", 30_001), ("max_hold_seconds", 0), ("description", "x" * 501),
        ("description", "a\nb"), ("retry_schedule", []), ("retry_schedule", [0]),
        ("retry_schedule", [604_801]), ("retry_schedule", [5] * 21))],
    ({"url": "https://10.0.0.1/",
      "headers": {"Host": "a", "X-Ok": "b", "X-Bad": "c\r\nd", "webhook-id": "e"}},
     ["url", "headers.Host", "headers.X-Bad", "headers.webhook-id"]),
]  # fmt: skip


async def test_what_cannot_be_is_refused_by_name(node: Node) -> None:
    hook = (await create(node)).json()["id"]
    for given, fields in _REFUSED:
        changed = await patch(node, hook, **given)
        for answer in (await create(node, **given), changed):
            assert answer.status_code == 422, (given, answer.text)
            assert [detail["field"] for detail in answer.json()["details"]] == fields, given
        assert "c\\r\\nd" not in changed.text
    listed = (await node.call("GET", "/api/webhooks")).json()["data"]
    assert [(entry["id"], entry["url"]) for entry in listed] == [(hook, HOOK["url"])]


async def test_a_merge_patch_changes_what_it_names(any_database: str) -> None:
    async with running_node(any_database) as node:
        made = (await create(node, headers={"X-A": "1", "X-B": "2"}, retry_schedule=[1, 2])).json()
        before = {name: value for name, value in made.items() if name not in NOT_KEPT}
        for given, shown in (
            ({}, {}),
            ({"description": "d", "timeout_ms": 1000}, {"description": "d", "timeout_ms": 1000}),
            ({"headers": {"x-a": None, "X-C": "3"}}, {"headers": {"X-B": "[secret]", "X-C": "[secret]"}}),
            ({"headers": None}, {"headers": {}}),
            ({"timeout_ms": None, "retry_schedule": None, "description": None},
             {"timeout_ms": 15_000, "retry_schedule": None, "description": ""}),
            ({"enabled": False}, {"enabled": False, "status": "disabled", "disabled_reason": "by_user"}),
            ({"enabled": True}, {"enabled": True, "status": "enabled", "disabled_reason": None}),
            ({"events": ["a.b", "a.b"]}, {"events": ["a.b"]}),
            ({"url": "https://example.com:443/new"}, {"url": "https://example.com/new"}),
        ):  # fmt: skip
            answer = await patch(node, made["id"], **given)
            before |= shown | {"updated_at": answer.json()["updated_at"]}
            assert answer.json() == before | {"warnings": []}, given
            assert (await node.call("GET", f"/api/webhooks/{made['id']}")).json() == before
        for name in ("url", "events"):
            assert fields_of(await patch(node, made["id"], **{name: None})) == [name]
        assert fields_of(await patch(node, made["id"], secret=IMPORTED)) == ["secret"]
        assert fields_of(await patch(node, "whk_nothing", enabled=True), "not_found", 404) == []


async def test_another_origin_needs_all_header_values_again(node: Node) -> None:
    hook = (await create(node, headers={"Authorization": "Bearer t", "X-B": "2"})).json()["id"]
    for url in ("https://example.com:8443/a", "https://other.example.com/", "http://example.com/"):
        for headers in ({}, {"headers": {"authorization": "Bearer t"}}):
            refused = await patch(node, hook, url=url, **headers)
            missing = ["headers.X-B"] if headers else ["headers.Authorization", "headers.X-B"]
            assert fields_of(refused, "headers_required") == missing, url
    assert (await patch(node, hook, url="https://example.com/same")).status_code == 200
    again = {"authorization": "Bearer u", "X-B": None}
    moved = await patch(node, hook, url="https://other.example.com/", headers=again)
    assert moved.json()["headers"] == {"authorization": "[secret]"}
    assert (await patch(node, hook, url="https://third.example.com/", headers=None)).json()["headers"] == {}


async def test_a_change_is_on_the_wire_with_the_next_delivery(node: Node) -> None:
    async with Receiver() as receiver:
        hook = await node.webhook(receiver.url("/old"), headers={"X-A": "1", "X-B": "2"})
        await node.send()
        await receiver.wait_for(1, path="/old")
        await patch(node, hook["id"], url=receiver.url("/new"), headers={"X-A": "one", "X-B": None})
        await node.send()
        [request] = await receiver.wait_for(1, path="/new")
        assert (request.header("X-A"), request.header("X-B")) == ("one", None)


async def test_the_limit_holds_when_many_come_at_once(any_database: str) -> None:
    async with running_node(any_database, webhook_limit=5) as node:
        answers = await asyncio.gather(*(create(node) for _ in range(20)))
        assert Counter(answer.status_code for answer in answers) == {201: 5, 409: 15}
        refused = next(answer for answer in answers if answer.status_code == 409)
        assert fields_of(refused, "webhook_limit_reached", 409) == []
        listed = (await node.call("GET", "/api/webhooks")).json()["data"]
        assert len(listed) == 5
        assert (await node.call("POST", "/api/webhooks", json=HOOK, org="other")).status_code == 201
        assert (await node.call("DELETE", f"/api/webhooks/{listed[0]['id']}")).status_code == 204
        assert (await create(node)).status_code == 201


async def test_changes_at_once_do_not_wait_for_each_other_in_a_circle(any_database: str) -> None:
    async with running_node(any_database) as node:
        ids = [(await create(node)).json()["id"] for _ in range(12)]
        changes = [patch(node, webhook_id, description="x") for webhook_id in ids[:6]]
        removals = [node.call("DELETE", f"/api/webhooks/{webhook_id}") for webhook_id in ids[6:]]
        answers = await asyncio.gather(*changes, *removals, *(create(node) for _ in range(6)))
        assert [answer.status_code for answer in answers] == [200] * 6 + [204] * 6 + [201] * 6


async def test_a_repeated_creation_makes_one_webhook(any_database: str) -> None:
    clock = ShiftedClock()
    async with running_node(any_database, clock=clock) as node:

        async def repeat(**fields: Any) -> httpx.Response:
            headers = {"Idempotency-Key": "hook-1"}
            return await node.call("POST", "/api/webhooks", json=HOOK | fields, headers=headers)

        answers = await asyncio.gather(*(repeat() for _ in range(100)))
        assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
        assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 99
        assert len((await node.call("GET", "/api/webhooks")).json()["data"]) == 1
        made = answers[0].json()
        assert made["secret"]
        clock.later = 9 * MINUTE
        assert (await repeat()).json() == made
        clock.later = 11 * MINUTE
        assert (await repeat()).json() == made | {"secret": None}
        assert fields_of(await repeat(description="x"), "idempotency_conflict", 409) == []


async def test_deletion_cancels_what_is_pending_and_keeps_history(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database) as node:
        hook = await node.webhook(receiver.url())
        await node.send()
        await receiver.wait_for(1)
        [first] = await node.deliveries()
        await until(lambda: node.gateway.dispatcher.in_flight == 0, "the first one is recorded")
        receiver.behave(silence())
        events = [await node.send() for _ in range(3)]
        await receiver.wait_for(2)
        assert (await node.call("DELETE", f"/api/webhooks/{hook['id']}")).status_code == 204
        found = await node.deliveries()
        assert [(d["status"], d["event_id"]) for d in found[1:]] == [("cancelled", e["id"]) for e in events]
        assert (found[0]["id"], found[0]["status"]) == (first["id"], "delivered")
        assert all(d["completed_at"] for d in found)
        path = f"/api/webhooks/{hook['id']}"
        for answer in (await node.call("GET", path), await node.call("DELETE", path)):
            assert answer.status_code == 404
        assert (await node.call("GET", "/api/webhooks")).json()["data"] == []
        history = (await node.call("GET", f"{path}/deliveries")).json()["data"]
        assert len(history) == 4
        assert (await node.send())["deliveries"] == 0


async def test_lists_go_on_by_cursor(node: Node) -> None:
    ids = [(await create(node)).json()["id"] for _ in range(5)]
    for order, expected in (("asc", ids), ("desc", ids[::-1])):
        seen, cursor = [], None
        for size in (2, 2, 1):
            params = {"limit": 2, "order": order} | ({"cursor": cursor} if cursor else {})
            page = (await node.call("GET", "/api/webhooks", params=params)).json()
            assert len(page["data"]) == size
            seen, cursor = seen + [entry["id"] for entry in page["data"]], page["next_cursor"]
        assert seen == expected
        assert (cursor is None) == (order == "desc")


@pytest.mark.parametrize("pending", ["deliver", "discard"])
async def test_enabling_delivers_or_discards_what_has_gathered(any_database: str, pending: str) -> None:
    async with running_node(any_database) as node, Receiver() as receiver:
        receiver.respond(500, times=1)
        made = await node.webhook(receiver.url(), retry_schedule=[600])
        await node.send()
        await receiver.wait_for(1, timeout=10)
        path = f"/api/webhooks/{made['id']}"
        disabled = await node.call("POST", f"{path}/disable")
        assert (disabled.status_code, disabled.json()["disabled_reason"]) == (200, "by_user")
        await node.send()  # owed to nobody while it is disabled
        enabled = await node.call("POST", f"{path}/enable", json={"pending": pending})
        assert (enabled.status_code, enabled.json()["status"]) == (200, "enabled")
        deliveries = await node.deliveries()
        assert [d["status"] for d in deliveries] == ["pending" if pending == "deliver" else "cancelled"]
        wrong = await node.call("POST", f"{path}/enable", json={"pending": "perhaps"})
        assert wrong.json()["details"][0]["field"] == "pending"

"""`/api/platform/webhooks`: over all organizations or listed ones; no organization sees anything of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from gateway.ingest import plan
from gateway.manage.keys import ROLES
from gateway.signing import SignatureError, verify
from gateway.web.api import OPERATIONS
from tests.support.clock import until
from tests.support.node import Node, running_node
from tests.support.receiver import Receiver

pytestmark = pytest.mark.anyio

PATH = "/api/platform/webhooks"


@pytest.fixture
async def node(sqlite_database: str) -> AsyncIterator[Node]:
    async with running_node(sqlite_database) as node:
        yield node


async def ear(node: Node, url: str, events: list[str], **fields: Any) -> dict[str, Any]:
    answer = await node.call("POST", PATH, org=None, json={"url": url, "events": events, **fields})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def send(node: Node, org: str, type_: str = "sms.received") -> dict[str, Any]:
    answer = await node.call("POST", "/api/events", org=org, json={"type": type_, "data": {"of": org}})
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def delivered(
    node: Node, hook: dict[str, Any], count: int, *, status: str = "delivered"
) -> list[dict[str, Any]]:
    async with asyncio.timeout(10):
        while True:
            path = f"{PATH}/{hook['id']}/deliveries?status={status}"
            found: list[dict[str, Any]] = (await node.call("GET", path, org=None)).json()["data"]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.01)


async def test_it_hears_of_all_organizations_and_of_listed_ones(any_database: str) -> None:
    async with running_node(any_database) as node, Receiver() as receiver:
        await send(node, "early")  # whose copy is in memory already
        everywhere = await ear(node, receiver.url("/all"), ["sms.received"])
        await ear(node, receiver.url("/some"), ["sms.received"], organizations=["acme", "third"])
        for org in ("early", "acme", "other"):
            await send(node, org)
            await send(node, org, "sms.sent")
        requests = await receiver.wait_for(4)
        found = sorted((one.path, one.json()["org_id"], one.json()["data"]["of"]) for one in requests)
        assert found == [("/all", org, org) for org in ("acme", "early", "other")] + [
            ("/some", "acme", "acme")
        ]
        assert all(one.json()["type"] == "sms.received" for one in requests)
        mine = next(one for one in requests if one.path == "/all")
        verify(mine.body, dict(mine.headers), [everywhere["secret"]])
        await delivered(node, everywhere, 3)


async def test_it_is_made_read_changed_and_deleted(node: Node) -> None:
    made = await ear(node, "https://example.com/a?b=c", ["webhook.disabled"], headers={"X-A": "v"})
    assert made["secret"].startswith("whsec_")
    assert (made["org_id"], made["organizations"]) == ("*", None)
    path = f"{PATH}/{made['id']}"
    read = (await node.call("GET", path, org=None)).json()
    assert read == {name: value for name, value in made.items() if name not in ("secret", "warnings")}
    assert (await node.call("GET", PATH, org=None)).json()["data"] == [read]
    changed = (await node.call("PATCH", path, org=None, json={"organizations": ["acme"]})).json()
    assert changed["organizations"] == ["acme"]
    changed = (await node.call("PATCH", path, org=None, json={"organizations": None})).json()
    assert changed["organizations"] is None
    disabled = (await node.call("POST", f"{path}/disable", org=None)).json()
    assert (disabled["status"], disabled["disabled_reason"]) == ("disabled", "by_user")
    assert (await node.call("POST", f"{path}/enable", org=None)).json()["status"] == "enabled"
    assert (await node.call("DELETE", path, org=None)).status_code == 204
    assert (await node.call("GET", path, org=None)).status_code == 404


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"events": ["*"]}, "events[0]"),
        ({"events": ["sms.received", "sms.*"]}, "events[1]"),
        ({"events": ["sms"]}, "events[0]"),
        ({"organizations": ["a b"]}, "organizations[0]"),
        ({"organizations": ["*"]}, "organizations[0]"),
        ({"organizations": []}, "organizations"),
        ({"filter": "type =="}, "filter"),
        ({"url": "http://10.0.0.1/"}, "url"),
    ],
)
async def test_what_is_wrong_is_refused_by_name(node: Node, fields: dict[str, Any], wrong: str) -> None:
    body = {"url": "https://example.com/", "events": ["sms.received"]} | fields
    answer = await node.call("POST", PATH, org=None, json=body)
    assert answer.status_code == 422, answer.text
    assert [detail["field"] for detail in answer.json()["details"]] == [wrong]


async def everything_an_organization_sees(node: Node, event_id: str, hook_id: str) -> list[httpx.Response]:
    """All answers that keys of the organization, and the platform's key in its name, get by reading."""
    keys: list[tuple[str | None, str | None]] = [(await node.new_key(role), None) for role in ROLES]
    keys.append((None, "acme"))
    deliveries = await deliveries_of(node, event_id, hook_id)
    paths = [
        "/api/events", f"/api/events/{event_id}", f"/api/events/{event_id}/deliveries", "/api/webhooks",
        f"/api/webhooks/{hook_id}", f"/api/webhooks/{hook_id}/deliveries", "/api/deliveries", "/api/keys",
        f"/api/deliveries?event_id={event_id}", *(f"/api/deliveries/{one['id']}" for one in deliveries),
    ]  # fmt: skip
    found = []
    for key, org in keys:
        found += [await node.call("GET", path, key=key, org=org) for path in paths]
        found += [
            await node.call("POST", f"/api/webhooks/{hook_id}/{what}", key=key, org=org, json={})
            for what in ("enable", "disable", "test")
        ]
        found.append(await node.call("DELETE", f"/api/webhooks/{hook_id}", key=key, org=org))
        if key is not None:
            found += [await node.call("GET", f"{PATH}{end}", key=key) for end in ("", f"/{hook_id}")]
    return found


async def deliveries_of(node: Node, event_id: str, hook_id: str) -> list[dict[str, Any]]:
    """The delivered ones, as the platform sees them over all organizations."""
    async with asyncio.timeout(10):
        while True:
            answer = await node.call("GET", f"/api/deliveries?event_id={event_id}&status=delivered", org="*")
            found = [one for one in answer.json()["data"] if one["target"]["id"] == hook_id]
            if found:
                return found
            await asyncio.sleep(0.01)


async def traces(database: str) -> tuple[list[str], int]:
    """Where an organization could see the platform's webhook or deliveries; and how much was looked at."""
    async with running_node(database) as node, Receiver() as receiver:
        hook = await ear(node, receiver.url("/secret-place"), ["sms.received"])
        own = await node.webhook(receiver.url("/own"), ["sms.received"])
        event = await send(node, "acme")
        await receiver.wait_for(2)
        [mine] = await deliveries_of(node, event["id"], hook["id"])
        seen = await everything_an_organization_sees(node, event["id"], hook["id"])
        named = (hook["id"], mine["id"], "secret-place")
        found = [
            f"{answer.request.method} {answer.request.url.path}"
            for answer in seen
            if answer.status_code < 300 and any(name in answer.text for name in named)
        ]
        if event["deliveries"] != 1:
            found.append("the count of the event's deliveries")
        assert any(own["id"] in answer.text for answer in seen), "the organization sees its own"
        still = (await node.call("GET", f"{PATH}/{hook['id']}", org=None)).json()
        assert still["status"] == "enabled"
        return found, len(seen)


@pytest.mark.proof
async def test_no_organization_sees_anything_of_it(any_database: str) -> None:
    found, looked = await traces(any_database)
    assert not found
    print(f"platform webhooks ({any_database.partition(':')[0]}): no trace in {looked} answers")


async def test_deliveries_under_the_events_organization_are_found(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: deliveries that carry the organization of their event."""
    add = plan.Rows._add_delivery

    def add_for_event(self: Any, planned: Any, event: Any, webhook: Any, position: int) -> None:
        add(self, planned, event, webhook, position)
        row = self.deliveries[-1]
        self.deliveries[-1] = (*row[:2], event.org_id, *row[3:])

    monkeypatch.setattr(plan.Rows, "_add_delivery", add_for_event)
    found, _ = await traces(sqlite_database)
    assert "GET /api/deliveries" in found


async def test_organizations_keys_are_refused_and_platform_keys_need_no_organization(node: Node) -> None:
    for operation in OPERATIONS:
        if operation.path.startswith("/api/platform/"):
            path = operation.path.replace("{id}", "whk_x")
            for role in ROLES:
                answer = await node.call(operation.method, path, key=await node.new_key(role), json={})
                assert answer.status_code == 403, operation.id


async def test_the_platform_reads_its_deliveries_with_payload(node: Node) -> None:
    async with Receiver() as receiver:
        hook = await ear(node, receiver.url(), ["sms.received"])
        await send(node, "acme")
        [request] = await receiver.wait_for(1)
        [row] = await delivered(node, hook, 1)
        shown = (await node.call("GET", f"/api/deliveries/{row['id']}", org="*")).json()
        assert (shown["org_id"], shown["payload"]) == ("*", request.json())
        assert shown["attempts"][0]["status_code"] == 200
        narrow = await node.new_key(None, scopes=["manage"])
        hidden = await node.call(
            "GET", f"/api/deliveries/{row['id']}", key=narrow, headers={"X-HUM-Org": "*"}
        )
        assert (hidden.json()["payload"], hidden.json()["attempts"][0]["response_body"]) == (None, None)


async def test_retries_410_and_own_events_work_as_for_others(any_database: str) -> None:
    async with running_node(any_database) as node, Receiver() as receiver:
        core = await ear(node, receiver.url("/core"), ["webhook.disabled", "delivery.failed"])
        hook = await ear(node, receiver.url("/hook"), ["sms.received"], retry_schedule=[1])
        receiver.respond(500, times=1, path="/hook")
        await send(node, "acme")
        await until(lambda: len([r for r in receiver.requests if r.path == "/hook"]) == 2, "a retry")
        receiver.respond(410, times=1, path="/hook")
        await send(node, "acme")
        await until(lambda: any(r.path == "/core" for r in receiver.requests), "the core hears of it")
        [told] = [one.json() for one in receiver.requests if one.path == "/core"]
        assert (told["type"], told["org_id"]) == ("webhook.disabled", "*")
        assert told["data"] == {"webhook_id": hook["id"], "reason": "gone"}
        seen = (await node.call("GET", f"{PATH}/{hook['id']}", org=None)).json()
        assert (seen["status"], seen["disabled_reason"]) == ("disabled", "gone")
        await delivered(node, core, 1)


async def test_the_core_hears_of_an_organizations_disabled_webhook(any_database: str) -> None:
    async with running_node(any_database) as node, Receiver() as receiver:
        await ear(node, receiver.url("/core"), ["webhook.disabled"])
        hook = await node.webhook(receiver.url("/gone"))
        receiver.respond(410, path="/gone")
        event = await send(node, "acme")
        await until(lambda: any(r.path == "/core" for r in receiver.requests), "the core hears of it")
        [told] = [one.json() for one in receiver.requests if one.path == "/core"]
        assert (told["org_id"], told["data"]) == ("acme", {"webhook_id": hook["id"], "reason": "gone"})
        assert event["deliveries"] == 1


async def test_another_node_learns_of_it(postgres_database: str) -> None:
    async with (
        running_node(postgres_database) as one,
        running_node(postgres_database) as two,
        Receiver() as receiver,
    ):
        await send(two, "acme")
        await ear(one, receiver.url("/late"), ["sms.received"])
        await send(two, "acme")  # accepted after the 201: it is owed
        [request] = await receiver.wait_for(1)
        assert request.path == "/late"


async def test_a_repeated_request_makes_one(node: Node) -> None:
    body = {"url": "https://example.com/", "events": ["sms.received"]}
    keyed = {"json": body, "headers": {"Idempotency-Key": "once"}}
    first, again = [await node.call("POST", PATH, org=None, **keyed) for _ in range(2)]
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len((await node.call("GET", PATH, org=None)).json()["data"]) == 1


async def test_it_is_tested_as_others_are(node: Node) -> None:
    async with Receiver() as receiver:
        hook = await ear(node, receiver.url(), ["webhook.disabled"])
        answer = (await node.call("POST", f"{PATH}/{hook['id']}/test", org=None, json={})).json()
        [request] = await receiver.wait_for(1)
        assert answer["ok"]
        assert (request.json()["test"], request.json()["org_id"]) == (True, "*")


async def test_its_secret_is_rotated_as_others(any_database: str) -> None:
    async with running_node(any_database) as node, Receiver() as receiver:
        hook = await ear(node, receiver.url("/all"), ["sms.received"])
        path = f"{PATH}/{hook['id']}"
        rotated = (await node.call("POST", f"{path}/rotate-secret", org=None)).json()
        assert (rotated["rotation"]["state"], rotated["organizations"]) == ("started", None)
        again = await node.call("POST", f"{path}/rotate-secret", org=None)
        assert (again.status_code, again.json()["error"]) == (409, "rotation_in_progress")
        await send(node, "acme")
        [both] = await receiver.wait_for(1)
        for secret in (hook["secret"], rotated["secret"]):
            verify(both.body, dict(both.headers), [secret])
        finished = (await node.call("POST", f"{path}/rotate-secret/finish", org=None)).json()
        assert finished["rotation"] is None
        await send(node, "acme")
        alone = (await receiver.wait_for(2))[1]
        verify(alone.body, dict(alone.headers), [rotated["secret"]])
        with pytest.raises(SignatureError):
            verify(alone.body, dict(alone.headers), [hook["secret"]])


async def test_what_failed_of_all_organizations_is_sent_again(any_database: str) -> None:
    async with running_node(any_database) as node, Receiver() as receiver:
        hook = await ear(node, receiver.url("/all"), ["sms.received"], retry_schedule=[1])
        receiver.respond(500, times=4)
        for org in ("acme", "other"):
            await send(node, org)
        path = f"{PATH}/{hook['id']}"
        await delivered(node, hook, 2, status="failed")
        found = await node.call("POST", f"{path}/redeliver", org=None, json={"dry_run": True})
        assert found.json() == {"matched": 2}
        ordered = await node.call("POST", f"{path}/redeliver", org=None)
        assert (ordered.status_code, ordered.json()["org_id"]) == (202, "*")
        again = await delivered(node, hook, 2)
        assert {one["redelivery_of"] for one in again} == {ordered.json()["id"]}
        sent = [one.json()["data"]["of"] for one in receiver.requests[-2:]]
        assert sorted(sent) == ["acme", "other"]
        job = (await node.call("GET", f"/api/jobs/{ordered.json()['id']}", org="*")).json()
        assert (job["matched"], job["done"]) == (2, 2)
        stats = (await node.call("GET", f"{path}/stats?window=1h", org=None)).json()
        assert stats["totals"] == {"delivered": 2, "failed": 2, "retried": 2, "held": 0}


async def replayed(node: Node, hook: dict[str, Any], **range_: Any) -> dict[str, Any]:
    """The job of a replay, when it is over."""
    answer = await node.call("POST", f"{PATH}/{hook['id']}/replay", org=None, json=range_)
    assert answer.status_code == 202, answer.text
    async with asyncio.timeout(10):
        while True:
            path = f"/api/jobs/{answer.json()['id']}"
            job: dict[str, Any] = (await node.call("GET", path, org="*")).json()
            if job["status"] != "running":
                return job
            await asyncio.sleep(0.01)


async def test_a_replay_sends_what_it_never_got_of_all_organizations(any_database: str) -> None:
    async with running_node(any_database) as node, Receiver() as receiver:
        for org in ("acme", "other", "third"):
            await send(node, org)
            await send(node, org, "sms.sent")
        hook = await ear(node, receiver.url("/all"), ["sms.received"])
        await send(node, "acme")  # which it gets
        await delivered(node, hook, 1)
        path = f"{PATH}/{hook['id']}/replay"
        assert (await node.call("POST", path, org=None, json={"dry_run": True})).json() == {"matched": 3}
        job = await replayed(node, hook)
        assert (job["kind"], job["org_id"], job["status"]) == ("replay", "*", "done")
        assert (job["matched"], job["done"], job["failed"]) == (3, 3, 0)
        await delivered(node, hook, 4)
        sent = [one.json() for one in receiver.requests[1:]]
        assert sorted((one["org_id"], one["data"]["of"], one["type"]) for one in sent) == [
            (org, org, "sms.received") for org in ("acme", "other", "third")
        ]
        verify(receiver.requests[-1].body, dict(receiver.requests[-1].headers), [hook["secret"]])
        assert (await node.call("POST", path, org=None, json={"dry_run": True})).json() == {"matched": 0}


async def test_a_replay_keeps_to_listed_organizations_and_to_the_filter(any_database: str) -> None:
    async with running_node(any_database) as node, Receiver() as receiver:
        for org in ("acme", "other", "third"):
            for _ in range(2):
                await send(node, org)
        listed = await ear(node, receiver.url("/some"), ["sms.received"], organizations=["acme", "third"])
        assert (await replayed(node, listed))["done"] == 4
        await delivered(node, listed, 4)
        assert {one.json()["org_id"] for one in receiver.requests} == {"acme", "third"}
        # The filter looks into data that is sealed under each organization's own key.
        filtered = await ear(
            node, receiver.url("/filtered"), ["sms.received"], filter="data.of == 'other' || org_id == 'acme'"
        )
        assert (await replayed(node, filtered))["done"] == 4
        await delivered(node, filtered, 4)
        mine = [one.json()["org_id"] for one in receiver.requests if one.path == "/filtered"]
        assert sorted(mine) == ["acme", "acme", "other", "other"]


async def test_a_replay_leaves_an_erased_organization_alone(any_database: str) -> None:
    async with running_node(any_database) as node, Receiver() as receiver:
        for org in ("acme", "gone"):
            await send(node, org)
        erased = await node.call("DELETE", "/api/organizations/gone", org="gone")
        assert erased.status_code in (202, 204), erased.text
        hook = await ear(node, receiver.url(), ["sms.received"], filter="data.of != 'x'")
        await replayed(node, hook)
        await delivered(node, hook, 1)
        assert [one.json()["org_id"] for one in receiver.requests] == ["acme"]


async def test_an_organization_reaches_none_of_it(node: Node) -> None:
    hook = await ear(node, "https://example.com/", ["sms.received"])
    admin = await node.new_key("admin")
    for what in ("rotate-secret", "rotate-secret/finish", "release", "redeliver", "replay"):
        answered = await node.call("POST", f"{PATH}/{hook['id']}/{what}", org=None, key=admin)
        assert answered.status_code == 403, what
        answered = await node.call("POST", f"/api/webhooks/{hook['id']}/{what}", org=None, key=admin)
        assert answered.status_code == 404, what


async def test_its_jobs_and_deliveries_are_cancelled_and_sent_again_under_a_star(any_database: str) -> None:
    async with running_node(any_database) as node, Receiver() as receiver:
        everywhere = {"X-HUM-Org": "*"}
        receiver.respond(500)
        hook = await ear(node, receiver.url(), ["sms.received"], retry_schedule=[3600])
        await send(node, "acme")
        await receiver.wait_for(1)
        await until(lambda: node.gateway.dispatcher.kept == 0, "it is recorded")
        path = f"{PATH}/{hook['id']}"
        [owed] = (await node.call("GET", f"{path}/deliveries", org=None)).json()["data"]
        here = f"/api/deliveries/{owed['id']}"
        again = await node.call("POST", f"{here}/redeliver", org=None, headers=everywhere, json={})
        assert (again.status_code, again.json()["redelivery_of"]) == (202, owed["id"]), again.text
        assert (await receiver.wait_for(2))[1].header("webhook-id") == owed["event_id"]
        ended = await node.call("POST", f"{here}/cancel", org=None, headers=everywhere, json={})
        assert (ended.status_code, ended.json()["status"]) == (200, "cancelled"), ended.text
        node.gateway.draining = True  # nobody works on jobs
        job = (await node.call("POST", f"{path}/replay", org=None, json={})).json()
        cancel = f"/api/jobs/{job['id']}/cancel"
        for org in ("acme", "other"):
            assert (await node.call("POST", cancel, org=org, json={})).status_code == 404
        mine = await node.new_key("admin")
        assert (await node.call("POST", cancel, key=mine, headers=everywhere, json={})).status_code == 403
        answer = await node.call("POST", cancel, org=None, headers=everywhere, json={})
        assert (answer.status_code, answer.json()["cancel_requested"]) == (200, True), answer.text


async def test_a_star_cancels_nothing_of_an_organization(node: Node) -> None:
    hook = await node.webhook("https://example.com/")
    job = (await node.call("POST", f"/api/webhooks/{hook['id']}/replay", json={})).json()
    for path in (f"/api/jobs/{job['id']}/cancel", "/api/deliveries/dlv_1/cancel"):
        answer = await node.call("POST", path, org=None, headers={"X-HUM-Org": "*"}, json={})
        assert answer.status_code == 404, answer.text

"""A webhook with a filter is owed the events that meet it, and `explain` says why or why not."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest

from gateway.domain.event import Event, NewEvent
from gateway.domain.filter import MAX_STEPS_OF_ALL, Reading, compile_filter
from gateway.domain.filter_values import Work
from gateway.domain.webhook import Webhook
from gateway.ingest import receivers
from gateway.ingest.accept import Acceptance
from tests.support.node import Node, running_node
from tests.support.receiver import Receiver

pytestmark = pytest.mark.anyio

LONG = "data.duration_seconds > `60`"


@pytest.fixture
async def node(sqlite_database: str) -> AsyncIterator[Node]:
    async with running_node(sqlite_database) as node:
        yield node


async def hook(node: Node, filter_: str | None = None, **fields: Any) -> str:
    """The id of a webhook that nothing is sent to."""
    made = await node.webhook("https://example.invalid/", enabled=True, filter=filter_, **fields)
    return str(made["id"])


async def owed(node: Node, event_id: str) -> set[str]:
    return {delivery["target"]["id"] for delivery in await node.deliveries(event_id=event_id)}


async def explain(node: Node, webhook_id: str, event_id: str, **kw: Any) -> Any:
    answer = await node.call("POST", f"/api/webhooks/{webhook_id}/explain", json={"event_id": event_id}, **kw)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_webhook_is_owed_what_meets_its_filter(any_database: str) -> None:
    async with running_node(any_database) as node, Receiver() as receiver:
        filtered = await node.webhook(receiver.url(), filter=LONG)
        everything, other_type = await hook(node), await hook(node, LONG, events=["sms.*"])
        assert filtered["filter"] == LONG
        long = await node.send("a.b", {"duration_seconds": 61})
        short = await node.send("a.b", {"duration_seconds": 60})
        none = await node.send("a.b", {})
        batch = await node.call("POST", "/api/events/batch", json={"events": [
            {"type": "a.b", "data": {"duration_seconds": n}} for n in (10, 100)
        ]})  # fmt: skip
        [request] = (await receiver.wait_for(2))[:1]
        assert request.json()["data"] == {"duration_seconds": 61}
        assert (long["deliveries"], short["deliveries"], none["deliveries"]) == (2, 1, 1)
        assert [item["deliveries"] for item in batch.json()["data"]] == [1, 2]
        assert await owed(node, long["id"]) == {filtered["id"], everything}
        assert await owed(node, short["id"]) == {everything}
        assert other_type not in await owed(node, long["id"])


async def test_a_filter_is_changed_and_removed_by_patch(node: Node) -> None:
    webhook = await hook(node, LONG)
    path = f"/api/webhooks/{webhook}"
    assert (await node.send("a.b", {"duration_seconds": 5}))["deliveries"] == 0
    changed = await node.call("PATCH", path, json={"filter": "data.duration_seconds < `60`"})
    assert changed.json()["filter"] == "data.duration_seconds < `60`"
    assert (await node.send("a.b", {"duration_seconds": 5}))["deliveries"] == 1
    kept = await node.call("PATCH", path, json={"description": "x"})
    assert kept.json()["filter"] == "data.duration_seconds < `60`"
    assert (await node.call("PATCH", path, json={"filter": None})).json()["filter"] is None
    assert (await node.send("a.b", {}))["deliveries"] == 1


async def test_a_mistake_is_answered_with_its_place(node: Node) -> None:
    answer = await node.call(
        "POST", "/api/webhooks", json={"url": "https://e.test/", "events": ["*"], "filter": "data.n > 5"}
    )
    assert answer.status_code == 422
    [detail] = answer.json()["details"]
    assert detail["field"] == "filter"
    assert detail["message"].startswith("column 10: a number is written in backticks")


async def test_a_filter_survives_a_restart(any_database: str) -> None:
    async with running_node(any_database) as node:
        webhook = await hook(node, LONG)
    async with running_node(any_database) as node:
        assert (await node.send("a.b", {"duration_seconds": 5}))["deliveries"] == 0
        assert await owed(node, (await node.send("a.b", {"duration_seconds": 500}))["id"]) == {webhook}


async def test_the_gateways_own_events_are_filtered_too(node: Node) -> None:
    picky = await hook(node, "data.id == 'whk_other'", events=["webhook.failing"])
    open_ = await hook(node, events=["webhook.failing"])
    services = node.gateway.services
    async with services.store.transaction() as tx:
        await services.announce(tx, "acme", "webhook.failing", {"id": "whk_1"})
    found = {d["target"]["id"] for d in await node.deliveries(type="webhook.failing")}
    assert found == {open_}
    assert picky not in found


HOSTILE = " || ".join(f"contains(data.l, `{number}`)" for number in range(10, 28))
BIG = {"l": list(range(100, 9_000))}


@pytest.mark.proof
async def test_fifty_costly_filters_cost_no_more_than_two(node: Node) -> None:
    """The figure is CPU of ingest; the control gives each filter steps of its own."""
    event = Event("evt_1", "acme", "a.b", 0, str(BIG).replace("'", '"').encode())
    webhooks = [_webhook(number) for number in range(50)]

    def cost(matches: Any) -> float:
        started = time.thread_time()
        for webhook in webhooks:
            assert not matches(webhook)
        return (time.thread_time() - started) * 1000

    shared = Reading(event)
    together = cost(lambda webhook: shared.matches(webhook.condition))
    spent: list[Work] = []

    def alone(webhook: Webhook) -> bool:
        spent.append(Work())
        assert webhook.condition is not None
        return webhook.condition.matches(shared.envelope(), spent[-1])

    apart = cost(alone)
    print(
        f"filters: 50 costly ones over one event {together:.0f} ms CPU; {apart:.0f} ms with no common limit"
    )
    assert sum(min(work.used, work.limit) for work in spent) > 10 * MAX_STEPS_OF_ALL, (
        "the control shows nothing"
    )
    assert together < apart / 3
    for _ in webhooks[1:]:
        await hook(node, HOSTILE)
    modest = await hook(node, "contains(data.tags, 'vip')")
    sent = await node.send("a.b", BIG | {"tags": ["new", "vip"]})
    assert await owed(node, sent["id"]) == {modest}, "a modest filter goes on working beside costly ones"


@pytest.mark.proof
async def test_a_batch_before_costly_filters_holds_up_nobody_else(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control asks all filters in one go."""
    for number in range(2):
        await hook(node, HOSTILE.replace("`10`", f"`{number}`"))
    batch = {"events": [{"type": "a.b", "data": BIG}] * 300}

    async def longest_pause() -> float:
        pauses: list[float] = []

        async def tick() -> None:
            while True:
                pauses.append(time.perf_counter())
                await asyncio.sleep(0)

        acceptance = await _acceptance(node, batch)
        ticking = asyncio.create_task(tick())
        await asyncio.sleep(0)
        await receivers.ask_filters(acceptance.ids, acceptance.at, acceptance.events)
        await asyncio.sleep(0)
        ticking.cancel()
        return max(after - before for before, after in pairwise(pauses)) * 1000

    rested = min(await longest_pause(), await longest_pause())
    monkeypatch.setattr(receivers, "_SLICE_SECONDS", 60.0)
    greedy = await longest_pause()
    print(
        f"filters: 300 large events before costly filters keep the loop at most {rested:.0f} ms at a time; "
        f"{greedy:.0f} ms without rests"
    )
    assert rested < greedy / 5


async def _acceptance(node: Node, batch: Any) -> Acceptance:
    parsed, _ = node.gateway.services.parser.batch(json.dumps(batch).encode())
    org = await node.gateway.directory.living("acme")
    acceptance = Acceptance([(org, new) for new in parsed if isinstance(new, NewEvent)])
    acceptance.settle(node.gateway.clock.now())
    return acceptance


async def test_a_filter_that_changes_before_the_commit_decides_as_it_is_then(node: Node) -> None:
    webhook = await hook(node, "data.n == `1`")
    acceptance = await _acceptance(node, {"events": [{"type": "a.b", "data": {"n": 1}}]})
    asked = await receivers.ask_filters(acceptance.ids, acceptance.at, acceptance.events)
    org, _ = acceptance.events[0]
    [now] = org.webhooks.values()
    assert now.id == webhook
    [filtered] = asked.values()
    assert filtered.receivers([now]) == [now]
    assert filtered.receivers([now.changed(filter="data.n == `2`")]) == []


def _webhook(number: int) -> Webhook:
    text = HOSTILE.replace("`10`", f"`{number + 20_000}`")
    return Webhook(
        id=f"whk_{number}", org_id="acme", position=1, revision_id="rev", url="https://e.test/",
        events=("*",), secrets=(), filter=text,
    )  # fmt: skip


async def test_without_filters_no_event_is_read(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Event] = []
    monkeypatch.setattr(receivers, "Reading", lambda event: read.append(event) or Reading(event))
    await hook(node)
    await hook(node, LONG, events=["sms.*"])
    await node.send("a.b")
    assert read == []
    await hook(node, LONG, events=["a.b"])
    await hook(node, "data.x", events=["a.b"])
    await node.send("a.b")
    assert len(read) == 1


async def test_explain_says_what_decides(node: Node) -> None:
    webhook = await hook(node, LONG, events=["a.*", "sms.sent"])
    long = (await node.send("a.b", {"duration_seconds": 61}))["id"]
    short = (await node.send("a.b", {"duration_seconds": 5}))["id"]
    other = (await node.send("c.d", {"duration_seconds": 61}))["id"]
    yes = await explain(node, webhook, long)
    assert (yes["matches"], yes["delivery_id"]) == (True, (await node.deliveries(event_id=long))[0]["id"])
    assert yes["events"] == {"matches": True, "because": "a.* matches a.b"}
    assert yes["filter"]["because"] == f"data.duration_seconds is 61, so {LONG} is true"
    no = await explain(node, webhook, short)
    assert (no["matches"], no["delivery_id"]) == (False, None)
    assert no["because"] == no["filter"]["because"] == f"data.duration_seconds is 5, so {LONG} is false"
    wrong = await explain(node, webhook, other)
    assert not wrong["matches"]
    assert wrong["because"] == "none of its events (a.*, sms.sent) matches c.d"
    await node.call("POST", f"/api/webhooks/{webhook}/disable")
    disabled = await explain(node, webhook, long)
    assert not disabled["matches"]
    assert disabled["because"] == "the webhook was disabled by a person: it is owed nothing"


async def test_explain_tells_no_values_to_who_may_not_read_payloads(node: Node) -> None:
    webhook = await hook(node, "data.from == '+13175550142'")
    event = (await node.send("a.b", {"from": "+13175550199"}))["id"]
    blind = await node.new_key(None, scopes=["manage"])
    found = await explain(node, webhook, event, key=blind, headers={"X-HUM-Org": "acme"})
    assert not found["matches"]
    assert "5550199" not in str(found)
    assert "some string" in found["because"]
    viewer = await node.new_key("viewer")
    assert "5550199" in str(await explain(node, webhook, event, key=viewer))


async def test_explain_knows_nothing_of_others(node: Node) -> None:
    webhook = await hook(node)
    theirs = await node.call("POST", "/api/events", json={"type": "a.b", "data": {}}, org="other")
    path = f"/api/webhooks/{webhook}/explain"
    answer = await node.call("POST", path, json={"event_id": theirs.json()["id"]})
    assert (answer.status_code, answer.json()["details"][0]["field"]) == (422, "event_id")
    mine = (await node.send())["id"]
    assert (await node.call("POST", path, json={"event_id": mine}, org="other")).status_code == 404


def test_explain_agrees_with_what_ingest_decides() -> None:
    for text in (LONG, "data.n", "contains(data.x, 'a')", "type == 'a.b' && !data.n"):
        for data in (b"{}", b'{"n": 0}', b'{"x": "ab", "duration_seconds": 61}', b'{"x": 5}'):
            event = Event("evt_1", "acme", "a.b", 0, data)
            condition = compile_filter(text)
            assert Reading(event).matches(condition) == Reading(event).explain(condition).matches

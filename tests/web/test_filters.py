"""A webhook with a filter is owed the events that meet it, and `explain` says why or why not."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest

from gateway import clock
from gateway.clock import SystemClock
from gateway.domain.event import Event, NewEvent
from gateway.domain.filter import MAX_STEPS_OF_ALL, Filter, Reading, compile_filter
from gateway.domain.filter_values import Work
from gateway.domain.webhook import Webhook
from gateway.ingest import receivers
from gateway.ingest.accept import MOST_ASKINGS, Acceptance
from gateway.ingest.receivers import Filters
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
        await Filters(SystemClock()).ask(acceptance.ids, acceptance.at, acceptance.events)
        await asyncio.sleep(0)
        ticking.cancel()
        return max(after - before for before, after in pairwise(pauses)) * 1000

    rested = min(await longest_pause(), await longest_pause())
    monkeypatch.setattr(clock, "SLICE_SECONDS", 60.0)
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


class Slow:
    """A clock on which everything takes 3 ms, as one asks it. `during` is done while somebody sleeps."""

    def __init__(self, during: Callable[[], Awaitable[Any]] | None = None) -> None:
        self.time, self.slept, self._during = 0.0, list[float](), during

    def now(self) -> int:
        return round(self.time * 1000)

    def monotonic(self) -> float:
        self.time += 0.003
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds
        if self._during is not None:
            await self._during()


async def test_between_two_filters_of_one_event_the_others_go_on_as_long_as_it_took(node: Node) -> None:
    for number in range(6):
        await hook(node, f"data.n == `{number}`")
    acceptance = await _acceptance(node, {"events": [{"type": "a.b", "data": {"n": 1}}]})
    slow = Slow()
    await Filters(slow).ask(acceptance.ids, acceptance.at, acceptance.events)
    assert slow.slept == pytest.approx([0.003] * 6)


async def test_one_organizations_events_are_decoded_one_at_a_time(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hook(node, "data.n == `1`")
    alive = set[str]()
    most = list[int]()

    class Counted(Reading):
        def __init__(self, event: Event) -> None:
            super().__init__(event)
            alive.add(event.id)
            most.append(len(alive))
            weakref.finalize(self, alive.discard, event.id)

    monkeypatch.setattr(receivers, "Reading", Counted)
    filters = Filters(Slow(lambda: asyncio.sleep(0)))
    batch = await _acceptance(node, {"events": [{"type": "a.b", "data": {"n": n}} for n in range(5)]})
    senders = (
        filters.ask([event_id], batch.at, [one])
        for event_id, one in zip(batch.ids, batch.events, strict=True)
    )
    answers = await asyncio.gather(*senders)
    assert len(answers) == len(most) == 5
    assert max(most) == 1


async def test_a_filter_that_changes_before_the_commit_decides_as_it_is_then(
    any_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_node(any_database) as node:
        webhook = await hook(node, "data.n == `1`")
        database, asked = node.gateway.store.database, list[str]()

        class Outside(Reading):
            def matches(self, wanted: Filter | None) -> bool:
                database.refuse_inside_transaction()  # where a costly one would hold up everybody
                asked.append(wanted.text if wanted else "")
                return super().matches(wanted)

        async def change() -> None:
            slow._during = None
            patch = {"filter": "data.n == `2`"}
            answer = await node.call("PATCH", f"/api/webhooks/{webhook}", json=patch)
            assert answer.status_code == 200

        slow = Slow(change)
        monkeypatch.setattr(receivers, "Reading", Outside)
        monkeypatch.setattr(node.gateway.accept, "_filters", Filters(slow))
        sent = await asyncio.gather(*(node.send("a.b", {"n": n}) for n in (2, 1)))
        assert [event["deliveries"] for event in sent] == [1, 0]
        assert asked.count("data.n == `2`") == 2
        slow._during = change  # which changes nothing any more: nobody is sent back
        assert (await node.send("a.b", {"n": 2}))["deliveries"] == 1
        assert asked.count("data.n == `2`") == 3


async def test_filters_that_change_all_the_time_are_a_503(node: Node) -> None:
    webhook, changes = await hook(node, "data.n == `0`"), itertools.count(1)

    async def change() -> None:
        patch = {"filter": f"data.n == `{next(changes)}`"}
        assert (await node.call("PATCH", f"/api/webhooks/{webhook}", json=patch)).status_code == 200

    node.gateway.accept._filters = Filters(Slow(change))
    answer = await node.call("POST", "/api/events", json={"type": "a.b", "data": {"n": 1}})
    assert (answer.status_code, answer.json()["error"]) == (503, "overloaded")
    assert next(changes) == MOST_ASKINGS + 1
    assert (await node.call("GET", "/api/events")).json()["data"] == []


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

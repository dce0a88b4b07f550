"""A webhook that fails for days, on a virtual clock: warned of on days 1 and 3, disabled after 5, on both
databases; what is owed to it goes on gathering, and enabling resumes."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from gateway.app import open_gateway
from gateway.config import Settings
from gateway.dispatch import lease as lease_module
from gateway.dispatch import telling
from gateway.domain import failing
from gateway.domain.exchange import Exchange
from tests.support.clock import ManualClock
from tests.support.node import MASTER_KEY, Node

pytestmark = pytest.mark.anyio

HOUR = 3600
DAY = 24 * HOUR


class World:
    """The receivers, by path, and what they got: (day, type, data)."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.status: dict[str, Callable[[], Exchange]] = {}
        self.got: dict[str, list[tuple[float, str, dict[str, Any]]]] = {}
        self.begun = clock.now()

    def answers(self, status: int, headers: Sequence[tuple[str, str]] = ()) -> Callable[[], Exchange]:
        return lambda: Exchange(self.clock.now(), 0, status_code=status, response_headers=list(headers))

    async def post(self, url: str, *, body: bytes, **_: Any) -> Exchange:
        path = "/" + url.rpartition("/")[2]
        seen = json.loads(body)
        day = (self.clock.now() - self.begun) / 1000 / DAY
        self.got.setdefault(path, []).append((day, seen["type"], seen["data"]))
        return self.status.get(path, self.answers(200))()

    async def close(self) -> None:
        pass

    def told(self, type_: str, path: str = "/ear") -> list[tuple[float, dict[str, Any]]]:
        return [(day, data) for day, kind, data in self.got.get(path, []) if kind == type_]


@asynccontextmanager
async def world(url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[World, Node]]:
    """A gateway's dispatcher, claims and committers on the virtual clock; nothing else that would tick."""
    monkeypatch.setattr(lease_module, "TRUSTED_SECONDS", 1e9)
    monkeypatch.setattr("gateway.app.LOOK_EVERY_ALONE", 40_000.0)
    monkeypatch.setattr("gateway.app.POLL_SECONDS", 40_000.0)
    clock = ManualClock()
    environ = {
        "HUM_GATEWAY_DATABASE_URL": url,
        "HUM_GATEWAY_MASTER_KEY": MASTER_KEY,
        "HUM_GATEWAY_ALLOW_NETWORKS": "127.0.0.0/8",
    }
    gateway = await open_gateway(Settings.load(environ), clock)
    there = World(clock)
    attempts: Any = gateway.dispatcher._attempts
    attempts.client, attempts.chance = there, random.Random(4).random
    clock.busy = lambda: (
        gateway.dispatcher.in_flight > 0 or not gateway.records._idle.is_set() or clock.sleepers == 0
    )
    await gateway.lease.take()
    await gateway.directory.refresh()
    for commits in gateway._committers():
        commits.start()
    work = asyncio.create_task(gateway.claims.run())
    try:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=gateway.app), base_url="http://gateway.test"
        ) as http:
            node = Node(gateway, http, "")
            node.key = await node.new_key(None, scopes=["all"])
            yield there, node
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        for commits in gateway._committers():
            await commits.close()
        await gateway.store.close()


EAR = ["webhook.failing", "webhook.disabled", "webhook.updated", "delivery.failed"]


async def hooks(node: Node, **fields: Any) -> str:
    """One that is to fail and one that hears of it; the id of the first."""
    await node.webhook("http://127.0.0.1:9/ear", EAR)
    made = await node.webhook("http://127.0.0.1:9/hook", ["call.happened"], **fields)
    return str(made["id"])


async def days(there: World, node: Node, count: float, *, every: int = 6 * HOUR) -> None:
    """An event every few hours for so many days."""
    for _ in range(round(count * DAY / every)):
        await node.send("call.happened")
        await there.clock.advance(every)


async def shown(node: Node, webhook_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await node.call("GET", f"/api/webhooks/{webhook_id}")).json()
    return found


SCHEDULE = [HOUR, 4 * HOUR]


@pytest.mark.proof
async def test_six_days_of_failing(any_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world(any_database, monkeypatch) as (there, node):
        hook = await hooks(node, retry_schedule=SCHEDULE)
        there.status["/hook"] = there.answers(500)
        await days(there, node, 6)
        warnings, ends = there.told("webhook.failing"), there.told("webhook.disabled")
        failed = there.told("delivery.failed")
        seen = await shown(node, hook)
        last = there.got["/hook"][-1][0]
        waiting = len(await node.deliveries(status="pending"))
        assert [(data["webhook_id"], data["day"]) for _, data in warnings] == [(hook, 1), (hook, 3)]
        assert [data for _, data in ends] == [{"webhook_id": hook, "reason": "failing"}]
        assert [day for day, _ in warnings] == pytest.approx([1, 3], abs=0.3)
        assert 5 <= ends[0][0] < 5.3
        assert ends[0][0] == pytest.approx(last, abs=0.01), "nothing is sent to it from then on"
        assert (seen["status"], seen["disabled_reason"], seen["enabled"]) == ("disabled", "failing", False)
        assert seen["failing_since"] is not None
        assert Counter(data["delivery_id"] for _, data in failed).most_common(1)[0][1] == 1
        assert {data["reason"] for _, data in failed} == {"exhausted"}
        assert len(failed) == len(await node.deliveries(status="failed"))
        assert waiting >= 3, "it goes on collecting"
        # Enabling resumes, and what failed before no longer counts.
        there.status["/hook"] = there.answers(500)
        await node.call("POST", f"/api/webhooks/{hook}/enable", json={})
        await days(there, node, 0.75)
        assert (await shown(node, hook))["status"] == "enabled"
        assert len(there.told("webhook.failing")) == 2
        there.status["/hook"] = there.answers(200)
        await days(there, node, 0.25)
        assert not await node.deliveries(status="pending")
        assert (await shown(node, hook))["failing_since"] is None
        kind, ended = any_database.partition(":")[0], ends[0][0]
        attempts = sum(day <= ended for day, *_ in there.got["/hook"])
        print(
            f"failing ({kind}): warned on days {warnings[0][0]:.2f} and {warnings[1][0]:.2f}, disabled on "
            f"day {ended:.2f} after {attempts} attempts; {waiting} gathered meanwhile and went out after "
            f"enabling; {len(failed)} delivery.failed, each once"
        )


async def test_one_success_a_day_keeps_it_enabled(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(sqlite_database, monkeypatch) as (there, node):
        hook = await hooks(node, retry_schedule=[HOUR])
        for _ in range(6):
            there.status["/hook"] = there.answers(500)
            await days(there, node, 0.75)
            there.status["/hook"] = there.answers(200)
            await days(there, node, 0.25)
        assert (await shown(node, hook))["status"] == "enabled"
        assert not there.told("webhook.failing")


async def test_held_attempts_do_not_count_as_failing(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(sqlite_database, monkeypatch) as (there, node):
        hook = await hooks(node, max_hold_seconds=6 * HOUR)
        there.status["/hook"] = there.answers(503, [("Retry-After", str(5 * HOUR))])
        await days(there, node, 6)
        seen = await shown(node, hook)
        assert len(there.got["/hook"]) > 10
        assert (seen["status"], seen["failing_since"]) == ("enabled", None)
        assert not there.told("webhook.failing")


async def test_too_few_failures_do_not_disable(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world(sqlite_database, monkeypatch) as (there, node):
        hook = await hooks(node, retry_schedule=[1])
        there.status["/hook"] = there.answers(500)
        await days(there, node, 8, every=2 * DAY)
        assert len(there.got["/hook"]) == 8
        assert (await shown(node, hook))["status"] == "enabled"
        assert [data["day"] for _, data in there.told("webhook.failing")] == [1, 3]


async def test_a_webhook_that_a_person_disabled_makes_no_deliveries(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(sqlite_database, monkeypatch) as (there, node):
        hook = await hooks(node)
        await node.call("POST", f"/api/webhooks/{hook}/disable")
        await days(there, node, 0.5)
        assert not await node.deliveries(type="call.happened")
        assert there.told("webhook.disabled")[0][1] == {"webhook_id": hook, "reason": "by_user"}


async def test_a_410_is_told_with_its_reason(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world(sqlite_database, monkeypatch) as (there, node):
        hook = await hooks(node)
        there.status["/hook"] = there.answers(410)
        await days(there, node, 0.5)
        assert [data for _, data in there.told("webhook.disabled")] == [
            {"webhook_id": hook, "reason": "gone"}
        ]
        assert len(await node.deliveries(status="pending")) == 2


@pytest.mark.parametrize("broken", ["never disables", "forgets its warnings", "counts no days"])
async def test_a_broken_rule_is_found(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """The control: the assertions of the proof fail when the rule or its memory is broken."""
    match broken:
        case "never disables":
            monkeypatch.setattr(failing, "DISABLE_AFTER_DAYS", 1000)
        case "forgets its warnings":

            async def forget(*_: Any) -> None:
                return None

            monkeypatch.setattr(telling.health, "mark_warned", forget)
        case "counts no days":
            monkeypatch.setattr("gateway.store.health._failure_day", lambda entry: 0)
    with pytest.raises(AssertionError):
        await test_six_days_of_failing(sqlite_database, monkeypatch)

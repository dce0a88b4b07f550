"""What comes after the deadline: it reaches whoever waits for it, is told as an event, and ends with the
person or the day.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from sqlalchemy import select, text

from gateway.store.tables import resolutions
from tests.enrich.conftest import OTHER, PHONE, creates, errors, resolve, rows, settled
from tests.support import receiver as r
from tests.support.clock import until
from tests.support.crm import Crm
from tests.support.node import Node, running_node
from tests.support.receiver import Received, Receiver

pytestmark = pytest.mark.anyio

HOUR = 3_600_000


class Gate:
    """Holds a CRM's answers until it is opened."""

    def __init__(self, crm: Crm) -> None:
        self.open = asyncio.Event()
        crm.gate = self

    async def __call__(self, request: Received) -> None:
        await self.open.wait()


async def look(node: Node, resolution_id: str, *, org: str = "acme", status: int = 200, **query: Any) -> Any:
    answer = await node.call("GET", f"/api/callers/resolutions/{resolution_id}", params=query, org=org)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_a_late_answer_reaches_who_waits_for_it(node: Node, crm: Crm) -> None:
    connector = await crm.join(node)
    crm.knows(PHONE, name="Ada Example")
    gate = Gate(crm)
    told = await resolve(node, deadline_ms=800, call_id="call_1")
    assert (told["status"], told["pending"], told["revision"]) == ("unknown", [connector.id], 0)
    assert await look(node, told["resolution_id"]) == told
    waiting = asyncio.create_task(look(node, told["resolution_id"], wait_ms=20_000))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    gate.open.set()
    found = await waiting
    assert (found["status"], found["source"], found["errors"]) == ("found", "fresh", [])
    assert (found["pending"], found["revision"]) == ([], 1)
    assert found["contact"]["name"] == "Ada Example"
    assert "name: Ada Example\n" in found["context"]
    assert found["elapsed_ms"] > told["elapsed_ms"]
    assert found["resolution_id"] == told["resolution_id"]
    await settled(node)
    assert not node.gateway.callers.resolutions._open
    assert await look(node, told["resolution_id"], wait_ms=20_000) == found  # out of the database, at once
    assert len(crm.asked()) == 1


async def test_an_answer_in_time_is_found_again_too(node: Node, crm: Crm) -> None:
    await crm.join(node)
    crm.knows(PHONE, name="Ada Example", company="Example Ltd")
    told = await resolve(node)
    assert (told["pending"], told["revision"]) == ([], 0)
    assert await look(node, told["resolution_id"]) == told
    await settled(node)
    assert await look(node, told["resolution_id"], wait_ms=20_000) == told
    nobody = await resolve(node, "anonymous")
    await settled(node)
    assert await look(node, nobody["resolution_id"]) == nobody


async def test_each_further_source_makes_a_new_form_of_the_answer(lite: Node, new_crm: Any) -> None:
    quick, slow, slowest = await new_crm(), await new_crm(), await new_crm()
    await quick.join(lite)
    second = await slow.join(lite, priority=1)
    third = await slowest.join(lite, priority=-1)
    quick.knows(PHONE, name="Quick", company="Quick Ltd")
    slow.knows(PHONE, name="Slow")
    gates = Gate(slow), Gate(slowest)
    told = await resolve(lite, deadline_ms=200)
    assert (told["status"], told["source"], told["contact"]["name"]) == ("found", "partial", "Quick")
    assert set(told["pending"]) == {second.id, third.id}
    gates[0].open.set()
    later = await look(lite, told["resolution_id"], wait_ms=20_000)
    assert (later["revision"], later["pending"], later["contact"]["name"]) == (1, [third.id], "Slow")
    assert later["contact"]["company"] == "Quick Ltd"
    assert (await look(lite, told["resolution_id"], wait_ms=20_000))["revision"] == 1  # at once
    begun = time.monotonic()
    assert (await look(lite, told["resolution_id"], wait_ms=150, after=1))["revision"] == 1
    assert time.monotonic() - begun >= 0.15
    waiting = asyncio.create_task(look(lite, told["resolution_id"], wait_ms=20_000, after=1))
    await asyncio.sleep(0.02)
    gates[1].open.set()
    last = await waiting
    assert (last["revision"], last["pending"], last["source"]) == (2, [], "fresh")


async def test_the_event_tells_ids_and_words_only(node: Node, crm: Crm) -> None:
    async with Receiver() as hears:
        await node.webhook(hears.url(), ["caller.resolved"])
        connector = await crm.join(node)
        crm.knows(PHONE, name="Ada Example", email="ada@example.com")
        gate = Gate(crm)
        told = await resolve(node, deadline_ms=400, call_id="call_1")
        gate.open.set()
        [request] = await hears.wait_for(1)
        body = request.json()
        assert body["type"] == "caller.resolved"
        assert body["data"] == {
            "resolution_id": told["resolution_id"], "call_id": "call_1", "status": "found", "source": "fresh",
            "pending": [], "revision": 1,
        }  # fmt: skip
        for personal in ("5550142", "Ada", "ada@", connector.url):
            assert personal not in request.body.decode()
        await resolve(node, deadline_ms=10_000)  # in time: nothing to announce
        await settled(node)
        assert len(hears.requests) == 1


async def test_the_last_word_is_told_also_when_it_is_no_better(lite: Node, crm: Crm) -> None:
    await crm.join(lite)
    gate = Gate(crm)
    crm.instead = r.answer(500)
    told = await resolve(lite, deadline_ms=400)
    gate.open.set()
    later = await look(lite, told["resolution_id"], wait_ms=20_000)
    assert (later["status"], errors(later), later["pending"]) == ("unknown", ["http_status"], [])


async def test_a_stranger_who_is_known_to_be_one_too_late_is_created_all_the_same(
    node: Node, crm: Crm
) -> None:
    await crm.join(node, create_contacts=True)
    gate = Gate(crm)
    told = await resolve(node, deadline_ms=400)
    assert told["status"] == "unknown"
    assert not crm.asked("contact.create")
    gate.open.set()
    assert (await look(node, told["resolution_id"], wait_ms=20_000))["status"] == "not_found"
    await until(lambda: len(crm.asked("contact.create")) == 1, "the contact is created")
    assert len(await creates(node)) == 1


async def test_another_organizations_resolution_is_not_there(node: Node, crm: Crm) -> None:
    await crm.join(node)
    await crm.join(node, "umbrella")
    gate = Gate(crm)
    told = await resolve(node, deadline_ms=400)
    assert (await look(node, told["resolution_id"], org="umbrella", status=404))["error"] == "not_found"
    gate.open.set()
    await settled(node)
    await look(node, told["resolution_id"], org="umbrella", status=404)
    await look(node, told["resolution_id"])


@pytest.mark.parametrize("made_up", ["res_1", "evt_01k9h5c2d4e6f8g1h3j5k7m9n1", "x", "res_zzzz", "res_é"])
async def test_what_never_was_is_not_there(lite: Node, crm: Crm, made_up: str) -> None:
    await crm.join(lite)
    begun = time.monotonic()
    await look(lite, made_up, status=404, wait_ms=20_000)
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    ("query", "field"),
    [({"wait_ms": "20001"}, "wait_ms"), ({"wait_ms": "-1"}, "wait_ms"), ({"after": "x"}, "after"), ({"q":
    "1"}, "q")],
)  # fmt: skip
async def test_mistakes_are_named(lite: Node, query: dict[str, str], field: str) -> None:
    await resolve(lite)
    found = await look(lite, "res_1", status=422, **query)
    assert [detail["field"] for detail in found["details"]] == [field]


async def test_whoever_may_read_may_look(lite: Node, crm: Crm) -> None:
    await crm.join(lite)
    told = await resolve(lite)
    path = f"/api/callers/resolutions/{told['resolution_id']}"
    for role in ("viewer", "operator", "admin"):
        assert (await lite.call("GET", path, key=await lite.new_key(role))).status_code == 200
    stranger = await lite.new_key("admin", "umbrella")
    assert (await lite.call("GET", path, key=stranger)).status_code == 404
    no_scope = await lite.new_key(None, scopes=["events:write"])
    assert (await lite.call("GET", path, key=no_scope, headers={"X-HUM-Org": "acme"})).status_code == 403


# Its end.


async def test_an_erased_person_is_gone_from_it_and_does_not_come_back_late(node: Node, crm: Crm) -> None:
    await crm.join(node)
    crm.knows(PHONE, name="Ada Example")
    before = await resolve(node)
    await settled(node)
    other = await resolve(node, OTHER)
    async with node.gateway.store.transaction() as tx:
        await tx.conn.execute(text("DELETE FROM connector_contacts"))
    gate = Gate(crm)
    open_one = await resolve(node, deadline_ms=400)
    answer = await node.call("POST", "/api/erasures", json={"phone": PHONE})
    assert answer.status_code == 200, answer.text
    for told in (before, open_one):
        await look(node, told["resolution_id"], status=404)
    gate.open.set()
    await settled(node)
    await look(node, open_one["resolution_id"], status=404)
    assert [row.id for row in await rows(node, resolutions)] == [other["resolution_id"]]


async def test_it_is_kept_for_a_day(node: Node, crm: Crm) -> None:
    await crm.join(node)
    told = await resolve(node)
    await settled(node)
    clock, now = node.gateway.clock, node.gateway.clock.now()
    removal = node.gateway.services.removal
    assert await removal.tidy_resolutions() == 0
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(clock, "now", lambda: now + 24 * HOUR + 1_000)
        await look(node, told["resolution_id"], status=404)
        assert await removal.tidy_resolutions() == 1
    assert await rows(node, resolutions) == []


async def test_one_whose_node_has_died_is_the_last_word_after_a_minute(node: Node, crm: Crm) -> None:
    connector = await crm.join(node)
    Gate(crm)
    told = await resolve(node, deadline_ms=400)
    await until(lambda: not node.gateway.callers.resolutions.waiting, "it is written")
    node.gateway.callers.resolutions._open.clear()  # as another node, or the same one after a new start
    assert (await look(node, told["resolution_id"], wait_ms=100))["pending"] == [connector.id]
    now = node.gateway.clock.now()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(node.gateway.clock, "now", lambda: now + 66_000)
        assert (await look(node, told["resolution_id"], wait_ms=20_000))["pending"] == []


@pytest.fixture
async def two(postgres_database: str) -> AsyncIterator[tuple[Node, Node]]:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(running_node(postgres_database))
        second = await stack.enter_async_context(running_node(postgres_database))
        yield first, second


async def test_any_node_brings_the_late_answer(two: tuple[Node, Node], crm: Crm) -> None:
    """Asked for at once, when the first node has hardly written it, and waited for there."""
    first, second = two
    await crm.join(first)
    crm.knows(PHONE, name="Ada Example")
    gate = Gate(crm)
    told = await resolve(first, deadline_ms=400)
    assert (await look(second, told["resolution_id"]))["status"] == "unknown"
    waiting = asyncio.create_task(look(second, told["resolution_id"], wait_ms=20_000))
    await asyncio.sleep(0.05)
    gate.open.set()
    assert (await waiting)["contact"]["name"] == "Ada Example"


async def test_what_is_stored_of_it_is_sealed(lite: Node, crm: Crm) -> None:
    await crm.join(lite)
    crm.knows(PHONE, name="Ada Example")
    await resolve(lite)
    await settled(lite)
    async with lite.gateway.store.reading() as conn:
        [row] = (await conn.execute(select(resolutions))).all()
    assert b"Ada" not in row.answer
    assert b"5550142" not in row.answer + bytes(row.person)

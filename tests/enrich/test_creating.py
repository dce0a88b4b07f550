"""Callers whom nobody knows are created: after the answer, once, and only when everybody has said so."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import text

from gateway.crm.wire import Question
from gateway.domain.ids import new_id
from gateway.enrich.creating import _encode
from gateway.store import connectors
from gateway.store.connector_creates import Pending
from tests.enrich.conftest import OTHER, PHONE, age, creates, logged, resolve, settled
from tests.support import receiver as r
from tests.support.clock import until
from tests.support.crm import Crm, json_answer
from tests.support.node import Node, running_node

pytestmark = pytest.mark.anyio

NewCrm = Callable[[], Awaitable[Crm]]


def made(crm: Crm) -> list[Any]:
    return crm.asked("contact.create")


async def due(node: Node, **values: Any) -> None:
    """Whatever is pending may be tried now."""
    async with node.gateway.store.transaction() as tx:
        await tx.conn.execute(text("UPDATE connector_creates SET due_at = 0 WHERE state = 'pending'"))


async def test_after_the_answer_the_caller_is_created_and_then_known(node: Node, crm: Crm) -> None:
    await crm.join(node, create_contacts=True)
    found = await resolve(node, call_id="call_1")
    assert (found["status"], found["contact"]) == ("not_found", None)
    await settled(node)
    [request] = made(crm)
    assert request.json() == {"phone": PHONE, "source": "hum", "call_id": "call_1"}
    [row] = await creates(node)
    assert (row.state, row.tries, row.inquiry, row.due_at) == ("done", 1, None, None)
    assert row.delivery_id == request.header("X-HUM-Delivery")
    crm.contacts.clear()  # the CRM's search does not see it yet
    found = await resolve(node)
    assert (found["status"], found["source"]) == ("found", "fresh")
    assert found["contact"]["crm"][0]["contact_id"] == "c_1"
    assert [row.kind for row in await logged(node)] == ["lookup", "create"]


async def test_a_contact_that_existed_is_known(lite: Node, crm: Crm) -> None:
    await crm.join(lite, create_contacts=True)
    crm.knows(PHONE, name="Ada Example")
    await resolve_anew(lite, PHONE, crm)  # its search does not find what it has
    assert (await creates(lite))[0].state == "done"
    found = await resolve(lite)
    assert (found["status"], found["contact"]["name"]) == ("found", "Ada Example")
    assert len(made(crm)) == 1


@pytest.mark.proof
async def test_twenty_resolves_at_once_create_one_contact(any_database: str, new_crm: NewCrm) -> None:
    """Two nodes on PostgreSQL, one on SQLite. Control: without the claim there are more."""
    for with_claim in (True, False):
        crm = await new_crm()
        nodes = 1 if any_database.startswith("sqlite") else 2
        async with running_node(any_database) as first:
            others = [first]
            if nodes == 2:
                second = running_node(any_database)
                others.append(await second.__aenter__())
            org = f"org-{with_claim}"
            await crm.join(first, org, create_contacts=True)
            crm.delay = 0.3  # on a busy machine, too, all have asked before it answers the first
            for node in others:
                await node.gateway.directory.refresh()
                node.gateway.creates._is_new = lambda *_: True  # type: ignore[method-assign]
                if not with_claim:
                    node.gateway.creates._claim = careless(node)  # type: ignore[method-assign]
            found = await asyncio.gather(
                *(resolve(others[n % nodes], org=org, deadline_ms=10_000) for n in range(20))
            )
            assert {one["status"] for one in found} <= {"not_found", "found"}
            for node in others:
                await settled(node)
            # Whoever had no place for its try when it got the claim has left it to those who look.
            await asyncio.gather(*(node.gateway.creates.make_due() for node in others for _ in range(3)))
            for node in others:
                await settled(node)
            if nodes == 2:
                await second.__aexit__(None, None, None)
        count = len(made(crm))
        if with_claim:
            print(f"20 resolves at once on {nodes} node(s): {count} contact created")
            assert count == 1
        else:
            print(f"   control: without the claim {count} creates")
            assert count > 1


def careless(node: Node) -> Any:
    """The control: everybody takes it."""

    async def claim(org: Any, connectors: Any, inquiry: Any, person: bytes, begun_at: int) -> Any:
        question = _encode(Question(inquiry.phone))
        now = node.gateway.clock.now()
        return [
            (one, Pending(one.id, person, org.id, new_id("dlv", now), 1, question)) for one, _ in connectors
        ]

    return claim


async def test_nobody_is_created_unless_every_source_says_not_found(lite: Node, new_crm: NewCrm) -> None:
    creating, other = await new_crm(), await new_crm()
    await creating.join(lite, create_contacts=True)
    await other.join(lite)
    other.instead = r.answer(503)
    assert (await resolve(lite))["status"] == "unknown"
    other.instead = None
    other.knows(OTHER, name="Ada Example")
    assert (await resolve(lite, OTHER))["status"] == "found"
    await settled(lite)
    assert made(creating) == [] == await creates(lite)
    assert (await resolve(lite))["status"] == "not_found"
    await settled(lite)
    assert len(made(creating)) == 1
    assert made(other) == []  # which is not to create any


@pytest.mark.parametrize("phone", ["anonymous", "", "911", "+266696687", "nobody"])
async def test_what_is_no_number_is_never_created(lite: Node, crm: Crm, phone: str) -> None:
    await crm.join(lite, create_contacts=True)
    await resolve(lite, phone)
    assert await creates(lite) == []
    assert not crm.receiver.requests


async def test_three_tries_under_one_delivery(node: Node, crm: Crm) -> None:
    connector = await crm.join(node, create_contacts=True)
    assert (await resolve(node))["status"] == "not_found"
    await settled(node)
    crm.contacts.clear()
    crm.receiver.requests.clear()
    gateway = node.gateway
    crm.instead = r.answer(502)
    await resolve_anew(node, OTHER, crm)
    await settled(node)
    assert len(made(crm)) == 1
    for tries, state in ((2, "pending"), (3, "failed")):
        assert await gateway.creates.make_due() == 0  # it is not due yet
        await due(node)
        assert await gateway.creates.make_due() == 1
        row = next(row for row in await creates(node) if row.state != "done")
        assert (row.tries, row.state) == (tries, state)
    await due(node)
    assert await gateway.creates.make_due() == 0
    assert len(made(crm)) == 3
    assert len({request.header("X-HUM-Delivery") for request in made(crm)}) == 1
    assert len({request.header("webhook-id") for request in made(crm)}) == 1
    assert row.inquiry is None
    assert connector.id == row.connector_id


async def resolve_anew(node: Node, phone: str, crm: Crm) -> None:
    """A resolve in which the lookup finds nobody, and the create meets what the CRM does instead."""
    instead = crm.instead

    async def behave(wire: Any, request: Any) -> bool:
        if request.header("X-HUM-Event") == "contact.lookup":
            return await json_answer({"found": False})(wire, request)
        if instead is not None:
            return await instead(wire, request)
        crm.instead = None
        return await crm(wire, request)

    crm.instead = behave
    assert (await resolve(node, phone))["status"] == "not_found"


async def test_what_was_given_up_may_be_tried_again_after_an_hour(lite: Node, crm: Crm) -> None:
    await crm.join(lite, create_contacts=True)
    crm.instead = r.answer(502)
    await resolve_anew(lite, PHONE, crm)
    await settled(lite)
    for _ in range(2):
        await due(lite)
        await lite.gateway.creates.make_due()
    [row] = await creates(lite)
    assert row.state == "failed"
    crm.instead = None
    await again(lite)
    assert len(made(crm)) == 3
    async with lite.gateway.store.transaction() as tx:
        await tx.conn.execute(text("UPDATE connector_creates SET completed_at = completed_at - 3600000"))
    await again(lite)
    assert len(made(crm)) == 4
    assert len({request.header("X-HUM-Delivery") for request in made(crm)}) == 1
    assert (await creates(lite))[0].state == "done"


async def again(node: Node) -> None:
    """The same caller, when it was forgotten that nobody knows it."""
    await age(node, 130)
    node.gateway.creates._asked.clear()
    await resolve(node)
    await settled(node)


async def test_what_a_node_left_behind_another_finishes(any_database: str, crm: Crm) -> None:
    async with running_node(any_database) as node:
        await crm.join(node, create_contacts=True)
        crm.instead = r.silence()
        await resolve_anew(node, PHONE, crm)
        await until(lambda: len(made(crm)) == 1, "the first try is on its way")
    crm.instead = None
    async with running_node(any_database) as node:
        assert await node.gateway.creates.make_due() == 0  # the first may still be under way
        await due(node)
        assert await node.gateway.creates.make_due() == 1
        [row] = await creates(node)
        assert (row.state, row.tries) == ("done", 2)
    first, second = made(crm)
    assert first.header("X-HUM-Delivery") == second.header("X-HUM-Delivery")


async def test_of_two_that_look_one_makes_the_try(node: Node, crm: Crm) -> None:
    await crm.join(node, create_contacts=True)
    crm.instead = r.answer(502)
    await resolve_anew(node, PHONE, crm)
    await settled(node)
    await due(node)
    counts = await asyncio.gather(*(node.gateway.creates.make_due() for _ in range(5)))
    assert Counter(counts) == {0: 4, 1: 1}
    assert len(made(crm)) == 2


async def test_a_connector_that_was_disabled_is_not_asked_any_more(lite: Node, crm: Crm) -> None:
    connector = await crm.join(lite, create_contacts=True)
    crm.instead = r.answer(502)
    await resolve_anew(lite, PHONE, crm)
    await settled(lite)
    async with lite.gateway.store.transaction() as tx:
        await connectors.disable(tx, "acme", connector.id, "by_user", lite.gateway.clock.now())
    await due(lite)
    assert await lite.gateway.creates.make_due() == 0
    assert (await creates(lite))[0].state == "failed"
    assert len(made(crm)) == 1


async def test_an_erased_person_is_not_created_any_more(lite: Node, crm: Crm) -> None:
    await crm.join(lite, create_contacts=True)
    crm.instead = r.answer(502)
    await resolve_anew(lite, PHONE, crm)
    await settled(lite)
    answer = await lite.call("POST", "/api/erasures", json={"phone": PHONE})
    assert answer.status_code == 200
    assert await creates(lite) == []
    assert await lite.gateway.creates.make_due() == 0


async def test_whom_it_is_about_stands_nowhere_in_the_clear(lite: Node, crm: Crm) -> None:
    await crm.join(lite, create_contacts=True)
    crm.instead = r.answer(502)
    await resolve_anew(lite, PHONE, crm)
    [row] = await creates(lite)
    assert "5550142" not in repr(tuple(row))


async def test_a_connector_that_hangs_holds_up_no_other(lite: Node, new_crm: NewCrm) -> None:
    hung, well = await new_crm(), await new_crm()
    await hung.join(lite, "stuck", create_contacts=True)
    await well.join(lite, "acme", create_contacts=True)
    hung.instead = r.silence()
    silent = hung.instead

    async def behave(wire: Any, request: Any) -> bool:
        if request.header("X-HUM-Event") == "contact.lookup":
            return await json_answer({"found": False})(wire, request)
        return await silent(wire, request)

    hung.instead = behave
    for n in range(20):
        await resolve(lite, f"+1317555{n:04}", org="stuck")
    await until(lambda: len(made(hung)) == 8, "as many as it may have are under way")
    await resolve(lite)
    await until(lambda: len(made(well)) == 1, "the other one creates")
    await lite.gateway.creates.make_due()
    assert len(made(hung)) == 8
    await until(lambda: len(lite.gateway.creates._tasks) == 8, "the others wait in the database")
    hung.instead = None
    await lite.gateway.creates.stop()
    assert lite.gateway.creates._open.total() == 0
    assert await lite.gateway.creates.make_due() == 8
    assert await lite.gateway.creates.make_due() == 4
    states = Counter((row.state, row.tries) for row in await creates(lite))
    assert states == {("done", 1): 13, ("pending", 1): 8}  # broken off: taken up when they are overdue

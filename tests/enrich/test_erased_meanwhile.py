"""Whoever is erased while somebody wants to know about them is neither asked for any more nor written back,
however long after the erasure the question would have been put."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import text

from gateway.demo.twilio import TwilioDouble
from gateway.store import erased_people
from gateway.store.tables import connector_creates, contact_facts, number_lookups
from tests.enrich.conftest import errors, resolve, rows, settled
from tests.enrich.test_backfill import ask, finished, people, quick
from tests.enrich.test_numbers import account, held, over
from tests.support import receiver as r
from tests.support.clock import until
from tests.support.crm import Crm
from tests.support.node import Node, running_node
from tests.support.receiver import Received, Wire

pytestmark = pytest.mark.anyio

ADA = "+13175550142"
OTHERS = tuple(f"+1317555{n:04}" for n in range(200, 212))


@pytest.fixture
def twilio() -> Iterator[TwilioDouble]:
    with TwilioDouble() as running:
        yield running


@pytest.fixture
async def node(any_database: str, twilio: TwilioDouble) -> AsyncIterator[Node]:
    async with running_node(any_database, **account(twilio)) as made:
        yield quick(made)


@pytest.fixture(autouse=True)
def clocks_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was wanted before the erasure is told from what was wanted after it, and not by the allowance for
    clocks that differ."""
    monkeypatch.setattr(erased_people, "SLACK_MS", 0)


async def erase(node: Node, phone: str = ADA) -> None:
    answered = await node.call("POST", "/api/erasures", json={"phone": phone, "force": True})
    assert answered.status_code == 200, answered.text
    await asyncio.sleep(0.002)  # what follows begins in a later millisecond


async def is_gone(node: Node, phone: str = ADA) -> None:
    await over(node)
    assert (await node.call("GET", f"/api/contacts/{phone}")).status_code == 404
    person = (await node.gateway.directory.living("acme")).organization.cipher.person(phone)
    assert person not in [bytes(row.person) for row in await rows(node, number_lookups)]
    assert phone not in [row.phone for row in await rows(node, contact_facts)]


def asked_for(twilio: TwilioDouble, phone: str = ADA) -> int:
    return sum(one.phone == phone for one in twilio.asked)


@pytest.mark.parametrize("how", ["erased", "deleted"])
async def test_a_backfill_that_has_read_its_slice_does_not_ask_for_them(
    node: Node, twilio: TwilioDouble, how: str
) -> None:
    await people(node, *OTHERS, ADA)
    shown = await ask(node, dry_run=True)
    async with held(twilio):
        job = await ask(node, 202, confirm_cost=shown["cost"]["amount"])
        await until(lambda: bool(twilio.asked), "the first are asked for")
        if how == "erased":
            await erase(node)
        else:
            assert (await node.call("DELETE", f"/api/contacts/{ADA}")).status_code == 204
    done = await finished(node, job)
    assert (done["status"], done["done"], done["failed"]) == ("done", len(OTHERS), 1)
    assert asked_for(twilio) == 0
    await is_gone(node)


async def test_a_call_that_waits_behind_anothers_claim_does_not_ask_for_them(
    node: Node, twilio: TwilioDouble
) -> None:
    """The claim goes with the erasure; whoever waited for it must not take its place."""
    view, _ = await node.gateway.directory.ensure("acme")
    person, now = view.organization.cipher.person(ADA), node.gateway.clock.now()
    async with node.gateway.store.transaction() as tx:
        await tx.conn.execute(
            text(
                "INSERT INTO number_lookups (org_id, person, asked_at, expires_at, claim, claimed_until)"
                " VALUES ('acme', :person, 0, :expires_at, 'lkp_of_a_dead_node', :until)"
            ),
            {"person": person, "expires_at": now + 86_400_000, "until": now + 30_000},
        )
    assert (await resolve(node, ADA, deadline_ms=100))["pending"] == ["lookup"]
    await erase(node)
    await is_gone(node)
    assert asked_for(twilio) == 0


async def test_who_calls_after_the_erasure_is_asked_for(node: Node, twilio: TwilioDouble) -> None:
    await people(node, ADA)
    await erase(node)
    assert (await resolve(node, ADA, deadline_ms=5_000))["status"] == "found"
    assert asked_for(twilio) == 1
    assert (await node.call("GET", f"/api/contacts/{ADA}")).status_code == 200


async def test_who_calls_again_does_not_suffer_from_a_call_before_the_erasure(
    node: Node, twilio: TwilioDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both share one flight; the one that begins later has it asked anew."""
    lookups, flights = node.gateway.lookups, node.gateway.lookups._flights
    read, join, joined = lookups._read, flights.join, []
    waiting, gate = asyncio.Event(), asyncio.Event()

    async def hold(*wanted: Any) -> Any:
        waiting.set()
        await gate.wait()
        return await read(*wanted)

    def counted(*wanted: Any) -> Any:
        joined.append(wanted)
        return join(*wanted)

    monkeypatch.setattr(lookups, "_read", hold)
    monkeypatch.setattr(flights, "join", counted)
    await people(node, ADA)
    before = asyncio.create_task(resolve(node, ADA, deadline_ms=5_000))
    await waiting.wait()
    await erase(node)
    after = asyncio.create_task(resolve(node, ADA, deadline_ms=5_000))
    await until(lambda: len(joined) == 2, "both wait")
    gate.set()
    assert "erased" in errors(await before)
    assert (await after)["status"] == "found"


async def test_what_connectors_tell_a_backfill_of_somebody_erased_meanwhile_is_not_kept(
    node: Node, new_crm: Callable[[], Awaitable[Crm]]
) -> None:
    """Both are asked at once, and answer after the erasure."""
    first, second, gate = await new_crm(), await new_crm(), asyncio.Event()
    await first.join(node, priority=2, timeout_ms=30_000)  # the second does not come because this one gave up
    await second.join(node, priority=1, timeout_ms=30_000)
    for one in (first, second):
        one.knows(ADA, name="Ada Secret")

    async def hold(request: Received) -> None:
        await gate.wait()

    first.gate = second.gate = hold
    await people(node, ADA)
    job = await ask(node, 202, source="connectors")
    await until(lambda: bool(first.asked() and second.asked()), "both are asked")
    await erase(node)
    gate.set()
    await finished(node, job)
    await is_gone(node)
    assert (len(first.asked()), len(second.asked())) == (1, 1)


async def test_a_second_question_of_a_call_is_of_the_time_of_the_call(
    node: Node, crm: Crm, twilio: TwilioDouble
) -> None:
    """A connector that gave up because of the deadline is asked once more, after the erasure."""
    gate = asyncio.Event()
    await crm.join(node)
    crm.knows(ADA, name="Ada Secret")
    twilio.nobody(ADA)

    async def give_up_first(wire: Wire, request: Received) -> bool:
        await gate.wait()
        crm.instead = None
        return await r.answer(503)(wire, request)

    crm.instead = give_up_first
    await resolve(node, ADA, deadline_ms=100)
    await erase(node)
    gate.set()
    await settled(node)
    assert len(crm.asked()) == 2
    await is_gone(node)


async def test_nobody_is_created_for_a_call_before_the_erasure(node: Node, crm: Crm) -> None:
    gate = asyncio.Event()
    await crm.join(node, create_contacts=True)
    node.gateway.lookups._credentials = None  # nothing but the connector is asked

    async def hold(request: Received) -> None:
        await gate.wait()

    crm.gate = hold
    await resolve(node, ADA, deadline_ms=50)
    await erase(node)
    gate.set()
    await settled(node)
    assert not await rows(node, connector_creates)
    assert ADA not in crm.contacts
    await is_gone(node)

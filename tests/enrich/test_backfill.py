"""Filling the address book from lookups of numbers and from connectors: estimated, confirmed, never twice."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.demo.twilio import TwilioDouble
from gateway.domain.backfill import Filled
from gateway.manage.backfill_work import Asking
from gateway.manage.jobs import NotOurs
from gateway.store import contacts as book
from gateway.store.tables import contact_facts, jobs, lookup_days, number_lookups
from tests.enrich.conftest import resolve, rows, settled
from tests.enrich.test_numbers import LINE, NAME, account, held, instead, over, set_up
from tests.support.backfilling import filled_through_many_deaths
from tests.support.clock import until
from tests.support.crm import Crm
from tests.support.node import Node, running_node
from tests.support.receiver import Received

pytestmark = pytest.mark.anyio

US = tuple(f"+1317555{n:04}" for n in range(100, 112))
ABROAD = ("+4930123456", "+442079460018")


@pytest.fixture
def twilio() -> Iterator[TwilioDouble]:
    with TwilioDouble() as running:
        yield running


def quick(node: Node) -> Node:
    node.gateway.backfills.asking.per_second = 10_000.0
    return node


@pytest.fixture
async def node(any_database: str, twilio: TwilioDouble) -> AsyncIterator[Node]:
    async with running_node(any_database, **account(twilio)) as made:
        yield quick(made)


@pytest.fixture
async def lite(sqlite_database: str, twilio: TwilioDouble) -> AsyncIterator[Node]:
    async with running_node(sqlite_database, **account(twilio)) as made:
        yield quick(made)


async def people(node: Node, *phones: str, org: str = "acme") -> None:
    """A person writes them into the address book."""
    view, _ = await node.gateway.directory.ensure(org)
    now = node.gateway.clock.now()
    async with node.gateway.store.transaction() as tx:
        for phone in phones:
            await book.add(tx, view.organization.cipher, org, phone, now)


async def ask(node: Node, status: int = 200, **fields: Any) -> dict[str, Any]:
    body = {"source": "twilio", **fields}
    answer = await node.call("POST", "/api/contacts/backfill", json=body)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def finished(node: Node, job: dict[str, Any], seconds: float = 60) -> dict[str, Any]:
    ends = time.monotonic() + seconds
    while True:
        found: dict[str, Any] = (await node.call("GET", f"/api/jobs/{job['id']}")).json()
        if found["status"] != "running":
            return found
        assert time.monotonic() < ends, found
        await asyncio.sleep(0.02)


async def test_what_is_missing_is_estimated_confirmed_and_asked_for_once(
    node: Node, twilio: TwilioDouble
) -> None:
    await people(node, *US, *ABROAD)
    await resolve(node, US[0])
    await over(node)
    shown = await ask(node, dry_run=True)
    # Eleven with a name for 0.018 each, two without for 0.008.
    assert shown == {"matched": 13, "cost": {"currency": "USD", "amount": "0.214"}}
    assert len(twilio.asked) == 1
    job = await ask(node, 202, confirm_cost="0.214")
    assert (job["kind"], job["matched"], job["object_id"]) == ("backfill", 13, None)
    done = await finished(node, job)
    assert (done["status"], done["done"], done["failed"]) == ("done", 13, 0)
    wanted = {(phone, LINE): 1 for phone in (*US, *ABROAD)} | {(phone, NAME): 1 for phone in US}
    assert twilio.charged() == wanted
    assert (await ask(node, dry_run=True))["matched"] == 0
    assert len({fact.phone for fact in await rows(node, contact_facts)}) == 14
    # A backfill has no part in the day's budget, and its job names nobody.
    assert [row.used for row in await rows(node, lookup_days)] == [1]
    [row] = await rows(node, jobs)
    assert not any(phone.lstrip("+") in str(row.cursor) for phone in (*US, *ABROAD))


async def test_another_amount_is_refused(lite: Node, twilio: TwilioDouble) -> None:
    await people(lite, *US[:2])
    amount = (await ask(lite, dry_run=True))["cost"]["amount"]
    await people(lite, US[2])
    assert (await ask(lite, 409, confirm_cost=amount))["error"] == "cost_changed"
    refused = await ask(lite, 422)
    assert refused["details"][0]["field"] == "confirm_cost"
    assert (await ask(lite, 422, confirm_cost="a lot"))["details"][0]["field"] == "confirm_cost"
    assert (await ask(lite, 422, source="facebook"))["details"][0]["field"] == "source"
    assert twilio.asked == []
    # The same amount in other digits is the same.
    job = await ask(lite, 202, confirm_cost="0.0540")
    assert (await finished(lite, job))["done"] == 3


async def test_everything_again_when_it_is_wanted(lite: Node, twilio: TwilioDouble) -> None:
    await people(lite, US[0])
    await resolve(lite, US[0])
    await over(lite)
    assert (await ask(lite, dry_run=True))["matched"] == 0
    amount = (await ask(lite, dry_run=True, only_missing=False))["cost"]["amount"]
    job = await ask(lite, 202, only_missing=False, confirm_cost=amount)
    assert (await finished(lite, job))["done"] == 1
    assert twilio.charged() == {(US[0], LINE): 2, (US[0], NAME): 2}


async def test_a_job_ends_when_it_is_cancelled_and_keeps_what_it_learned(
    lite: Node, twilio: TwilioDouble
) -> None:
    await people(lite, *US)
    amount = (await ask(lite, dry_run=True))["cost"]["amount"]
    twilio.ungated = 1
    async with held(twilio) as gate:
        job = await ask(lite, 202, confirm_cost=amount)
        assert (await ask(lite, 409, confirm_cost=amount))["error"] == "job_running"
        await until(lambda: len(twilio.asked) == 10, "the first part is out")
        await lite.call("POST", f"/api/jobs/{job['id']}/cancel")
        done = await finished(lite, job)  # before any of them is answered
        assert (done["status"], len(twilio.asked)) == ("cancelled", 10)
        assert len(lite.gateway.lookups) == 9
        gate.set()
    await over(lite)
    assert len(twilio.asked) == 10
    assert (await ask(lite, dry_run=True))["matched"] == 2


async def test_it_ends_at_once_also_while_a_connector_hangs(
    node: Node, new_crm: Callable[[], Awaitable[Crm]]
) -> None:
    """Two connectors, asked at once: what the one that hangs says in the end is kept."""
    first, second = await new_crm(), await new_crm()
    await first.join(node, timeout_ms=30_000, priority=5)
    await second.join(node)
    first.knows(US[0], name="Ada Example")
    gate = asyncio.Event()

    async def hang(request: Received) -> None:
        await gate.wait()

    first.gate = hang
    await people(node, US[0])
    job = await ask(node, 202, source="connectors")
    await until(lambda: bool(first.asked()), "the first is asked")
    await node.call("POST", f"/api/jobs/{job['id']}/cancel")
    assert (await finished(node, job))["status"] == "cancelled"
    assert not gate.is_set()
    gate.set()
    await settled(node)
    found = (await node.call("GET", f"/api/contacts/{US[0]}")).json()
    assert found["name"] == "Ada Example"
    assert (len(first.asked()), len(second.asked())) == (1, 1)


async def test_one_organizations_hanging_connector_holds_up_no_others_backfill(
    node: Node, twilio: TwilioDouble, new_crm: Callable[[], Awaitable[Crm]]
) -> None:
    """Three hang, and a fourth goes on beside them; with four that hang a fifth waits until one has ended."""
    crm, gate = await new_crm(), asyncio.Event()

    async def hang(request: Received) -> None:
        await gate.wait()

    crm.gate = hang
    jobs_of = {}

    async def order(org: str, source: str, **fields: Any) -> None:
        if source == "connectors":
            await crm.join(node, org, timeout_ms=30_000)
        await people(node, US[0], org=org)
        body = {"source": source, **fields}
        answer = await node.call("POST", "/api/contacts/backfill", json=body, org=org)
        assert answer.status_code == 202, answer.text
        jobs_of[org] = answer.json()["id"]

    async def status(org: str) -> str:
        return str((await node.call("GET", f"/api/jobs/{jobs_of[org]}", org=org)).json()["status"])

    async def over_soon(org: str) -> str:
        async with asyncio.timeout(20):
            while (found := await status(org)) == "running":
                await asyncio.sleep(0.02)
        return found

    for number in range(3):
        await order(f"hangs{number}", "connectors")
    await until(lambda: len(crm.asked()) == 3, "three hang")
    await order("quick", "twilio", confirm_cost="0.018")
    assert await over_soon("quick") == "done"
    await order("hangs3", "connectors")
    await until(lambda: len(crm.asked()) == 4, "four hang")
    await order("late", "twilio", confirm_cost="0.018")
    assert len(node.gateway.backfill_jobs._under_way) == 4
    await order("never", "twilio", confirm_cost="0.018")
    await node.call("POST", f"/api/jobs/{jobs_of['never']}/cancel", org="never")
    assert (await over_soon("never"), await status("late")) == ("cancelled", "running")
    await node.call("POST", f"/api/jobs/{jobs_of['hangs3']}/cancel", org="hangs3")
    assert (await over_soon("hangs3"), await over_soon("late")) == ("cancelled", "done")
    assert [await status(f"hangs{number}") for number in range(3)] == ["running"] * 3
    assert twilio.charged()[US[0], LINE] == 2  # each organization's own
    gate.set()
    assert {await over_soon(f"hangs{number}") for number in range(3)} == {"done"}
    assert len(crm.asked()) == 4


async def test_what_all_pay_for_is_paced_together(lite: Node) -> None:
    """The installation's account: whoever comes second waits for the first one's share as well. A connector,
    and an account of one's own, are nobody else's."""
    waits: list[float] = []

    class Still:
        def monotonic(self) -> float:
            return 100.0

        async def sleep(self, seconds: float) -> None:
            waits[-1] = round(waits[-1] + seconds, 3)

    asking: Any = Asking(lite.gateway.store, lite.gateway.backfills.asking._filling)
    asking.clock = Still()
    for org, source, own in (
        ("a", "twilio", False),
        ("b", "twilio", False),
        ("a", "connectors", False),
        ("b", "connectors", False),
        ("c", "twilio", True),
        ("c", "twilio", True),
    ):
        credentials = "theirs" if own else None
        of_org = SimpleNamespace(id=org, organization=SimpleNamespace(lookup_credentials=credentials))
        waits.append(0.0)
        await asking.rest(SimpleNamespace(source=source, org=of_org), "job_1", 100.0, 10)
    assert waits == [1.0, 2.0, 1.0, 1.0, 1.0, 2.0]

    async def cancelled(job_id: str) -> bool:
        return True

    asking.is_to_end = cancelled
    with pytest.raises(NotOurs):
        await asking.rest(SimpleNamespace(source="twilio", org=of_org), "job_1", 100.0, 10)


async def test_a_job_goes_on_after_a_death_and_asks_for_nothing_twice(
    any_database: str, twilio: TwilioDouble
) -> None:
    """The node dies with ten questions out: whether they cost something nobody knows, so they are not put
    again."""
    async with running_node(any_database, **account(twilio)) as first:
        quick(first)
        await people(first, *US)
        amount = (await ask(first, dry_run=True))["cost"]["amount"]
        twilio.ungated = 1
        twilio.gate = gate = threading.Event()
        job = await ask(first, 202, confirm_cost=amount)
        await until(lambda: len(twilio.asked) == 10, "the first part is out")
        await first.gateway.lookups.stop()  # the answers are never heard
    gate.set()
    twilio.gate = None
    async with running_node(any_database, **account(twilio)) as second:
        quick(second)
        async with second.gateway.store.transaction() as tx:
            await tx.conn.execute(number_lookups.update().values(claimed_until=0))
        done = await finished(second, job)
    # One was answered, but not counted when the node died: it is no question any more.
    assert (done["status"], done["done"], done["failed"]) == ("done", 2, 9)
    assert set(twilio.charged().values()) == {1}
    assert len(twilio.asked) == 12


@pytest.mark.proof
@pytest.mark.long
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_no_number_is_asked_for_twice_through_many_deaths(kind: str, tmp_path: Path) -> None:
    """Its short form and control: `tests/acceptance/test_kill_points.py`."""
    filled = await filled_through_many_deaths(kind, tmp_path, count=150, deaths=5)
    filled.check()
    print(f"backfill ({kind}): {filled}")


async def test_what_may_have_cost_is_not_asked_for_again(lite: Node, twilio: TwilioDouble) -> None:
    await people(lite, *US[:3])
    twilio.instead = lambda asked: instead(500)(asked) if asked.phone == US[1] else twilio.usual(asked)
    job = await ask(lite, 202, confirm_cost="0.054")
    done = await finished(lite, job)
    assert (done["status"], done["done"], done["failed"]) == ("done", 2, 1)
    assert len(twilio.asked) == 3


async def test_it_waits_while_the_provider_wants_to_be_left_alone(lite: Node, twilio: TwilioDouble) -> None:
    await people(lite, US[0])
    twilio.instead = instead(429)
    job = await ask(lite, 202, confirm_cost="0.018")
    await until(lambda: twilio.asked, "it has been refused once")
    twilio.instead = None
    done = await finished(lite, job)
    assert (done["status"], done["done"], done["failed"]) == ("done", 1, 0)


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        ((401, 20003), "backfill_refused"),
        ((403, 20403), "backfill_forbidden"),
        ((403, 20005), "backfill_suspended"),
    ],
)
async def test_an_account_that_is_refused_ends_it_after_one_question(
    node: Node, twilio: TwilioDouble, refusal: tuple[int, int], error: str
) -> None:
    """It has cost nothing, and everything can be had when the account is mended."""
    await people(node, *US, *ABROAD)
    good, twilio.account, twilio.refusal = twilio.account, ("other", "other"), refusal
    shown = await ask(node, dry_run=True)
    assert twilio.refused == 0
    done = await finished(node, await ask(node, 202, confirm_cost=shown["cost"]["amount"]))
    assert (done["status"], done["error"], done["done"], done["failed"]) == ("failed", error, 0, 0)
    assert (twilio.refused, twilio.asked) == (1, [])
    again = await node.call("POST", f"/api/jobs/{done['id']}/cancel")
    assert again.json()["error"] == "job_over"
    twilio.account = good
    assert await ask(node, dry_run=True) == shown
    done = await finished(node, await ask(node, 202, confirm_cost=shown["cost"]["amount"]))
    assert (done["status"], done["done"], done["failed"]) == ("done", 14, 0)
    assert set(twilio.charged().values()) == {1}


async def test_who_is_not_asked_for_says_nothing_of_the_account(
    lite: Node, twilio: TwilioDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first two have gone out of the address book by then: the third is the one question."""
    await people(lite, *US)
    twilio.account = ("other", "other")
    at_provider, gone = lite.gateway.backfills.asking._filling.at_provider, set(US[:2])

    async def asked(org: Any, phone: str, errand: Any) -> Any:
        if phone in gone:
            return Filled("gone", unasked=True)
        return await at_provider(org, phone, errand)

    monkeypatch.setattr(lite.gateway.backfills.asking._filling, "at_provider", asked)
    amount = (await ask(lite, dry_run=True))["cost"]["amount"]
    done = await finished(lite, await ask(lite, 202, confirm_cost=amount))
    assert (done["status"], done["error"], twilio.refused) == ("failed", "backfill_refused", 1)


async def test_from_connectors_it_costs_nothing(
    lite: Node, twilio: TwilioDouble, new_crm: Callable[[], Awaitable[Crm]]
) -> None:
    crm = await new_crm()
    await crm.join(lite)
    await people(lite, *US[:3])
    await set_up(lite, own_numbers=[US[2]])
    crm.knows(US[0], name="Ada Example")
    assert await ask(lite, source="connectors", dry_run=True) == {
        "matched": 2, "cost": {"currency": "USD", "amount": "0.00"},
    }  # fmt: skip
    done = await finished(lite, await ask(lite, 202, source="connectors"))
    assert (done["status"], done["done"], done["failed"]) == ("done", 2, 0)
    await settled(lite)
    assert crm.phones_asked() == {US[0]: 1, US[1]: 1} and twilio.asked == []
    assert (await ask(lite, source="connectors", dry_run=True))["matched"] == 1  # one whom it does not know


async def test_only_admins_order_it(lite: Node, twilio: TwilioDouble) -> None:
    key = await lite.new_key("operator")
    answer = await lite.call(
        "POST", "/api/contacts/backfill", key=key, json={"source": "twilio", "dry_run": True}
    )
    assert answer.status_code == 403

"""Who may spend whose money on lookups of numbers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from gateway.demo.twilio import ACCOUNT_SID, AUTH_TOKEN, TwilioDouble
from tests.enrich.conftest import errors, resolve
from tests.enrich.test_backfill import ask, finished, people, quick
from tests.enrich.test_numbers import HOUR, account, age, held, instead, over, used
from tests.support.clock import until
from tests.support.node import Node, running_node

pytestmark = pytest.mark.anyio

PHONES = tuple(f"+1317555{n:04}" for n in range(100, 130))
OWN = {"lookup_credentials": {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN}}


@pytest.fixture
def twilio() -> Iterator[TwilioDouble]:
    with TwilioDouble() as running:
        yield running


@pytest.fixture
async def node(any_database: str, twilio: TwilioDouble) -> AsyncIterator[Node]:
    async with running_node(any_database, **account(twilio)) as made:
        yield quick(made)


async def put(node: Node, status: int = 200, *, key: str | None = None, **settings: Any) -> Any:
    answered = await node.call("PATCH", "/api/organizations/acme", json=settings, key=key)
    assert answered.status_code == status, answered.text
    return answered.json()


async def order(node: Node, status: int, *, key: str | None = None) -> Any:
    """Confirms a backfill at what is shown."""
    shown = await ask(node, dry_run=True)
    body = {"source": "twilio", "confirm_cost": shown["cost"]["amount"]}
    answered = await node.call("POST", "/api/contacts/backfill", json=body, key=key)
    assert answered.status_code == status, answered.text
    return answered.json()


async def test_on_the_installations_account_a_customer_raises_no_budget(node: Node) -> None:
    admin = await node.new_key("admin")
    for budget in (0, 500, 1_000, None):
        await put(node, key=admin, lookup_budget=budget)
    refused = await put(node, 403, key=admin, lookup_budget=1_001)
    assert refused["error"] == "own_account_required"
    assert "lookup_credentials" in refused["message"] and "operator" in refused["message"]
    assert (await put(node, lookup_budget=5_000))["lookup_budget"] == 5_000  # the operator may
    await put(node, key=admin, lookup_budget=5_000)  # which raises nothing
    await put(node, key=admin, lookup_budget=4_000)
    await put(node, 403, key=admin, lookup_budget=4_001)


async def test_with_an_account_of_its_own_it_is_free(node: Node) -> None:
    admin = await node.new_key("admin")
    assert (await put(node, key=admin, lookup_budget=1_000_000, **OWN))["lookup_budget"] == 1_000_000
    # The account does not go and leave its budget to the installation's.
    assert (await put(node, 403, key=admin, lookup_credentials=None))["error"] == "own_account_required"
    await put(node, key=admin, lookup_credentials=None, lookup_budget=1_000)


async def test_without_any_account_a_backfill_says_so_to_everybody(any_database: str) -> None:
    async with running_node(any_database) as alone:
        await people(alone, *PHONES[:1])
        for key in (None, await alone.new_key("admin")):
            refused = await order(alone, 409, key=key)
            assert refused["error"] == "lookups_off"
            assert "lookup_credentials" in refused["message"] and "TWILIO_ACCOUNT_SID" in refused["message"]


async def test_a_backfill_is_confirmed_by_whoever_pays(node: Node, twilio: TwilioDouble) -> None:
    admin = await node.new_key("admin")
    await people(node, *PHONES[:3])
    assert (await order(node, 403, key=admin))["error"] == "own_account_required"
    await put(node, lookup_budget=0)
    await order(node, 403, key=admin)
    assert (await order(node, 409))["error"] == "lookups_off"
    assert not twilio.asked
    await put(node, key=admin, **OWN)
    job = await order(node, 202, key=admin)
    assert (await finished(node, job))["done"] == 3


async def test_the_operator_confirms_one_on_the_installations_account(
    node: Node, twilio: TwilioDouble
) -> None:
    await people(node, *PHONES[:3])
    job = await order(node, 202)
    assert (await finished(node, job))["done"] == 3


@pytest.mark.parametrize(
    ("answer", "word"),
    [([], "invalid_answer"), ({"phone_number": "+1999", "valid": True}, "wrong_number")],
)
async def test_what_is_paid_and_cannot_be_read_is_not_paid_again(
    node: Node, twilio: TwilioDouble, answer: Any, word: str
) -> None:
    twilio.instead = instead(200, answer)
    for _ in range(3):
        found = await resolve(node, PHONES[0], deadline_ms=5_000)
        assert (found["status"], errors(found)) == ("unknown", [word])
        await over(node)
    assert (len(twilio.asked), await used(node)) == (1, 1)
    twilio.instead = None
    await age(node, HOUR + 1)
    assert (await resolve(node, PHONES[0], deadline_ms=5_000))["status"] == "found"
    assert len(twilio.asked) == 2


async def test_what_cannot_be_read_takes_nothing_away(node: Node, twilio: TwilioDouble) -> None:
    """A job that asks for everything anew; what was known before stays known."""
    await resolve(node, PHONES[0], deadline_ms=5_000)
    await over(node)
    twilio.instead = instead(200, [])
    shown = await ask(node, dry_run=True, only_missing=False)
    job = await ask(node, 202, only_missing=False, confirm_cost=shown["cost"]["amount"])
    assert (await finished(node, job))["failed"] == 1
    found = await resolve(node, PHONES[0], deadline_ms=5_000)
    assert (found["status"], errors(found)) == ("found", [])
    assert len(twilio.asked) == 2


async def test_a_job_does_not_go_on_at_anothers_cost(
    node: Node, twilio: TwilioDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The account is taken away while the organization's own backfill is at work."""
    monkeypatch.setattr("gateway.manage.jobs.TURN_SECONDS", 0.0)
    admin = await node.new_key("admin")
    await put(node, key=admin, **OWN)
    await people(node, *PHONES)
    async with held(twilio):
        job = await order(node, 202, key=admin)
        await until(lambda: bool(twilio.asked), "the first is asked for")
        await put(node, key=admin, lookup_credentials=None)
    done = await finished(node, job)
    assert (done["status"], done["error"]) == ("failed", "own_account_required")
    assert len(twilio.asked) < len(PHONES)

"""What is kept of callers is read for all who ask at the same time, and each gets their own."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.enrich.recalls import MOST_AT_ONCE, Recalled, Recalls
from gateway.errors import Overloaded
from gateway.store import recalling
from gateway.store.directory import OrgView
from tests.enrich.conftest import resolve, settled
from tests.support.crm import Crm
from tests.support.node import Node

pytestmark = pytest.mark.anyio


def phone(number: int) -> str:
    return f"+1317555{number:04}"


async def known(node: Node, crm: Crm, numbers: range, org: str = "acme") -> OrgView:
    """The organization, whose connector knows these numbers, and has been asked for them."""
    for number in numbers:
        crm.knows(phone(number), name=f"Caller {number}")
        await resolve(node, phone(number), org=org, deadline_ms=10_000)
    await settled(node)
    return await node.gateway.directory.living(org)


def recall(node: Node, view: OrgView, number: int) -> asyncio.Future[Recalled]:
    return node.gateway.keeping.recalls.of(
        view, phone(number), view.organization.cipher.person(phone(number))
    )


def name(recalled: Recalled) -> str | None:
    for kept in recalled.answers.values():
        return kept.stored.contact.name if kept.stored is not None else ""
    return None


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many callers each statement was about."""
    sizes: list[int] = []
    read = recalling.of_callers

    async def counted(conn: Any, keys: Any) -> Any:
        sizes.append(len(keys))
        return await read(conn, keys)

    monkeypatch.setattr(recalling, "of_callers", counted)
    return sizes


async def test_who_asks_together_is_read_together(node: Node, crm: Crm, reads: list[int]) -> None:
    await crm.join(node)
    acme = await known(node, crm, range(10))
    reads.clear()
    found = await asyncio.gather(*(recall(node, acme, number) for number in (*range(12), 3, 3)))
    assert [name(one) for one in found] == [
        *(f"Caller {number}" for number in range(10)), None, None, "Caller 3", "Caller 3"
    ]  # fmt: skip
    assert sum(reads) == 14
    assert len(reads) <= 2


async def test_more_than_one_statement_takes(node: Node, crm: Crm, reads: list[int]) -> None:
    await crm.join(node)
    acme = await known(node, crm, range(3))
    reads.clear()
    asked = [recall(node, acme, number % 5) for number in range(3 * MOST_AT_ONCE + 7)]
    found = await asyncio.gather(*asked)
    assert all(
        name(one) == (f"Caller {n % 5}" if n % 5 < 3 else None) for n, one in enumerate(found)
    )  # fmt: skip
    assert max(reads) == MOST_AT_ONCE


async def test_organizations_are_read_together_and_kept_apart(node: Node, crm: Crm, reads: list[int]) -> None:
    await crm.join(node, "acme")
    await crm.join(node, "umbrella")
    acme = await known(node, crm, range(1), "acme")
    umbrella = await known(node, crm, range(1, 2), "umbrella")
    found = await asyncio.gather(*(recall(node, org, n) for org in (acme, umbrella) for n in (0, 1)))
    assert [name(one) for one in found] == ["Caller 0", None, None, "Caller 1"]


async def test_a_database_that_is_away_is_away_for_all_who_wait_and_for_nobody_after(
    lite: Node, crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    await crm.join(lite)
    acme = await known(lite, crm, range(1))

    def refuse() -> Any:
        raise Overloaded("away", code="database_unavailable")

    with monkeypatch.context() as patched:
        patched.setattr(lite.gateway.store, "looking_up", refuse)
        found = await asyncio.gather(*(recall(lite, acme, 0) for _ in range(200)))
    assert not any(one.reachable for one in found)
    assert name(await recall(lite, acme, 0)) == "Caller 0"


async def test_what_does_not_open_is_the_trouble_of_one(
    lite: Node, crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    await crm.join(lite)
    acme = await known(lite, crm, range(2))
    opened = recalling.opened

    def broken(cipher: Any, key: Any, *args: Any) -> Any:
        if key[2] == phone(0):
            raise ValueError("does not open")
        return opened(cipher, key, *args)

    monkeypatch.setattr(recalling, "opened", broken)
    first, second = await asyncio.gather(recall(lite, acme, 0), recall(lite, acme, 1))
    assert (first.reachable, name(second)) == (False, "Caller 1")


async def test_whoever_goes_away_takes_nothing_from_the_others(lite: Node, crm: Crm) -> None:
    await crm.join(lite)
    acme = await known(lite, crm, range(2))
    first, second = recall(lite, acme, 0), recall(lite, acme, 1)
    first.cancel()
    assert name(await second) == "Caller 1"


async def test_nobody_is_left_waiting_at_whatever_moment_they_come(lite: Node, crm: Crm) -> None:
    """Also in the one in which the readers have just found nothing more to do."""
    await crm.join(lite)
    acme = await known(lite, crm, range(1))
    recalls: Recalls = lite.gateway.keeping.recalls
    async with asyncio.timeout(20):
        for turns in range(60):
            waiting = [recall(lite, acme, 0), recall(lite, acme, 0)]
            for _ in range(turns):
                await asyncio.sleep(0)
            waiting.append(recall(lite, acme, 0))
            assert all(name(one) == "Caller 0" for one in await asyncio.gather(*waiting))
    assert recalls._reading == 0

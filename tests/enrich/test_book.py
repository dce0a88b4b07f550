"""The address book beside connectors: what people wrote counts, and costs the answer nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import event

from gateway.domain.overrides import Override
from gateway.store import contacts, recalling
from gateway.store.tables import contact_facts
from gateway.store.tables import contacts as table
from tests.enrich.conftest import OTHER, PHONE, age, creates, errors, resolve, rows, settled
from tests.support import receiver as r
from tests.support.crm import Crm
from tests.support.node import Node

pytestmark = pytest.mark.anyio

DAY = 86_400


async def write(node: Node, phone: str = PHONE, tags: Sequence[str] = (), **said: str) -> str:
    """A person writes this of the number's contact; its id."""
    view, _ = await node.gateway.directory.ensure("acme")
    cipher, now = view.organization.cipher, node.gateway.clock.now()
    overrides = {name: Override(value, now - 5_000, "key_1") for name, value in said.items()}
    async with node.gateway.store.transaction() as tx:
        contact = await contacts.find(tx.conn, cipher, "acme", phone)
        if contact is None:
            contact = await contacts.add(tx, cipher, "acme", phone, now)
        await contacts.change(tx.conn, cipher, contact, overrides, tags, now)
    return contact.id


async def test_what_a_person_wrote_counts_before_the_crm(node: Node, crm: Crm) -> None:
    await crm.join(node)
    crm.knows(PHONE, name="Ada Example", company="Example Ltd", email="ada@example.com")
    contact_id = await write(node, tags=("vip",), name="Grandma")
    found = await resolve(node)
    contact = found["contact"]
    assert (contact["id"], contact["name"], contact["company"]) == (contact_id, "Grandma", "Example Ltd")
    assert (contact["tags"], contact["provenance"]["name"]) == (["vip"], "override")
    assert contact["ages"] == {"name": 5, "company": 0, "email": 0}
    assert (found["status"], found["source"], found["errors"]) == ("found", "fresh", [])
    assert "name: Grandma\n" in found["context"] and "tags: vip\n" in found["context"]


async def test_the_book_alone_knows_or_not(lite: Node) -> None:
    await write(lite, name="Ada Example")
    found = await resolve(lite)
    assert (found["status"], found["source"], found["errors"]) == ("found", "fresh", [])
    found = await resolve(lite, OTHER)
    assert (found["status"], found["source"], found["contact"]) == ("not_found", "fresh", None)


async def test_who_a_person_entered_without_a_word_is_found(lite: Node) -> None:
    await write(lite)
    found = await resolve(lite)
    assert (found["status"], found["contact"]["name"]) == ("found", None)


async def test_the_book_answers_while_the_crm_hangs_or_fails(lite: Node, crm: Crm) -> None:
    await crm.join(lite)
    await write(lite, name="Ada Example")
    crm.instead = r.silence()
    found = await resolve(lite, deadline_ms=150)
    assert (found["status"], found["source"], errors(found)) == ("found", "partial", ["timeout"])
    crm.instead = r.answer(500)
    found = await resolve(lite, OTHER)
    assert (found["status"], found["source"], errors(found)) == ("unknown", "none", ["http_status"])


async def test_who_is_found_stands_in_the_book_and_is_no_override(node: Node, crm: Crm) -> None:
    await crm.join(node)
    crm.knows(PHONE, name="Ada Example")
    found = await resolve(node)
    await settled(node)
    [row] = await rows(node, table)
    assert (row.id, row.phone, row.by_person) == (found["contact"]["id"], PHONE, False)
    crm.instead = r.answer(500)
    await age(node, 8 * DAY)
    found = await resolve(node)
    assert (found["status"], errors(found)) == ("unknown", ["http_status"]), (
        "the CRM's to know, and forgotten"
    )


@pytest.mark.parametrize("phone", ["anonymous", "", "911", "me", "+266696687"])
async def test_who_has_no_number_never_stands_in_the_book(lite: Node, crm: Crm, phone: str) -> None:
    await crm.join(lite)
    await resolve(lite, phone)
    await resolve(lite, OTHER)
    await settled(lite)
    assert await rows(lite, table) == await rows(lite, contact_facts) == []


async def test_whom_the_crm_does_not_know_any_more_leaves_the_book(node: Node, crm: Crm) -> None:
    await crm.join(node)
    crm.knows(PHONE, name="Ada Example")
    await resolve(node)
    await age(node, 2 * DAY)
    crm.contacts.clear()
    assert (await resolve(node))["status"] == "not_found"
    await settled(node)
    assert await rows(node, table) == []


async def test_nobody_is_created_for_a_number_of_the_organizations_own(lite: Node, crm: Crm) -> None:
    await crm.join(lite, create_contacts=True)
    changed = await lite.call("PATCH", "/api/organizations/acme", json={"own_numbers": [PHONE]})
    assert changed.json()["own_numbers"] == [PHONE]
    for phone in (PHONE, OTHER):
        assert (await resolve(lite, phone))["status"] == "not_found"
    assert len(await creates(lite)) == 1
    assert len(crm.asked("contact.create")) == 1


async def test_a_warm_answer_reads_once_and_writes_nothing_of_the_contact(
    node: Node, crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contact and answers come with one statement."""
    await crm.join(node)
    crm.knows(PHONE, name="Ada Example")
    await write(node, name="Grandma")
    await resolve(node)
    await settled(node)
    database, said, reads, read = node.gateway.store.database, list[str](), list[Any](), recalling.of_callers

    async def counted(*args: Any) -> Any:
        reads.append(args)
        return await read(*args)

    monkeypatch.setattr(recalling, "of_callers", counted)
    for engine in {database._reader, database._writer}:
        event.listen(engine.sync_engine, "before_cursor_execute", lambda *args: said.append(args[2]))
    assert (await resolve(node))["contact"]["name"] == "Grandma"
    await settled(node)
    assert (len(reads), [one for one in said if "contact" in one]) == (1, [])

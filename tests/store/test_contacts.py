"""The address book's rows: one contact for a number whoever finds it, facts by source, and who leads
where."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from gateway.domain.contact import CrmContact, Knowledge, of_crm
from gateway.domain.contact_search import wanted
from gateway.domain.overrides import Override
from gateway.store import contact_facts, contact_search, contacts, organizations, recalling
from gateway.store.cipher import Cipher, SealBroken
from gateway.store.contacts import Contact
from gateway.store.store import Store
from gateway.store.tables import contact_facts as facts_table
from gateway.store.tables import contact_phones
from gateway.store.tables import contacts as table
from tests.store.conftest import KEYS, NOW

pytestmark = pytest.mark.anyio

PHONE, OTHER = "+13175550123", "+13175550124"
SAID = {"name": Override("Ada by Hand", NOW, "key_1")}


@pytest.fixture
async def cipher(store: Store) -> Cipher:
    async with store.transaction() as tx:
        await organizations.create(tx, KEYS, "acme", NOW)
        return await organizations.ensure_data_key(tx.conn, KEYS, "acme", NOW)


def knows(name: str = "Ada Example", connector: str = "cnr_1", at: int = NOW) -> Knowledge:
    return of_crm(CrmContact("7", name=name, email="ada@example.com"), connector, fetched_at=at)


async def hear(
    store: Store,
    cipher: Cipher,
    phone: str = PHONE,
    knowledge: Knowledge | None = knows(),  # noqa: B008 - it is frozen
    source: str = "cnr_1",
    at: int = NOW,
) -> None:
    async with store.transaction() as tx:
        fact = contact_facts.heard(cipher, "acme", phone, source, knowledge, at)
        await contact_facts.write_heard(tx, [fact], NOW)


async def write(
    store: Store, cipher: Cipher, phone: str = PHONE, said: Any = None, tags: tuple[str, ...] = ()
) -> Contact:
    async with store.transaction() as tx:
        contact = await contacts.find(tx.conn, cipher, "acme", phone)
        if contact is None:
            contact = await contacts.add(tx, cipher, "acme", phone, NOW)
        await contacts.change(tx.conn, cipher, contact, SAID if said is None else said, tags, NOW)
    found = await find(store, cipher, phone)
    assert found is not None
    return found


async def find(store: Store, cipher: Cipher, key: str = PHONE) -> Contact | None:
    async with store.reading() as conn:
        return await contacts.find(conn, cipher, "acme", key)


async def all_rows(store: Store) -> list[Any]:
    async with store.reading() as conn:
        return [row for t in (table, contact_phones, facts_table) for row in await conn.execute(select(t))]


async def test_who_is_found_by_many_at_once_is_one_contact(store: Store, cipher: Cipher) -> None:
    await asyncio.gather(*(hear(store, cipher, at=NOW + n) for n in range(20)))
    contact = await find(store, cipher)
    assert contact is not None and contact.id == cipher.contact(PHONE)
    assert (contact.by_person, contact.phones, contact.overrides) == (False, (PHONE,), {})
    assert [(said.source, said.at, said.knowledge.values["name"]) for said in contact.said] == [
        ("cnr_1", NOW + 19, "Ada Example")
    ]
    assert len(await all_rows(store)) == 3
    assert await find(store, cipher, contact.id) == contact
    assert await find(store, cipher, OTHER) is None


async def test_a_person_and_sources_write_without_undoing_each_other(store: Store, cipher: Cipher) -> None:
    await hear(store, cipher)
    contact = await write(store, cipher, tags=("vip", "Zoë"))
    assert contact.by_person
    await hear(store, cipher, knowledge=knows("Ada Later", "cnr_2"), source="cnr_2")
    await hear(store, cipher, knowledge=knows("Ada Latest", at=NOW + 9), at=NOW + 9)
    await hear(store, cipher, knowledge=knows("Ada Earlier", at=NOW + 5), at=NOW + 5)
    contact = await write(store, cipher, tags=("vip", "Zoë"))
    assert (contact.overrides, contact.tags) == (SAID, ("vip", "Zoë"))
    assert {said.source: said.knowledge.values["name"] for said in contact.said} == {
        "cnr_1": "Ada Latest", "cnr_2": "Ada Later",
    }  # fmt: skip
    assert (await write(store, cipher, said={})).overrides == {}


async def test_whom_nobody_knows_any_more_goes_unless_a_person_wrote(store: Store, cipher: Cipher) -> None:
    for phone in (PHONE, OTHER):
        await hear(store, cipher, phone)
    await write(store, cipher, OTHER, {})
    await hear(store, cipher, knowledge=None, at=NOW - 1)
    assert await find(store, cipher) is not None, "an earlier answer undid a later one"
    await hear(store, cipher, knowledge=knows(connector="cnr_2"), source="cnr_2")
    await hear(store, cipher, knowledge=None, at=NOW + 1)
    contact = await find(store, cipher)
    assert contact is not None and [said.source for said in contact.said] == ["cnr_2"]
    await hear(store, cipher, knowledge=None, source="cnr_2", at=NOW + 1)
    assert await find(store, cipher) is None
    await hear(store, cipher, OTHER, knowledge=None, at=NOW + 1)
    left = await find(store, cipher, OTHER)
    assert left is not None and (left.said, left.by_person) == ((), True)


async def test_merged_numbers_lead_to_one_contact(store: Store, cipher: Cipher) -> None:
    await hear(store, cipher, OTHER, knows("Second"))
    into, absorbed = await write(store, cipher), await write(store, cipher, OTHER, {}, ("slow",))
    async with store.transaction() as tx:
        await contacts.move_phones(tx.conn, absorbed, into)
    for key in (PHONE, OTHER, into.id, absorbed.id):
        found = await find(store, cipher, key)
        assert found is not None and (found.id, found.phones) == (into.id, (PHONE, OTHER))
    await hear(store, cipher, OTHER, knows("Second, later", at=NOW + 1), at=NOW + 1)
    merged = await find(store, cipher, OTHER)
    assert merged is not None
    assert [(said.phone, said.knowledge.values["name"]) for said in merged.said] == [(OTHER, "Second, later")]
    async with store.transaction() as tx:
        await contacts.remove(tx.conn, cipher, merged)
    assert await all_rows(store) == []


async def test_overrides_and_facts_are_sealed_where_they_stand(store: Store, cipher: Cipher) -> None:
    await hear(store, cipher, knowledge=of_crm(CrmContact("7", notes="allergic"), "cnr_1", fetched_at=NOW))
    await write(store, cipher, said={"notes": Override("owes money", NOW, "key_1")})
    text = repr(await all_rows(store))
    assert "owes" not in text and "allergic" not in text
    async with store.transaction() as tx:
        await tx.conn.execute(
            facts_table.update().where(facts_table.c.source == "cnr_1").values(source="cnr_3")
        )
    with pytest.raises(SealBroken):
        await find(store, cipher)


async def test_one_statement_recalls_contact_and_answers(store: Store, cipher: Cipher) -> None:
    async def recall(phone: str) -> recalling.Recalled:
        async with store.reading() as conn:
            return await recalling.of_caller(conn, cipher, "acme", phone, cipher.person(phone), (), NOW)

    assert await recall(PHONE) == recalling.Recalled()
    await hear(store, cipher, OTHER)
    listed = (await recall(OTHER)).contact
    assert listed is not None and (listed.by_person, listed.overrides, listed.tags) == (False, {}, ())
    into = await write(store, cipher, tags=("vip",))
    absorbed = await find(store, cipher, OTHER)
    assert absorbed is not None
    async with store.transaction() as tx:
        await contacts.move_phones(tx.conn, absorbed, into)
    for phone in (PHONE, OTHER):
        listed = (await recall(phone)).contact
        assert listed is not None
        assert (listed.id, listed.by_person, listed.overrides, listed.tags) == (into.id, True, SAID, ("vip",))


async def test_people_are_found_by_any_name_that_any_source_knows(store: Store, cipher: Cipher) -> None:
    await hear(store, cipher, knowledge=knows("Zoë Müller"))
    await write(store, cipher, said={"name": Override("Grandma", NOW, "key_1")})
    await hear(store, cipher, OTHER, knows("Ada Mueller-Example"))

    async def found(q: str, limit: int = 10) -> list[str]:
        async with store.reading() as conn:
            ids = await contact_search.find(conn, "acme", wanted(q), limit)
        names = {cipher.contact(PHONE): "zoe", cipher.contact(OTHER): "ada"}
        return [names[contact_id] for contact_id in ids]

    assert await found("zoe mü") == await found("GRANDMA") == await found("muller zoe") == ["zoe"]
    assert sorted(await found("ADA@EXAMPLE")) == ["ada", "zoe"]
    assert await found("ada mue") == ["ada"]
    assert await found("(317) 555-0124") == await found("0124") == ["ada"]
    assert sorted(await found("317 555")) == ["ada", "zoe"]
    assert await found("%") == await found("_da") == await found("grandma ada") == []
    assert len(await found("e", 1)) == 1

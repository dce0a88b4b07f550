"""What connectors said of people: found by the keyed hash, sealed, and gone when it is to be."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from gateway.store import connector_contacts as contacts
from gateway.store import organizations, recalling
from gateway.store.cipher import Cipher, SealBroken
from gateway.store.connector_contacts import Answer
from gateway.store.store import Store
from gateway.store.tables import connector_contacts as table
from tests.store.conftest import KEYS, NOW, make_connector

pytestmark = pytest.mark.anyio

PHONE = "+13175550123"
ONE, TWO = make_connector(), make_connector("cnr_2", position=2)


@pytest.fixture
async def cipher(store: Store) -> Cipher:
    async with store.transaction() as tx:
        await organizations.create(tx, KEYS, "acme", NOW)
        return await organizations.ensure_data_key(tx.conn, KEYS, "acme", NOW)


def answer(connector_id: str = "cnr_1", **values: Any) -> Answer:
    fields = {
        "connector_id": connector_id, "state": "found", "contact": b'{"name": "Ada Example"}',
        "fetched_at": NOW, "expires_at": NOW + 60_000,
    }  # fmt: skip
    return Answer(**(fields | values))


async def keep(store: Store, cipher: Cipher, *answers: Answer, phone: str = PHONE, org: str = "acme") -> None:
    async with store.transaction() as tx:
        rows = [contacts.row(cipher, org, cipher.person(phone), one) for one in answers]
        await contacts.insert_answers(tx.conn, rows)


async def known(
    store: Store, cipher: Cipher, *connectors: Any, phone: str = PHONE, now: int = NOW
) -> dict[str, Answer]:
    async with store.reading() as conn:
        asked, person = connectors or (ONE, TWO), cipher.person(phone)
        return (await recalling.of_caller(conn, cipher, "acme", phone, person, asked, now)).answers


async def test_what_was_answered_is_found_by_the_number(store: Store, cipher: Cipher) -> None:
    absent = answer("cnr_2", state="not_found", contact=None)
    await keep(store, cipher, answer(), absent)
    assert await known(store, cipher) == {"cnr_1": answer(), "cnr_2": absent}
    assert await known(store, cipher, TWO) == {"cnr_2": absent}
    assert await known(store, cipher, phone="+13175550124") == {}


async def test_neither_number_nor_contact_stands_in_the_row(store: Store, cipher: Cipher) -> None:
    await keep(store, cipher, answer())
    async with store.reading() as conn:
        text = repr((await conn.execute(select(table))).one())
    assert "Ada" not in text
    assert PHONE.lstrip("+") not in text


async def test_an_answer_opens_only_where_it_was_sealed(store: Store, cipher: Cipher) -> None:
    await keep(store, cipher, answer())
    async with store.transaction() as tx:
        await tx.conn.execute(table.update().values(connector_id="cnr_2"))
    with pytest.raises(SealBroken):
        await known(store, cipher)


async def test_the_later_answer_stays(store: Store, cipher: Cipher) -> None:
    later = answer(contact=b"later", fetched_at=NOW + 5)
    await keep(store, cipher, later)
    await keep(store, cipher, answer(contact=b"earlier"))
    assert await known(store, cipher) == {"cnr_1": later}
    latest = answer(state="not_found", contact=None, fetched_at=NOW + 9)
    await keep(store, cipher, latest)
    assert await known(store, cipher) == {"cnr_1": latest}


async def test_expired_answers_count_no_more_and_go(store: Store, cipher: Cipher) -> None:
    await keep(store, cipher, answer(), answer("cnr_2", expires_at=NOW + 120_000))
    assert set(await known(store, cipher, now=NOW + 60_000)) == {"cnr_2"}
    async with store.transaction() as tx:
        assert await contacts.forget_expired(tx.conn, NOW + 60_000, 10) == 1
        assert await contacts.forget_expired(tx.conn, NOW + 60_000, 10) == 0
        assert (await tx.conn.execute(select(table.c.connector_id))).scalars().all() == ["cnr_2"]


async def test_answers_of_the_system_it_led_to_before_do_not_count(store: Store, cipher: Cipher) -> None:
    await keep(store, cipher, answer())
    assert await known(store, cipher, ONE.changed(contacts_since=NOW + 1)) == {}
    assert set(await known(store, cipher, ONE.changed(contacts_since=NOW))) == {"cnr_1"}


async def test_a_connector_drops_people_and_no_other_does(store: Store, cipher: Cipher) -> None:
    other = "+13175550124"
    for phone in (PHONE, other):
        await keep(store, cipher, answer(), answer("cnr_2"), phone=phone)
    people = [cipher.person(PHONE), cipher.person("+13175550199")]
    async with store.transaction() as tx:
        assert await contacts.drop(tx.conn, "acme", "cnr_1", people, NOW + 1) == 1
        assert await contacts.drop(tx.conn, "acme", "cnr_1", people, NOW + 2) == 0
        assert await contacts.drop(tx.conn, "other", "cnr_2", people, NOW + 1) == 0
    assert set(await known(store, cipher)) == {"cnr_2"}
    assert set(await known(store, cipher, phone=other)) == {"cnr_1", "cnr_2"}


async def test_an_answer_to_a_question_from_before_stays_dropped(store: Store, cipher: Cipher) -> None:
    async with store.transaction() as tx:
        await contacts.drop(tx.conn, "acme", "cnr_1", [cipher.person(PHONE)], NOW + 5)
    await keep(store, cipher, answer(fetched_at=NOW + 4))
    assert await known(store, cipher) == {}
    anew = answer(fetched_at=NOW + 5)
    await keep(store, cipher, anew)
    assert await known(store, cipher) == {"cnr_1": anew}


async def test_a_person_is_forgotten_by_all(store: Store, cipher: Cipher) -> None:
    await keep(store, cipher, answer(), answer("cnr_2"))
    await keep(store, cipher, answer(), phone="+13175550124")
    async with store.transaction() as tx:
        assert await contacts.forget_person(tx.conn, "acme", cipher.person(PHONE)) == 2
    assert await known(store, cipher) == {}
    assert set(await known(store, cipher, phone="+13175550124")) == {"cnr_1"}

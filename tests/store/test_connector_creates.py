"""Claims of contacts to be made: once for a connector and a person, and sealed while they are pending."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from gateway.store import connector_creates as creates
from gateway.store import organizations
from gateway.store.cipher import Cipher, SealBroken
from gateway.store.connector_creates import GIVEN_UP_FOR_MS, Pending
from gateway.store.store import Store
from gateway.store.tables import connector_creates as table
from tests.store.conftest import KEYS, NOW

pytestmark = pytest.mark.anyio

PERSON, OTHER = b"p" * 16, b"q" * 16
LATER = NOW + 120_000


@pytest.fixture
async def cipher(store: Store) -> Cipher:
    async with store.transaction() as tx:
        await organizations.create(tx, KEYS, "acme", NOW)
        return await organizations.ensure_data_key(tx.conn, KEYS, "acme", NOW)


async def claim(
    store: Store, cipher: Cipher, delivery_id: str = "dlv_1", *, now: int = NOW, since: int = 0, **values: Any
) -> Pending | None:
    fields = {
        "connector_id": "cnr_1", "person": PERSON, "org_id": "acme", "delivery_id": delivery_id, "tries": 1,
        "inquiry": b'{"phone": "+13175550142"}',
    }  # fmt: skip
    async with store.transaction() as tx:
        wanted = Pending(**(fields | values))
        return await creates.claim(tx, cipher, wanted, since=since, now=now, due_at=now + 120_000)


async def end(store: Store, state: Any, now: int = NOW) -> None:
    async with store.transaction() as tx:
        await creates.end(tx.conn, "cnr_1", PERSON, state, now)


async def all_rows(store: Store) -> list[Any]:
    async with store.reading() as conn:
        return list((await conn.execute(select(table).order_by(table.c.connector_id))).all())


async def test_the_first_has_it(store: Store, cipher: Cipher) -> None:
    taken = await claim(store, cipher)
    assert taken is not None and (taken.delivery_id, taken.tries) == ("dlv_1", 1)
    assert await claim(store, cipher, "dlv_2") is None
    assert await claim(store, cipher, "dlv_3", person=OTHER) is not None
    assert await claim(store, cipher, "dlv_4", connector_id="cnr_2") is not None
    await end(store, "done")
    assert await claim(store, cipher, "dlv_5", now=NOW + 10**10) is None


async def test_what_was_given_up_may_be_claimed_again_under_the_same_delivery(
    store: Store, cipher: Cipher
) -> None:
    await claim(store, cipher)
    await end(store, "failed", NOW + 5)
    assert await claim(store, cipher, "dlv_2", now=NOW + 4 + GIVEN_UP_FOR_MS) is None
    again = await claim(store, cipher, "dlv_2", now=NOW + 5 + GIVEN_UP_FOR_MS)
    assert again is not None and (again.delivery_id, again.tries) == ("dlv_1", 1)


@pytest.mark.parametrize("state", ["done", "failed"])
async def test_another_system_is_another_claim(store: Store, cipher: Cipher, state: str) -> None:
    await claim(store, cipher)
    assert await claim(store, cipher, "dlv_2", since=NOW + 1, now=NOW + 2) is None  # the first is under way
    await end(store, state)
    assert await claim(store, cipher, "dlv_2", since=NOW) is None
    again = await claim(store, cipher, "dlv_2", since=NOW + 1, now=NOW + 2)
    assert again is not None and again.delivery_id == "dlv_2"


async def test_a_try_is_taken_by_one(store: Store, cipher: Cipher) -> None:
    await claim(store, cipher)
    async with store.reading() as conn:
        assert await creates.some_due(conn, LATER - 1, 10, 10) == []
        [row] = await creates.some_due(conn, LATER, 10, 10)
    async with store.transaction() as tx:
        taken = await creates.take(tx, cipher, row, LATER + 120_000)
        assert taken is not None
        assert (taken.tries, taken.inquiry) == (2, b'{"phone": "+13175550142"}')
        assert await creates.take(tx, cipher, row, LATER + 120_000) is None
        await creates.put_off(tx.conn, taken, LATER + 5)
    async with store.reading() as conn:
        assert [found.due_at for found in await creates.some_due(conn, LATER + 5, 10, 10)] == [LATER + 5]
    await end(store, "done")
    async with store.transaction() as tx:
        await creates.put_off(tx.conn, taken, 0)  # of what is over already nothing changes
        assert await creates.some_due(tx.conn, 2**60, 10, 10) == []


async def test_what_is_over_names_nobody(store: Store, cipher: Cipher) -> None:
    await claim(store, cipher)
    assert "5550142" not in repr(await all_rows(store))
    await end(store, "done", NOW + 7)
    [row] = await all_rows(store)
    assert (row.state, row.inquiry, row.due_at, row.completed_at) == ("done", None, None, NOW + 7)


async def test_an_inquiry_opens_only_where_it_was_sealed(store: Store, cipher: Cipher) -> None:
    await claim(store, cipher)
    async with store.transaction() as tx:
        await tx.conn.execute(update(table).values(connector_id="cnr_2"))
        [row] = await creates.some_due(tx.conn, LATER, 10, 10)
        with pytest.raises(SealBroken):
            await creates.take(tx, cipher, row, LATER)


async def test_a_person_is_forgotten(store: Store, cipher: Cipher) -> None:
    await claim(store, cipher)
    await claim(store, cipher, connector_id="cnr_2")
    await claim(store, cipher, person=OTHER)
    async with store.transaction() as tx:
        assert await creates.forget_person(tx.conn, "other", PERSON) == 0
        assert await creates.forget_person(tx.conn, "acme", PERSON) == 2
    assert [bytes(row.person) for row in await all_rows(store)] == [OTHER]


async def test_no_connector_stands_before_the_others(store: Store, cipher: Cipher) -> None:
    for n in range(20):
        await claim(store, cipher, person=bytes([n]) * 16, now=NOW + n)
    await claim(store, cipher, connector_id="cnr_2", now=NOW + 99, tries=0)
    async with store.reading() as conn:
        found = await creates.some_due(conn, LATER + 99, 3, 10)
        assert [row.connector_id for row in found] == ["cnr_1"] * 3 + ["cnr_2"]
        assert [row.due_at for row in found[:3]] == [LATER, LATER + 1, LATER + 2]
        assert found[3].tries == 0
        assert len(await creates.some_due(conn, LATER + 99, 30, 10)) == 10

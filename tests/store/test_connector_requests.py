"""The log of direct calls: written many at once, read by pages, sealed, and a person can be taken out."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from gateway.store import connector_requests as log
from gateway.store import organizations
from gateway.store.cipher import Cipher, SealBroken
from gateway.store.connector_requests import Record, Request
from gateway.store.page import PageQuery, decode_cursor
from gateway.store.store import Store
from gateway.store.tables import connector_requests as table
from tests.store.conftest import KEYS, NOW

pytestmark = pytest.mark.anyio

RECORD = Record(
    request_headers=[("X-HUM-Event", "contact.lookup")], request_body=b'{"phone": "+13175550123"}',
    response_headers=[("Content-Type", "application/json")], response_body=b'{"name": "Ada Example"}',
    response_truncated=True, error_detail="détail",
)  # fmt: skip


@pytest.fixture
async def cipher(store: Store) -> Cipher:
    async with store.transaction() as tx:
        await organizations.create(tx, KEYS, "acme", NOW)
        return await organizations.ensure_data_key(tx.conn, KEYS, "acme", NOW)


def request(number: int, **values: Any) -> Request:
    fields = {
        "id": f"att_{number}", "org_id": "acme", "connector_id": "cnr_1", "revision_id": "rev_1",
        "kind": "lookup", "delivery_id": f"dlv_{number}", "at": NOW + number, "duration_ms": 12,
        "status_code": 200, "error": None, "person": None, "record": None,
    }  # fmt: skip
    return Request(**(fields | values))


async def write(store: Store, *requests: Request) -> None:
    async with store.transaction() as tx:
        await log.write(tx, requests)


async def ids(
    store: Store, connector_id: str = "cnr_1", query: PageQuery | None = None, **kw: Any
) -> list[str]:
    async with store.reading() as conn:
        found = await log.page(conn, connector_id, query or PageQuery(), **kw)
    return [row.id for row in found.rows]


async def test_what_was_written_comes_back_and_only_there(store: Store, cipher: Cipher) -> None:
    sealed = log.seal_record(cipher, "att_1", RECORD)
    await write(store, request(1, record=sealed, person=cipher.person("+13175550123")))
    async with store.reading() as conn:
        row = await log.find(conn, "acme", "att_1")
        assert row is not None
        assert log.open_record(cipher, row) == RECORD
        assert "Ada" not in repr(row)
        assert await log.find(conn, "other", "att_1") is None
        assert await log.find(conn, None, "att_1") is not None
    async with store.transaction() as tx:
        await tx.conn.execute(table.update().values(id="att_2"))
    async with store.reading() as conn:
        moved = await log.find(conn, "acme", "att_2")
        assert moved is not None
        with pytest.raises(SealBroken):
            log.open_record(cipher, moved)


async def test_pages_in_the_order_of_writing(store: Store, cipher: Cipher) -> None:
    await write(store, request(1), request(2), request(9, connector_id="cnr_2"))
    await write(store, request(3))
    assert await ids(store) == ["att_3", "att_2", "att_1"]
    assert await ids(store, query=PageQuery(order="asc")) == ["att_1", "att_2", "att_3"]
    async with store.reading() as conn:
        first = await log.page(conn, "cnr_1", PageQuery(limit=2))
        assert first.next_cursor is not None
        after = decode_cursor(first.next_cursor, "desc")
        assert [r.id for r in (await log.page(conn, "cnr_1", PageQuery(after=after))).rows] == ["att_1"]


async def test_filters(store: Store, cipher: Cipher) -> None:
    await write(
        store, request(1), request(2, kind="ping"), request(3, status_code=500, error="http_status"),
        request(4, status_code=None, error="timeout"),
    )  # fmt: skip
    assert await ids(store, kind="ping") == ["att_2"]
    assert await ids(store, succeeded=True) == ["att_2", "att_1"]
    assert await ids(store, succeeded=False) == ["att_4", "att_3"]
    assert await ids(store, status_code=500) == ["att_3"]
    assert await ids(store, since=NOW + 2, until=NOW + 4) == ["att_3", "att_2"]


async def test_written_twice_is_there_once(store: Store, cipher: Cipher) -> None:
    await write(store, request(1))
    await write(store, request(1), request(2))
    assert sorted(await ids(store)) == ["att_1", "att_2"]


async def test_a_person_is_taken_out_and_the_entry_stays(store: Store, cipher: Cipher) -> None:
    one, other = cipher.person("+13175550123"), cipher.person("+13175550124")
    sealed = log.seal_record(cipher, "att_1", RECORD)
    await write(store, request(1, person=one, record=sealed), request(2, person=other, record=sealed))
    async with store.transaction() as tx:
        assert await log.count_of_person(tx.conn, "acme", one) == 1
        assert await log.forget_person(tx.conn, "other", one) == 0
        assert await log.forget_person(tx.conn, "acme", one) == 1
        assert await log.count_of_person(tx.conn, "acme", one) == 0
        rows = {row.id: row for row in await tx.conn.execute(select(table))}
    assert (rows["att_1"].person, rows["att_1"].record) == (None, None)
    assert bytes(rows["att_2"].person) == other
    assert log.open_record(cipher, rows["att_1"]) is None


async def test_the_oldest_go_first(store: Store, cipher: Cipher) -> None:
    await write(store, *(request(n) for n in range(1, 6)), request(7, org_id="other"))
    async with store.transaction() as tx:
        old = await log.oldest(tx.conn, "acme", NOW + 4, 2)
        assert old == ["att_1", "att_2"]
        assert await log.remove(tx.conn, old) == 2
        assert await log.oldest(tx.conn, "acme", NOW + 4, 10) == ["att_3"]

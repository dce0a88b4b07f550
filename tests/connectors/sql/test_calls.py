"""Calls in real databases: every field in its column's form, one row, kept up to date."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from connectors.kit.contract import Call, ContactRef
from connectors.kit.failures import NotSupported
from connectors.sql.connector import Sql
from tests.connectors.sql.conftest import PLAN, Connect
from tests.connectors.sql.databases import AddressBook
from tests.connectors.sql.people import CALL, DANA

pytestmark = pytest.mark.anyio


async def row_of(book: AddressBook) -> dict[str, Any]:
    [row] = await book.run("SELECT * FROM calls")
    return row


async def test_every_field_stands_in_its_column_in_the_columns_own_form(
    book: AddressBook, connector: Sql
) -> None:
    dana = await book.add(phone=DANA)
    activity = await connector.log_call(CALL, ContactRef(dana, DANA), None)
    row = await row_of(book)
    on_postgres = book.kind == "postgresql"
    assert str(row["id"]) == activity
    assert (
        row["began"].isoformat()
        if on_postgres
        else row["began"].replace(" ", "T")
        == ("2026-11-20T21:01:12.040000" + ("+00:00" if on_postgres else ""))
    )
    assert str(row["day"]) == "2026-11-20"
    assert (row["seconds"], row["status"], row["summary"]) == (234, "completed", "Moved her\ncleaning.")
    assert row["points"] == (CALL.key_points if on_postgres else "- Thursday suits\n- Text her")
    assert row["steps"] == "- Send a text"
    said = json.loads(row["said"]) if on_postgres else row["said"]
    assert said == (
        [{"role": "agent", "text": "Hello", "at": 0}, {"role": "caller", "text": "Hi\nthere", "at": 64.2}]
        if on_postgres
        else "[0:00] agent: Hello\n[1:04] caller: Hi there"
    )
    assert json.loads(row["outcome"]) == {"appointment": "moved", "slots": [1]}
    assert (row["tags"], row["agent"], row["mood"]) == ("a, b", "Iris", "overwhe…")
    assert (row["recording"], row["rev"], row["customer_id"], row["caller"]) == (
        "https://r.example/1.mp3", 1, int(dana), DANA,
    )  # fmt: skip


async def test_an_update_changes_what_it_brings_and_nothing_else(book: AddressBook, connector: Sql) -> None:
    activity = await connector.log_call(CALL, None, None)
    late = Call("call_1", recording_url="https://r.example/final.mp3", outcome={"kept": True}, revision=2)
    assert await connector.log_call(late, None, activity) == activity
    row = await row_of(book)
    assert (row["recording"], json.loads(row["outcome"]), row["rev"]) == (
        "https://r.example/final.mp3", {"kept": True}, 2,
    )  # fmt: skip
    assert (row["summary"], row["seconds"], row["tags"]) == ("Moved her\ncleaning.", 234, "a, b")


async def test_an_older_revision_does_not_undo_a_later_one(book: AddressBook, connector: Sql) -> None:
    for revision, summary in ((1, "first"), (3, "third"), (2, "second")):
        await connector.log_call(Call("call_1", summary=summary, revision=revision), None, None)
    row = await row_of(book)
    assert (row["summary"], row["rev"]) == ("third", 3)


async def test_ten_at_once_make_one_row(book: AddressBook, connect: Connect) -> None:
    connectors = [connect(), connect()]
    calls = [connectors[number % 2].log_call(CALL, None, None) for number in range(10)]
    assert len({*await asyncio.gather(*calls)}) == 1
    assert len(await book.run("SELECT * FROM calls")) == 1


async def test_a_row_that_a_person_deleted_stays_deleted(book: AddressBook, connector: Sql) -> None:
    activity = await connector.log_call(CALL, None, None)
    await book.run("DELETE FROM calls")
    assert await connector.log_call(CALL, None, activity) == activity
    assert await book.run("SELECT * FROM calls") == []


async def test_a_call_is_found_by_its_id(connector: Sql) -> None:
    assert await connector.find_call("call_1") is None
    activity = await connector.log_call(CALL, None, None)
    assert await connector.find_call("call_1") == activity


@pytest.mark.parametrize(
    "call",
    [
        Call("call_1"),
        Call("call_1", status="abducted", started_at="yesterday", duration_seconds=1e300),
        Call("call_1", started_at="0001-01-01T00:00:00+14:00", ended_at="9999-12-31T23:59:59-12:00"),
        Call("call_1", summary="nul \x00 byte", outcome={"a\x00": ["\x00"]}, key_points=["\x00"]),
        Call("call_1'; DROP TABLE calls; --", summary="'; DROP TABLE calls; --"),
        Call("call_1", summary="s" * 300_000, recording_url="https://r.example/" + "u" * 500),
    ],
)
async def test_odd_calls_are_logged_all_the_same(book: AddressBook, connector: Sql, call: Call) -> None:
    await connector.log_call(call, ContactRef("no such id", None), None)
    row = await row_of(book)
    assert row["hum_call_id"] == call.id
    assert row["customer_id"] is None
    assert "\x00" not in str(row)


async def test_without_a_table_of_calls_they_are_not_supported(connect: Connect) -> None:
    connector = connect(PLAN.partition("[calls]")[0])
    for attempt in (connector.log_call(CALL, None, None), connector.find_call("call_1")):
        with pytest.raises(NotSupported):
            await attempt

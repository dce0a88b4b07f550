"""The connector against real databases: found in any notation, made once, logged once and kept up to date."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa

from connectors.kit.contract import Agent, Call, ContactRef, CreateRequest, Turn
from connectors.kit.failures import NotSupported, Refused, Unavailable
from connectors.kit.phones import Phone, match, parse
from connectors.sql.connector import Sql
from tests.connectors.sql.conftest import PLAN, Connect
from tests.connectors.sql.databases import AddressBook
from tests.connectors.sql.readme import index_for

pytestmark = pytest.mark.anyio

DANA = "+13175550142"


def phone(text: str = DANA) -> Phone:
    found = parse(text)
    assert found is not None
    return found


async def names(connector: Sql, number: str = DANA) -> list[str | None]:
    """Who is found, as the kit would see it, oldest first."""
    asked = phone(number)
    found = sorted(await connector.lookup(asked), key=lambda one: one.created)
    return [
        one.contact.name
        for one in found
        if any(match(asked, stored, connector.country) for stored in one.phones)
    ]


NOTATIONS = (
    "+13175550142", "(317) 555-0142", "317.555.0142", "1-317-555-0142", "3175550142", "+1 317 555 0142",
    "tel:+1-317-555-0142", "317-555-0142 ext. 7", "317/555/0142", "317\u00a0555\u00a00142", "555-0142",
)  # fmt: skip


@pytest.mark.parametrize("column", ["phone", "mobile"])
async def test_found_in_any_notation(book: AddressBook, connector: Sql, column: str) -> None:
    for stored in NOTATIONS:
        await book.add(full_name=stored, **{column: stored})
    assert {*await names(connector)} == {*NOTATIONS}


async def test_found_in_a_column_of_numbers(book: AddressBook, connector: Sql) -> None:
    await book.add(full_name="Dana", office=13175550142)
    assert await names(connector) == ["Dana"]


async def test_another_number_is_nobody(book: AddressBook, connector: Sql) -> None:
    for stored in ("+44 317 555 0142", "+13175550143", "5550", "none", "%", "", "0142", "317555014"):
        await book.add(full_name="Dana", phone=stored)
    assert await names(connector) == []


@pytest.mark.parametrize(
    ("number", "stored"),
    [
        ("+4915112345678", "01511 2345678"),
        ("+4915112345678", "0049 1511 2345678"),
        ("+390669812345", "06 6981 2345"),
        ("+298211234", "+298 21 12 34"),
        ("+298211234", "211234"),
    ],
)
async def test_numbers_of_other_countries(
    book: AddressBook, connect: Connect, number: str, stored: str
) -> None:
    await book.add(full_name="There", phone=stored)
    asked = phone(number)
    connector = connect(f'country = "{asked.country}"\n' + PLAN)
    assert await names(connector, number) == ["There"]


async def test_of_several_the_oldest_comes_first(book: AddressBook, connector: Sql) -> None:
    await book.add(full_name="Younger", phone=DANA, created_at="2026-03-01 00:00:00")
    await book.add(full_name="Older", mobile="(317) 555-0142", created_at="2025-12-31 23:59:59")
    assert await names(connector) == ["Older", "Younger"]


async def test_rows_that_do_not_count_are_left_out(book: AddressBook, connector: Sql) -> None:
    await book.add(full_name="Inactive", phone=DANA, active=False)
    await book.add(full_name="Deleted", phone=DANA, deleted_at="2026-01-01 00:00:00")
    assert await names(connector) == []


async def test_what_a_contact_shows(book: AddressBook, connector: Sql) -> None:
    made = await book.add(
        full_name=" Dana Quillfeather ", phone="(317) 555-0142", email="dana@example.com", firm="", vip=True,
        owed=12.5,
    )  # fmt: skip
    [found] = await connector.lookup(phone())
    contact = found.contact
    assert (contact.id, contact.name, contact.email, contact.company, contact.phone) == (
        made, "Dana Quillfeather", "dana@example.com", None, DANA,
    )  # fmt: skip
    assert contact.url == f"https://crm.example/customers/{made}"
    assert contact.fields == {"vip": True, "owed": 12.5}


async def test_a_view_brings_phones_from_a_table_of_their_own(book: AddressBook, connect: Connect) -> None:
    dana = await book.add(full_name="Dana")
    for number in ("+1 317 555 0199", "317-555-0142"):
        await book.run(f"INSERT INTO addresses VALUES ({dana}, '{number}')")
    connector = connect("""
        [contacts]
        table = "everybody"
        id = "id"
        phones = ["number"]
        name = "full_name"
        created = "created_at"
    """)
    assert await names(connector) == await names(connector, "+13175550199") == ["Dana"]


async def test_a_search_by_tail_finds_the_same(book: AddressBook, connect: Connect) -> None:
    await book.script(index_for(book.kind))
    for stored in ("+13175550142", "(317) 555-0142", "555-0142", "+44 317 555 0142"):
        await book.add(full_name=stored, phone=stored)
    plan = PLAN.replace(
        'phones = ["phone", "mobile", "office"]', 'phones = ["phone"]\ntails = ["phone_tail"]'
    )
    assert {*await names(connect(plan))} == {"+13175550142", "(317) 555-0142", "555-0142"}


async def test_a_contact_is_made_once_and_found_at_once(book: AddressBook, connector: Sql) -> None:
    request = CreateRequest(DANA, name="Dana  Quillfeather", email="dana@example.com")
    contact, created = await connector.create(request)
    assert (contact.name, contact.email, contact.phone, created) == (
        "Dana Quillfeather", "dana@example.com", DANA, True,
    )  # fmt: skip
    again, created_again = await connector.create(request)
    assert (again.id, created_again) == (contact.id, False)
    assert await names(connector) == ["Dana Quillfeather"]
    [row] = await book.run("SELECT phone, active FROM customers")
    assert (row["phone"], bool(row["active"])) == (DANA, True)


async def test_the_e_mail_address_of_another_contact_answers_that_contact(
    book: AddressBook, connector: Sql
) -> None:
    there = await book.add(full_name="Dana", email="dana@example.com")
    contact, created = await connector.create(CreateRequest(DANA, email="dana@example.com"))
    assert (contact.id, contact.name, created) == (there, "Dana", False)


async def test_creating_has_to_be_allowed(book: AddressBook, connect: Connect) -> None:
    with pytest.raises(NotSupported):
        await connect(PLAN.replace("[create]", "")).create(CreateRequest(DANA))
    assert await book.run("SELECT * FROM customers") == []


async def test_constants_and_ids_of_new_contacts(book: AddressBook, connect: Connect) -> None:
    await book.run(
        "CREATE TABLE leads (key VARCHAR(36) PRIMARY KEY, tel TEXT, first TEXT, last TEXT, via TEXT)"
    )
    connector = connect("""
        [contacts]
        table = "leads"
        id = "key"
        phones = ["tel"]
        first_name = "first"
        last_name = "last"
        [create]
        id = "uuid"
        values = {via = "hum"}
    """)
    contact, _ = await connector.create(CreateRequest(DANA, name="Dana van Quill"))
    [row] = await book.run("SELECT * FROM leads")
    assert (row["tel"], row["first"], row["last"], row["via"]) == (DANA, "Dana", "van Quill", "hum")
    assert (contact.id, contact.name) == (row["key"], "Dana van Quill")
    assert len(contact.id) == 36


async def test_what_the_table_refuses_is_said_without_a_value(book: AddressBook, connect: Connect) -> None:
    await book.run(
        "CREATE TABLE strict (id INTEGER PRIMARY KEY, tel TEXT, vat TEXT NOT NULL)".replace(
            "INTEGER", "SERIAL" if book.kind == "postgresql" else "INTEGER"
        )
    )
    connector = connect('[contacts]\ntable = "strict"\nid = "id"\nphones = ["tel"]\n[create]\n')
    with pytest.raises(Refused, match="IntegrityError") as refused:
        await connector.create(CreateRequest(DANA))
    assert "317" not in refused.value.message


CALL = Call(
    "call_1", direction="inbound", from_=DANA, to="+13175550100", started_at="2026-11-20T21:01:12.040Z",
    ended_at="2026-11-20T21:05:09.123Z", duration_seconds=233.8, status="completed",
    summary="Moved her\ncleaning.", key_points=["Thursday suits", "Text her"], next_actions=["Send a text"],
    transcript=[Turn("agent", "Hello", 0.0), Turn("caller", "Hi\nthere", 64.2)],
    outcome={"appointment": "moved", "slots": [1]}, tags=["a", "b"], agent=Agent("f_1", "Iris"),
    sentiment="overwhelmingly positive", recording_url="https://r.example/1.mp3", revision=1,
)  # fmt: skip


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


async def test_ping_needs_the_table_and_nothing_in_it(connector: Sql) -> None:
    await connector.ping()


HOSTILE = (
    'customers"; DROP TABLE customers; --',
    "customers; DROP TABLE customers",
    "customers' OR '1'='1",
    "no_such_table",
)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("field", ["table", "id", "name"])
async def test_a_name_that_is_not_in_the_database_goes_into_no_statement(
    book: AddressBook, connect: Connect, name: str, field: str
) -> None:
    await book.add(full_name="Dana", phone=DANA)
    quoted = json.dumps(name)
    plan = "\n".join(
        f"{field} = {quoted}" if line.startswith(f"{field} = ") and '"calls"' not in line else line
        for line in PLAN.splitlines()
    )
    with pytest.raises(ValueError, match=f"contacts.{field}: ") as wrong:
        await connect(plan).open()
    assert "customers" in str(wrong.value) or "full_name" in str(wrong.value), "it says what there is"
    assert len(await book.run("SELECT * FROM customers")) == 1


@pytest.mark.parametrize(
    ("wrong", "right", "message"),
    [
        (
            'phones = ["fone"]', 'phones = ["phone", "mobile", "office"]',
            "contacts.phones: customers has no column 'fone'",
        ),
        ('tags = "tagz"', 'tags = "tags"', "calls.columns.tags: calls has no column 'tagz'"),
        ('call_id = "summary"', 'call_id = "hum_call_id"', "calls.call_id: summary needs a unique index"),
        ('transcript = "seconds"', 'transcript = "said"', "calls.columns.transcript: seconds is INTEGER"),
        ('started_at = "seconds"', 'started_at = "began"', "calls.columns.started_at: seconds is INTEGER"),
        ("where = {far = 1}", "where = {active = true}", "contacts.where: customers has no column 'far'"),
        ('tails = ["office"]\nid = "id"', 'id = "id"', "contacts.tails: office must be text"),
        ('id = "email"', 'id = "id"', "create: email must be the primary key of customers"),
        ('[create]\nvalues = {nothing = 1}', "[create]", "create.values: customers has no column 'nothing'"),
    ],
)  # fmt: skip
async def test_a_plan_that_does_not_fit_is_refused_at_the_start(
    connect: Connect, wrong: str, right: str, message: str
) -> None:
    assert right in PLAN
    with pytest.raises(ValueError, match="^" + message):
        await connect(PLAN.replace(right, wrong, 1)).open()


async def test_a_database_that_comes_back_is_used_again(
    book: AddressBook, connect: Connect, tmp_path: Path
) -> None:
    connector = connect()
    await book.add(full_name="Dana", phone=DANA)
    assert await names(connector) == ["Dana"]
    if book.kind == "postgresql":
        name = book.url.rpartition("/")[2].partition("?")[0]
        await book.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = '{name}' AND pid <> pg_backend_pid()"
        )
    assert await names(connector) == ["Dana"]


async def test_a_read_only_user_is_enough_to_look_people_up(
    book: AddressBook, connect: Connect, tmp_path: Path
) -> None:
    await book.add(full_name="Dana", phone=DANA)
    if book.kind == "postgresql":
        await book.script("""
            DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN;
            GRANT USAGE ON SCHEMA public TO reader; GRANT SELECT ON customers TO reader;
        """)
        url = book.url.replace("postgres:@", "reader@")
    else:
        url = book.url.replace(str(book.path), f"file:{book.path}?mode=ro&uri=true")
    connector = connect(PLAN.partition("[create]")[0], SQL_URL=url)
    await connector.ping()
    assert await names(connector) == ["Dana"]
    writing = connect(SQL_URL=url) if book.kind != "postgresql" else None
    if writing is not None:  # and no more than that
        with pytest.raises((Refused, Unavailable)):
            await writing.create(CreateRequest("+13175550143"))
    if book.kind == "postgresql":
        await connector.close()
        await book.script("DROP OWNED BY reader; DROP ROLE reader")


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
async def test_a_lookup_cannot_write_whatever_a_view_would_do(book: AddressBook, connect: Connect) -> None:
    await book.script("""
        CREATE FUNCTION noted() RETURNS text LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO addresses VALUES (1, 'asked'); RETURN '+13175550142'; END $$;
        CREATE VIEW curious AS SELECT 1 AS id, noted() AS number;
    """)
    connector = connect('[contacts]\ntable = "curious"\nid = "id"\nphones = ["number"]\n')
    with pytest.raises(Refused, match="25006"):
        await connector.lookup(phone())
    assert await book.run("SELECT * FROM addresses") == []


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
async def test_two_machines_make_one_contact(book: AddressBook, connect: Connect) -> None:
    """Each has its own ledger, so only the database can see to it."""
    machines = [connect(), connect()]
    made = await asyncio.gather(*(machines[n % 2].create(CreateRequest(DANA)) for n in range(10)))
    assert [created for _, created in made].count(True) == 1
    assert len(await book.run("SELECT * FROM customers")) == 1


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
@pytest.mark.parametrize("url", ["postgresql://nobody@127.0.0.1:1/x", "/no_such_database", "no such user"])
async def test_a_database_that_cannot_be_reached_is_tried_again(
    book: AddressBook, connect: Connect, url: str
) -> None:
    wrong = {
        "/no_such_database": re.sub(r"/hum_\w+", "/no_such_database", book.url),
        "no such user": book.url.replace("postgres:@", "no_such_user@"),
    }
    connector = connect(SQL_URL=wrong.get(url, url))
    with pytest.raises((Unavailable, Refused)) as failed:
        await connector.open()
    assert "no_such" not in failed.value.message and "127.0.0.1" not in failed.value.message


async def test_a_table_that_is_gone_is_trouble_and_not_nobody(book: AddressBook, connector: Sql) -> None:
    await connector.open()
    await book.run("DROP VIEW everybody")
    await book.run("DROP TABLE customers" + (" CASCADE" if book.kind == "postgresql" else ""))
    with pytest.raises((Refused, Unavailable)) as failed:
        await connector.lookup(phone())
    assert not any(word in failed.value.message for word in ("SELECT", "317", "customers"))


async def test_a_statement_that_hangs_is_given_up_in_time(book: AddressBook, connect: Connect) -> None:
    # How long SQLite waits for a lock is settled when a connection is made.
    connector = connect(PLAN.replace("timeout_seconds = 30", "timeout_seconds = 1"))
    await connector.open()
    async with held(book), impatient(connector):
        with pytest.raises(Unavailable):
            await connector.log_call(CALL, None, None)
    assert await connect().log_call(CALL, None, None)


async def test_a_search_that_takes_too_long_is_broken_off_in_the_database(
    book: AddressBook, connect: Connect
) -> None:
    endless = (
        "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 200000000)"
        " SELECT n AS id, CAST(n AS TEXT) AS number FROM s"
    )
    await book.run(f"CREATE VIEW endless AS {endless}")
    connector = connect('[contacts]\ntable = "endless"\nid = "id"\nphones = ["number"]\n')
    await connector.open()
    async with impatient(connector):
        for _ in range(7):  # more than there are connections: none of them stays busy
            with pytest.raises(Unavailable):
                await connector.lookup(phone("+13179999999"))
    await connector.ping()


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
async def test_postgresql_itself_keeps_the_limit(connector: Sql) -> None:
    """For drivers whose statements cannot be broken off from here."""

    def limit(connection: sa.Connection) -> object:
        return connection.execute(sa.text("SHOW statement_timeout")).scalar()

    assert await connector._database.read(limit) == await connector._database.write(limit) == "30s"


@asynccontextmanager
async def impatient(connector: Sql) -> AsyncIterator[None]:
    """The connector waits for nothing."""
    database = connector._database
    patience, database._timeout = database._timeout, 0.1
    yield
    database._timeout = patience


class held:  # noqa: N801 - reads as `async with held(book)`
    """Somebody else has the table to himself."""

    def __init__(self, book: AddressBook) -> None:
        self._book = book

    async def __aenter__(self) -> None:
        if self._book.kind == "postgresql":
            self._postgres = await asyncpg.connect(self._book.url)
            self._transaction = self._postgres.transaction()
            await self._transaction.start()
            await self._postgres.execute("LOCK TABLE calls IN ACCESS EXCLUSIVE MODE")
        else:
            self._sqlite = sqlite3.connect(self._book.path or "", isolation_level=None)
            self._sqlite.execute("BEGIN EXCLUSIVE")

    async def __aexit__(self, *error: object) -> None:
        if self._book.kind == "postgresql":
            await self._transaction.rollback()
            await self._postgres.close()
        else:
            with closing(self._sqlite):
                self._sqlite.execute("ROLLBACK")

"""Plans that do not fit, users who may only read, databases that hang or go away: said, bounded in time."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import asyncpg
import pytest
import sqlalchemy as sa

from connectors.kit.contract import CreateRequest
from connectors.kit.failures import Refused, Unavailable
from connectors.sql.connector import Sql
from tests.connectors.sql.conftest import PLAN, Connect
from tests.connectors.sql.databases import AddressBook
from tests.connectors.sql.people import CALL, DANA, names, phone

pytestmark = pytest.mark.anyio


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

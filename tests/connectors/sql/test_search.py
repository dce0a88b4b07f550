"""What is asked of the database: an index answers where the plan names one, and every dialect can say it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mssql, mysql, oracle, postgresql, sqlite

from connectors.kit.phones import Phone, parse
from connectors.sql import search
from connectors.sql.plan import load
from connectors.sql.schema import ContactsTable
from tests.connectors.sql.conftest import PLAN, Connect
from tests.connectors.sql.databases import AddressBook
from tests.connectors.sql.readme import index_for

pytestmark = pytest.mark.anyio

PEOPLE = 50_000
BY_TAIL = PLAN.replace('phones = ["phone", "mobile", "office"]', 'phones = ["phone"]\ntails = ["phone_tail"]')


def phone(text: str = "+13175550142") -> Phone:
    found = parse(text)
    assert found is not None
    return found


async def fifty_thousand(book: AddressBook) -> None:
    """People with numbers of their own in three notations, and one who has the number that is asked for."""
    await book.script(f"""
        INSERT INTO customers (full_name, phone)
        WITH RECURSIVE s (n) AS (SELECT 2000001 UNION ALL SELECT n + 1 FROM s WHERE n < {2000000 + PEOPLE}),
            digits (n, d) AS (SELECT n, CAST(n AS TEXT) FROM s)
        SELECT 'Customer', CASE n % 3
            WHEN 0 THEN '+1317' || d
            WHEN 1 THEN '(317) ' || substr(d, 1, 3) || '-' || substr(d, 4)
            ELSE '317.' || d END
        FROM digits;
        INSERT INTO customers (full_name, phone) VALUES ('Dana', '(317) 555-0142');
        {index_for(book.kind)}
        ANALYZE;
    """)


async def plan_of(book: AddressBook, connect: Connect, plan: str) -> str:
    """How the database goes about a search."""
    connector = connect(plan)
    statement = search.by_phone((await connector._tables()).contacts, phone(), connector._database.dialect)
    explain = "EXPLAIN (FORMAT JSON) " if book.kind == "postgresql" else "EXPLAIN QUERY PLAN "

    def explained(connection: sa.Connection) -> str:
        dialect = connection.dialect
        compiled = statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
        return json.dumps([list(map(str, row)) for row in connection.exec_driver_sql(f"{explain}{compiled}")])

    return await connector._database.read(explained)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"], indirect=True)
async def test_a_search_among_fifty_thousand_goes_over_the_index(book: AddressBook, connect: Connect) -> None:
    await fifty_thousand(book)
    [found] = await connect(BY_TAIL).lookup(phone())
    assert found.contact.name == "Dana"
    indexed = await plan_of(book, connect, BY_TAIL)
    assert "customers_by_phone_tail" in indexed
    assert not any(scan in indexed for scan in ("Seq Scan", "SCAN customers"))

    # The control: without the column in the plan every row is looked at, and the same person is found.
    assert "Dana" in {one.contact.name for one in await connect().lookup(phone())}
    scanned = await plan_of(book, connect, PLAN)
    assert any(scan in scanned for scan in ("Seq Scan", "SCAN customers"))


CONTACTS = sa.Table(
    "customers", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("phone", sa.String(40)), sa.Column("office", sa.BigInteger), sa.Column("name", sa.String(80)),
    sa.Column("tail", sa.String(7)),
)  # fmt: skip


def contacts(**changes: Any) -> ContactsTable:
    columns = CONTACTS.columns
    whole: dict[str, Any] = {
        "table": CONTACTS, "id": columns.id, "phones": (columns.phone, columns.office), "tails": (),
        "created": None, "texts": {"name": columns.name}, "fields": {}, "where": {columns.name: "x"},
        "where_null": (columns.name,),
    }  # fmt: skip
    return ContactsTable(**{**whole, **changes})


@pytest.mark.parametrize(
    "dialect", [postgresql, sqlite, mysql, mssql, oracle], ids=lambda one: one.__name__[20:]
)
@pytest.mark.parametrize("tails", [(), (CONTACTS.columns.tail,)], ids=["digits", "tail"])
async def test_every_dialect_can_say_it_and_no_value_stands_in_the_statement(
    dialect: Any, tails: Any
) -> None:
    made = dialect.dialect()
    for statement in (
        search.by_phone(contacts(tails=tails), phone(), made.name),
        search.by_id(contacts(), 7),
        search.anybody(contacts()),
    ):
        text = str(statement.compile(dialect=made))
        assert "5550142" not in text and "'x'" not in text
        assert "customers" in text


@pytest.mark.parametrize(
    ("number", "tails"),
    [
        ("+13175550142", {"5550142"}),
        ("+4915112345678", {"2345678"}),
        ("+390669812345", {"9812345"}),
        ("+298211234", {"8211234", "211234"}),
        ("+29022158", {"9022158", "22158"}),
    ],
)
async def test_the_last_seven_digits_however_it_is_written(number: str, tails: set[str]) -> None:
    assert search.tails_of(phone(number)) == tails


async def test_the_plan_of_these_tests_is_a_plan(tmp_path: Any) -> None:
    file = tmp_path / "plan.toml"
    file.write_text(BY_TAIL, "utf-8")
    assert load(str(file)).contacts.tails == ["phone_tail"]

"""Contacts in real databases: found in any notation, made once."""

from __future__ import annotations

import asyncio

import pytest

from connectors.kit.contract import CreateRequest
from connectors.kit.failures import NotSupported, Refused
from connectors.sql.connector import Sql
from tests.connectors.sql.conftest import PLAN, Connect
from tests.connectors.sql.databases import AddressBook
from tests.connectors.sql.people import DANA, names, phone
from tests.connectors.sql.readme import index_for

pytestmark = pytest.mark.anyio

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


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
async def test_two_machines_make_one_contact(book: AddressBook, connect: Connect) -> None:
    """Each has its own ledger, so only the database can see to it."""
    machines = [connect(), connect()]
    made = await asyncio.gather(*(machines[n % 2].create(CreateRequest(DANA)) for n in range(10)))
    assert [created for _, created in made].count(True) == 1
    assert len(await book.run("SELECT * FROM customers")) == 1

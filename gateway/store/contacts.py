"""The address book's contacts and their numbers.

A contact's id is made of its first number (`Cipher.contact`), so that whoever finds somebody for the first
time, on whichever node, makes the same contact. After a merge a contact has several numbers; the one that was
merged keeps its row, which leads to the other. What is known of a contact stands in its numbers' facts
(`store.contact_facts`).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.contact import Knowledge
from gateway.domain.overrides import Override
from gateway.store import contact_facts
from gateway.store.cipher import Cipher
from gateway.store.contact_facts import BOOK
from gateway.store.page import PageQuery
from gateway.store.scan import Found, Scan, scan_page
from gateway.store.tables import contact_phones, organizations
from gateway.store.tables import contacts as table
from gateway.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Said:
    """What a source says of one of the contact's numbers, as of `at` (ms)."""

    phone: str
    source: str
    knowledge: Knowledge
    at: int


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact with everything that is known of it. `phone` is its first number, and the first of
    `phones`."""

    id: str
    org_id: str
    position: int
    phone: str
    tags: tuple[str, ...]
    by_person: bool
    created_at: int
    updated_at: int
    phones: tuple[str, ...]
    overrides: dict[str, Override] = field(default_factory=dict)
    said: tuple[Said, ...] = ()


async def find(conn: AsyncConnection, cipher: Cipher, org_id: str, key: str) -> Contact | None:
    """The contact with this id or number (E.164); one that was merged leads to the other."""
    contact_id = await id_of(conn, org_id, key)
    if contact_id is None:
        return None
    row = (await conn.execute(select(table).where(table.c.id == contact_id))).one_or_none()
    return None if row is None else (await load(conn, cipher, org_id, [row]))[0]


async def id_of(conn: AsyncConnection, org_id: str, key: str) -> str | None:
    """The id under which the contact with this id or number stands."""
    if key.startswith("+"):
        query = select(contact_phones.c.contact_id).where(
            contact_phones.c.org_id == org_id, contact_phones.c.phone == key
        )
        found: str | None = (await conn.execute(query)).scalar_one_or_none()
        return found
    query = select(table.c.merged_into).where(table.c.id == key, table.c.org_id == org_id)
    row = (await conn.execute(query)).one_or_none()
    return None if row is None else row.merged_into or key


async def load(conn: AsyncConnection, cipher: Cipher, org_id: str, rows: Sequence[Any]) -> list[Contact]:
    """These rows of `contacts` of one organization, in their order, with numbers and facts."""
    phones = await _phones(conn, org_id, [row.id for row in rows])
    everything = [phone for some in phones.values() for phone in some]
    facts: dict[str, list[Any]] = {}
    for fact in await contact_facts.of_phones(conn, org_id, everything):
        facts.setdefault(fact.phone, []).append(fact)
    return [_contact(cipher, row, phones.get(row.id, []), facts) for row in rows]


async def page(conn: AsyncConnection, org_id: str | None, tag: str | None, query: PageQuery) -> Found:
    """Rows of the address book of an organization, or of all that live, with this tag."""
    base: list[ColumnElement[bool]] = [table.c.merged_into.is_(None)]
    sieve = [] if tag is None else [_holds(conn, table.c.tags, json.dumps(tag, ensure_ascii=False))]
    if org_id is not None:
        base.append(table.c.org_id == org_id)
    else:  # rows of an erased organization stand until they are removed, and nobody can read them
        erased = select(organizations.c.id).where(organizations.c.erased_at.is_not(None))
        sieve.append(table.c.org_id.not_in(erased))
    return await scan_page(conn, Scan(table, [*table.c], table.c.created_at, base, sieve), query)


async def rows_of(conn: AsyncConnection, org_id: str, ids: Collection[str]) -> Sequence[Any]:
    """The rows with these ids, in no order."""
    query = select(table).where(table.c.org_id == org_id, table.c.id.in_(ids), table.c.merged_into.is_(None))
    return (await conn.execute(query)).all()


async def add(tx: Transaction, cipher: Cipher, org_id: str, phone: str, now: int) -> Contact:
    """A new contact, made by a person; the number must not be in the address book."""
    contact = Contact(cipher.contact(phone), org_id, await tx.position(), phone, (), True, now, now, (phone,))
    await tx.conn.execute(
        insert(table).values(
            id=contact.id, position=contact.position, org_id=org_id, phone=phone, by_person=True,
            created_at=now, updated_at=now,
        )
    )  # fmt: skip
    await tx.conn.execute(insert(contact_phones).values(org_id=org_id, phone=phone, contact_id=contact.id))
    return contact


async def change(
    conn: AsyncConnection,
    cipher: Cipher,
    contact: Contact,
    overrides: dict[str, Override],
    tags: Iterable[str],
    now: int,
) -> Contact:
    """What people say of it is this; the contact as it is then."""
    if overrides != contact.overrides:
        await contact_facts.write_books(conn, cipher, contact.org_id, {contact.phone: overrides}, now)
    statement = update(table).where(table.c.id == contact.id)
    await conn.execute(statement.values(tags=_tags(tags), by_person=True, updated_at=now))
    return replace(contact, overrides=overrides, tags=tuple(tags), by_person=True, updated_at=now)


async def move_phones(conn: AsyncConnection, absorbed: Contact, into: Contact) -> None:
    """Makes the numbers of one contact, of which people say nothing any more, those of another; its row, and
    those that led to it, lead there."""
    await conn.execute(
        update(contact_phones).where(contact_phones.c.contact_id == absorbed.id).values(contact_id=into.id)
    )
    await conn.execute(
        update(table)
        .where((table.c.id == absorbed.id) | (table.c.merged_into == absorbed.id))
        .where(table.c.org_id == absorbed.org_id)
        .values(merged_into=into.id)
    )


async def remove(conn: AsyncConnection, cipher: Cipher, contact: Contact) -> None:
    """Takes the contact away, with everything that is known of its numbers, and what led to it."""
    await contact_facts.forget(conn, contact.org_id, contact.phones)
    ids = {contact.id, *map(cipher.contact, contact.phones)}
    await conn.execute(delete(table).where(table.c.id.in_(ids), table.c.org_id == contact.org_id))
    await conn.execute(delete(contact_phones).where(contact_phones.c.contact_id == contact.id))


async def _phones(conn: AsyncConnection, org_id: str, ids: Collection[str]) -> dict[str, list[str]]:
    query = select(contact_phones.c.contact_id, contact_phones.c.phone).where(
        contact_phones.c.org_id == org_id, contact_phones.c.contact_id.in_(ids)
    )
    found: dict[str, list[str]] = {}
    for row in await conn.execute(query.order_by(contact_phones.c.phone)):
        found.setdefault(row.contact_id, []).append(row.phone)
    return found


def _contact(cipher: Cipher, row: Any, phones: Sequence[str], facts: dict[str, list[Any]]) -> Contact:
    phones = sorted(phones, key=lambda phone: phone != row.phone)
    overrides: dict[str, Override] = {}
    said = []
    for fact in (fact for phone in phones for fact in facts.get(phone, ())):
        if fact.source == BOOK:
            overrides |= contact_facts.open_book(cipher, fact.phone, fact.said)
        else:
            said.append(Said(fact.phone, fact.source, contact_facts.open_said(cipher, fact), fact.at))
    return Contact(
        row.id, row.org_id, row.position, row.phone, tuple(json.loads(row.tags)), row.by_person,
        row.created_at, row.updated_at, tuple(phones), overrides, tuple(said),
    )  # fmt: skip


def _holds(conn: AsyncConnection, column: ColumnElement[str], part: str) -> ColumnElement[bool]:
    """Whether a text holds another, letter by letter: `LIKE` takes `VIP` for `vip` on SQLite."""
    find = func.instr if conn.dialect.name == "sqlite" else func.strpos
    return find(column, part) > 0


def _tags(tags: Iterable[str]) -> str:
    return json.dumps(list(tags), ensure_ascii=False, separators=(",", ":"))

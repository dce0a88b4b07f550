"""What each source says of a number of the address book: people (`book`), connectors, a look-up of the
number.

A row for each source and number, sealed; only the names in it stand in plain form beside it, to be searched.
So what one source says is written without reading what the others say, and a contact with several numbers has
the facts of all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.contact import Knowledge
from gateway.domain.contact_search import search_text
from gateway.domain.overrides import Override, Overrides, knowledge_of
from gateway.store.bulk import BulkInsert
from gateway.store.cipher import Cipher
from gateway.store.tables import contact_facts as table
from gateway.store.tables import contact_phones, contacts
from gateway.store.transaction import Transaction

BOOK: Final = "book"

_COLUMNS: Final = ("org_id", "phone", "source", "search", "said", "at")
_REPLACES: Final = (
    "ON CONFLICT (org_id, phone, source) DO UPDATE SET"
    " search = excluded.search, said = excluded.said, at = excluded.at"
)
# What was asked for earlier must not undo what was asked for later.
_insert_heard: Final = BulkInsert(
    table, _COLUMNS, on_conflict=f"{_REPLACES} WHERE excluded.at >= contact_facts.at"
)
_insert_book: Final = BulkInsert(table, _COLUMNS, on_conflict=_REPLACES)
_insert_contacts: Final = BulkInsert(
    contacts,
    ("id", "position", "org_id", "phone", "by_person", "created_at", "updated_at"),
    ignore_conflicts=True,
)
_insert_phones: Final = BulkInsert(contact_phones, ("org_id", "phone", "contact_id"), ignore_conflicts=True)

_encode: Final = msgspec.msgpack.Encoder().encode
_decode_knowledge: Final = msgspec.msgpack.Decoder(Knowledge).decode
_decode_overrides: Final = msgspec.msgpack.Decoder(dict[str, Override]).decode


@dataclass(frozen=True, slots=True)
class Heard:
    """What a source said of a number when it was asked at `at` (ms). `row` is made by `heard`; None when the
    source does not know it any more. `contact_id` is the number's own (`Cipher.contact`)."""

    org_id: str
    phone: str
    source: str
    at: int
    contact_id: str
    row: tuple[Any, ...] | None

    @property
    def key(self) -> tuple[str, str, str]:
        return self.org_id, self.phone, self.source


def heard(
    cipher: Cipher, org_id: str, phone: str, source: str, knowledge: Knowledge | None, at: int
) -> Heard:
    """What a source said, ready to be written."""
    row = None
    if knowledge is not None:
        said = cipher.seal(_name(phone, source), "said", _encode(knowledge))
        row = (org_id, phone, source, search_text(knowledge.values), said, at)
    return Heard(org_id, phone, source, at, cipher.contact(phone), row)


async def write_heard(tx: Transaction, facts: Collection[Heard], now: int) -> None:
    """Writes what sources said, of each number and source once; whoever is in the address book for the first
    time gets a contact, and whom nobody knows any more loses it."""
    known = sorted((fact for fact in facts if fact.row is not None), key=lambda fact: fact.key)
    if known:
        position = await tx.positions.take(tx, len(known))
        await _insert_contacts(
            tx.conn,
            [
                (fact.contact_id, position + number, fact.org_id, fact.phone, False, now, now)
                for number, fact in enumerate(known)
            ],
        )
        await _insert_phones(tx.conn, [(fact.org_id, fact.phone, fact.contact_id) for fact in known])
        await _insert_heard(tx.conn, [fact.row for fact in known if fact.row is not None])
    gone = [fact for fact in facts if fact.row is None]
    if gone:
        await _unsay(tx.conn, gone)


async def write_book(
    conn: AsyncConnection, cipher: Cipher, org_id: str, phone: str, overrides: Overrides, at: int
) -> None:
    """What people say of the contact whose first number this is; nothing at all takes the row away."""
    if not overrides:
        await _delete(conn, org_id, [phone], BOOK)
        return
    said = cipher.seal(_name(phone, BOOK), "said", _encode(dict(overrides)))
    search = search_text(knowledge_of(overrides).values)
    await _insert_book(conn, [(org_id, phone, BOOK, search, said, at)])


def open_book(cipher: Cipher, phone: str, said: bytes | None) -> dict[str, Override]:
    """The overrides of the contact whose first number this is."""
    if said is None:
        return {}
    return _decode_overrides(cipher.open(_name(phone, BOOK), "said", said))


def open_said(cipher: Cipher, row: Any) -> Knowledge:
    """What a source other than people says: a row of `of_phones`."""
    return _decode_knowledge(cipher.open(_name(row.phone, row.source), "said", row.said))


async def of_phones(conn: AsyncConnection, org_id: str, phones: Collection[str]) -> Sequence[Any]:
    """All facts of these numbers, unopened: phone, source, said, at."""
    query = select(table.c.phone, table.c.source, table.c.said, table.c.at)
    query = query.where(table.c.org_id == org_id, table.c.phone.in_(phones))
    return (await conn.execute(query.order_by(table.c.phone, table.c.source))).all()


async def forget(conn: AsyncConnection, org_id: str, phones: Collection[str]) -> int:
    """Takes all facts of these numbers away; how many."""
    return await _delete(conn, org_id, phones, None)


async def forget_empty(conn: AsyncConnection, org_id: str, phones: Iterable[str]) -> int:
    """Takes contacts with these numbers away of which no source says anything, and that no person has made or
    written to; how many."""
    named = select(contact_phones.c.contact_id).where(
        contact_phones.c.org_id == org_id, contact_phones.c.phone.in_(list(phones))
    )
    said = (
        select(table.c.at)
        .select_from(
            contact_phones.join(
                table, (table.c.org_id == contact_phones.c.org_id) & (table.c.phone == contact_phones.c.phone)
            )
        )
        .where(contact_phones.c.contact_id == contacts.c.id)
    )
    empty = delete(contacts).where(contacts.c.id.in_(named), contacts.c.by_person.is_(False), ~said.exists())
    gone = list((await conn.execute(empty.returning(contacts.c.id))).scalars())
    if gone:
        await conn.execute(delete(contact_phones).where(contact_phones.c.contact_id.in_(gone)))
    return len(gone)


async def _unsay(conn: AsyncConnection, gone: Sequence[Heard]) -> None:
    key = tuple_(table.c.org_id, table.c.phone, table.c.source)
    newest = max(fact.at for fact in gone)
    statement = delete(table).where(key.in_([fact.key for fact in gone]), table.c.at <= newest)
    rows = await conn.execute(statement.returning(table.c.org_id, table.c.phone))
    emptied: dict[str, set[str]] = {}
    for org_id, phone in rows:
        emptied.setdefault(org_id, set()).add(phone)
    for org_id, phones in sorted(emptied.items()):
        await forget_empty(conn, org_id, phones)


async def _delete(conn: AsyncConnection, org_id: str, phones: Collection[str], source: str | None) -> int:
    statement = delete(table).where(table.c.org_id == org_id, table.c.phone.in_(phones))
    if source is not None:
        statement = statement.where(table.c.source == source)
    return (await conn.execute(statement)).rowcount


def _name(phone: str, source: str) -> str:
    return f"{phone}|{source}"

"""Writing to many contacts at once: what stands of them is read with three statements, and what has changed
is written with a few."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.overrides import Override
from gateway.store import contact_facts
from gateway.store.bulk import BulkUpdate
from gateway.store.cipher import Cipher
from gateway.store.contact_facts import insert_contacts, insert_phones
from gateway.store.tables import contact_phones, contacts
from gateway.store.transaction import Transaction

_update: Final = BulkUpdate(contacts, set_=("tags", "by_person", "updated_at"), where=("id",))


@dataclass(slots=True)
class Standing:
    """What people say of a contact, to be changed; `new` when there was none. `phone` is its first number."""

    id: str
    phone: str
    exists: bool = False
    by_person: bool = False
    overrides: dict[str, Override] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    new: bool = True
    changed: bool = False


async def standing(
    conn: AsyncConnection, cipher: Cipher, org_id: str, phones: Collection[str]
) -> dict[str, Standing]:
    """What stands of the contacts with these numbers, by number; two numbers of one contact have the same."""
    query = (
        select(contact_phones.c.phone.label("number"), contacts)
        .join(contacts, contacts.c.id == contact_phones.c.contact_id)
        .where(contact_phones.c.org_id == org_id, contact_phones.c.phone.in_(phones))
    )
    rows = (await conn.execute(query)).all()
    firsts = {row.phone for row in rows}
    said = {
        fact.phone: contact_facts.open_book(cipher, fact.phone, fact.said)
        for fact in await contact_facts.of_phones(conn, org_id, firsts)
        if fact.source == contact_facts.BOOK
    }
    by_id = {row.id: _existing(row, said) for row in rows}
    found = {row.number: by_id[row.id] for row in rows}
    return found | {phone: Standing(cipher.contact(phone), phone) for phone in phones if phone not in found}


async def write(
    tx: Transaction, cipher: Cipher, org_id: str, contacts_: Iterable[Standing], now: int
) -> None:
    """Writes those that have changed; new ones are made in this order. The organization must be locked."""
    changed = list({one.id: one for one in contacts_ if one.changed}.values())
    new = [one for one in changed if one.new]
    if new:
        position = await tx.positions.take(tx, len(new))
        rows = [(one.id, position + n, org_id, one.phone, True, now, now) for n, one in enumerate(new)]
        await insert_contacts(tx.conn, rows)
        await insert_phones(tx.conn, [(org_id, one.phone, one.id) for one in new])
    await _update(tx.conn, [(_tags(one.tags), True, now, one.id) for one in changed])
    await contact_facts.write_books(
        tx.conn, cipher, org_id, {one.phone: one.overrides for one in changed}, now
    )


def _existing(row: Any, said: Mapping[str, dict[str, Override]]) -> Standing:
    return Standing(
        row.id,
        row.phone,
        True,
        row.by_person,
        said.get(row.phone, {}),
        tuple(json.loads(row.tags)),
        new=False,
    )


def _tags(tags: Sequence[str]) -> str:
    return json.dumps(list(tags), ensure_ascii=False, separators=(",", ":"))

"""Which numbers of the address book a backfill goes through, contact by contact in commit order."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.backfill import KIND
from gateway.store.tables import contact_facts, contact_phones, contacts, jobs


@dataclass(frozen=True, slots=True)
class Listed:
    """A contact's place, and its numbers."""

    position: int
    phones: tuple[str, ...]


async def contacts_after(
    conn: AsyncConnection, org_id: str, after: int, below: int, limit: int
) -> Sequence[Listed]:
    """The organization's contacts behind the position `after`, and before `below`."""
    query = select(contacts.c.id, contacts.c.position).where(
        contacts.c.org_id == org_id, contacts.c.position > after, contacts.c.position < below
    )
    rows = (await conn.execute(query.order_by(contacts.c.position).limit(limit))).all()
    numbers = select(contact_phones.c.contact_id, contact_phones.c.phone).where(
        contact_phones.c.org_id == org_id, contact_phones.c.contact_id.in_([row.id for row in rows])
    )
    phones: dict[str, list[str]] = {}
    for contact_id, phone in await conn.execute(numbers.order_by(contact_phones.c.phone)):
        phones.setdefault(contact_id, []).append(phone)
    return [Listed(row.position, tuple(phones.get(row.id, ()))) for row in rows]


async def told_of(
    conn: AsyncConnection, org_id: str, phones: Collection[str], sources: Collection[str], since: int | None
) -> set[str]:
    """Those of these numbers of which one of the sources has said something; since then (ms), if given."""
    query = select(contact_facts.c.phone).where(
        contact_facts.c.org_id == org_id,
        contact_facts.c.phone.in_(phones),
        contact_facts.c.source.in_(sources),
        contact_facts.c.at >= (since or 0),
    )
    return set((await conn.execute(query)).scalars())


async def running(conn: AsyncConnection, org_id: str) -> str | None:
    """The id of the backfill that is at work for the organization."""
    query = select(jobs.c.id).where(text("status = 'running'"), jobs.c.org_id == org_id, jobs.c.kind == KIND)
    return (await conn.execute(query.limit(1))).scalar_one_or_none()

"""What connectors have answered about people: kept for a while, found by the keyed hash of the number.

How long an answer is fresh, and whether a stale one is still of use, is decided by who asks (`enrich`). Here
it is kept until `expires_at`, and sealed: the rows tell neither the number nor the contact.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.connector import Connector
from gateway.store.bulk import BulkInsert
from gateway.store.bulk import Row as Tuple
from gateway.store.cipher import Cipher
from gateway.store.tables import connector_contacts as table

State = Literal["found", "not_found"]

# So long a dropped answer keeps its place: one to a question from before it was dropped must not take that.
DROPPED_FOR_MS: Final = 120_000
_DROPPED: Final = "dropped"

FIRST: Final = (b"", "")

_COLUMNS: Final = ("org_id", "person", "connector_id", "state", "contact", "fetched_at", "expires_at")
_REPLACES: Final = (
    "ON CONFLICT (org_id, person, connector_id) DO UPDATE SET state = excluded.state,"
    " contact = excluded.contact, fetched_at = excluded.fetched_at, expires_at = excluded.expires_at"
)

# An answer that was asked for earlier must not undo a later one.
insert_answers: Final = BulkInsert(
    table, _COLUMNS, on_conflict=f"{_REPLACES} WHERE excluded.fetched_at >= connector_contacts.fetched_at"
)
_insert_dropped: Final = BulkInsert(table, _COLUMNS, on_conflict=_REPLACES)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a connector said of a person; `fetched_at` (ms) is when it was asked. `contact` is what was given
    to `row`."""

    connector_id: str
    state: State
    contact: bytes | None
    fetched_at: int
    expires_at: int


def row(cipher: Cipher, org_id: str, person: bytes, answer: Answer) -> Tuple:
    """A row of `insert_answers`; of several about the same person and connector in one call, the last must be
    the only one (PostgreSQL refuses to write one row twice)."""
    sealed = None
    if answer.contact is not None:
        sealed = cipher.seal(_name(answer.connector_id, person), "contact", answer.contact)
    return (
        org_id, person, answer.connector_id, answer.state, sealed, answer.fetched_at, answer.expires_at,
    )  # fmt: skip


Kept = tuple[str, str, bytes | None, int, int]
"""A row as it is read: connector, state, sealed contact, when it was asked, when it expires."""


def usable(
    cipher: Cipher, person: bytes, rows: Iterable[Kept], connectors: Iterable[Connector], now: int
) -> dict[str, Answer]:
    """What these connectors have said of the person, by connector, out of the rows that there are: not what
    has expired or was dropped, nor what was answered by a system that the connector no longer leads to."""
    since = {connector.id: connector.contacts_since for connector in connectors}
    return {
        row[0]: _answer(cipher, person, *row)
        for row in rows
        if row[4] > now and row[1] != _DROPPED and row[0] in since and row[3] >= since[row[0]]
    }


async def drop(
    conn: AsyncConnection, org_id: str, connector_id: str, people: Iterable[bytes], now: int
) -> int:
    """Drops what this connector has answered about these people, and what it is about to answer to what it
    was asked before `now` (ms); how many answers were kept."""
    ordered = sorted(set(people))  # in one order on all nodes, so that none waits for another in a circle
    query = select(func.count()).where(
        table.c.org_id == org_id,
        table.c.person.in_(ordered),
        table.c.connector_id == connector_id,
        table.c.state != _DROPPED,
        table.c.expires_at > now,
    )
    count = int((await conn.execute(query)).scalar_one())
    rows = [(org_id, p, connector_id, _DROPPED, None, now, now + DROPPED_FOR_MS) for p in ordered]
    await _insert_dropped(conn, rows)
    return count


async def forget_person(conn: AsyncConnection, org_id: str, person: bytes) -> int:
    """Drops what any connector has answered about the person; how many answers."""
    result = await conn.execute(delete(table).where(table.c.org_id == org_id, table.c.person == person))
    return result.rowcount


async def some(conn: AsyncConnection, org_id: str, after: tuple[bytes, str], limit: int) -> Sequence[Any]:
    """The organization's answers in the order of their key, from `after` on, unopened: person, connector_id,
    fetched_at."""
    key = tuple_(table.c.person, table.c.connector_id)
    query = select(table.c.person, table.c.connector_id, table.c.fetched_at)
    query = query.where(table.c.org_id == org_id, key > after)
    return (await conn.execute(query.order_by(table.c.person, table.c.connector_id).limit(limit))).all()


async def remove(conn: AsyncConnection, org_id: str, rows: Sequence[Any]) -> int:
    """Drops these of `some`, unless they were answered anew."""
    key = tuple_(table.c.person, table.c.connector_id, table.c.fetched_at)
    wanted = [(bytes(row.person), row.connector_id, row.fetched_at) for row in rows]
    return (await conn.execute(delete(table).where(table.c.org_id == org_id, key.in_(wanted)))).rowcount


async def forget_expired(conn: AsyncConnection, now: int, limit: int) -> int:
    """Drops up to `limit` answers that have expired; how many."""
    over = select(table.c.org_id, table.c.person, table.c.connector_id).where(table.c.expires_at <= now)
    keys = (await conn.execute(over.order_by(table.c.expires_at).limit(limit))).all()
    for org_id, person, connector_id in keys:
        await conn.execute(
            delete(table).where(
                table.c.org_id == org_id,
                table.c.person == person,
                table.c.connector_id == connector_id,
                table.c.expires_at <= now,
            )
        )
    return len(keys)


def _answer(
    cipher: Cipher,
    person: bytes,
    connector_id: str,
    state: Any,
    sealed: bytes | None,
    at: int,
    expires_at: int,
) -> Answer:
    contact = None if sealed is None else cipher.open(_name(connector_id, person), "contact", sealed)
    return Answer(connector_id, state, contact, at, expires_at)


def _name(connector_id: str, person: bytes) -> str:
    return f"{connector_id}|{bytes(person).hex()}"

"""Contacts that connectors are asked to make: claimed once for each connector and person.

A row is the claim, and while it is pending also what is left to do, so that a node's death loses no try and
makes none twice: `due_at` moves on before each one. Done stays done. One that was given up may be claimed
again after a while, and one that was made in a system the connector no longer leads to, at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.cipher import Cipher
from gateway.store.tables import connector_creates as table
from gateway.store.transaction import Transaction

GIVEN_UP_FOR_MS: Final = 3_600_000

_CLAIM: Final = text(
    "INSERT INTO connector_creates AS c"
    " (connector_id, person, org_id, delivery_id, state, tries, due_at, inquiry, created_at)"
    " VALUES (:connector_id, :person, :org_id, :delivery_id, 'pending', :tries, :due_at, :inquiry, :now)"
    " ON CONFLICT (connector_id, person) DO UPDATE SET state = 'pending', tries = excluded.tries,"
    " due_at = excluded.due_at, inquiry = excluded.inquiry, created_at = excluded.created_at,"
    " completed_at = NULL, delivery_id ="
    " CASE WHEN c.created_at < :since THEN excluded.delivery_id ELSE c.delivery_id END"
    " WHERE (c.state = 'failed' AND c.completed_at <= :given_up_before)"
    " OR (c.state <> 'pending' AND c.created_at < :since)"
    " RETURNING delivery_id"
)


@dataclass(frozen=True, slots=True)
class Pending:
    """A create with a try to be made now, the one with the number `tries`; 0: it is put into the row of those
    that are due. `inquiry` is what was given to `claim`."""

    connector_id: str
    person: bytes
    org_id: str
    delivery_id: str
    tries: int
    inquiry: bytes


async def claim(
    tx: Transaction, cipher: Cipher, wanted: Pending, *, since: int, now: int, due_at: int
) -> Pending | None:
    """Claims it. If nothing is heard of its try, the next may begin at `due_at` (ms). None when somebody has
    it, or had it before. `since`: from when on (ms) the connector leads to the system that it leads to. A
    claim that is renewed keeps the id of its delivery."""
    sealed = cipher.seal(_name(wanted.connector_id, wanted.person), "inquiry", wanted.inquiry)
    values = {
        "connector_id": wanted.connector_id, "person": wanted.person, "org_id": wanted.org_id,
        "delivery_id": wanted.delivery_id, "tries": wanted.tries, "due_at": due_at, "inquiry": sealed,
        "now": now, "since": since, "given_up_before": now - GIVEN_UP_FOR_MS,
    }  # fmt: skip
    delivery_id = (await tx.conn.execute(_CLAIM, values)).scalar_one_or_none()
    if delivery_id is None:
        return None
    return replace(wanted, delivery_id=delivery_id)


async def state_of(conn: AsyncConnection, connector_id: str, person: bytes) -> str | None:
    """`pending`, `done` or `failed`; None for what was never claimed."""
    query = select(table.c.state).where(*_key(connector_id, person))
    return (await conn.execute(query)).scalar_one_or_none()


async def some_due(conn: AsyncConnection, now: int, each: int, limit: int) -> Sequence[Row[Any]]:
    """Those whose next try may begin, `each` of a connector at most, the longest overdue first: to be taken
    with `take`."""
    place = func.row_number().over(partition_by=table.c.connector_id, order_by=table.c.due_at)
    query = select(table, place.label("place")).where(table.c.state == "pending", table.c.due_at <= now)
    due = query.subquery()
    fair = select(due).where(due.c.place <= each).order_by(due.c.due_at).limit(limit)
    return (await conn.execute(fair)).all()


async def take(tx: Transaction, cipher: Cipher, row: Row[Any], due_at: int) -> Pending | None:
    """Takes the next try of what `some_due` found; None when another node was first, or it is over."""
    statement = update(table).where(*_key(row.connector_id, row.person), table.c.state == "pending")
    taken = await tx.conn.execute(
        statement.where(table.c.due_at == row.due_at)
        .values(tries=table.c.tries + 1, due_at=due_at)
        .returning(table.c.tries)
    )
    tries = taken.scalar_one_or_none()
    if tries is None:
        return None
    inquiry = cipher.open(_name(row.connector_id, row.person), "inquiry", row.inquiry)
    return Pending(row.connector_id, bytes(row.person), row.org_id, row.delivery_id, tries, inquiry)


async def put_off(conn: AsyncConnection, pending: Pending, due_at: int) -> None:
    """The try failed; the next may begin at `due_at` (ms)."""
    await conn.execute(
        update(table)
        .where(*_key(pending.connector_id, pending.person), table.c.tries == pending.tries)
        .where(table.c.state == "pending")
        .values(due_at=due_at)
    )


async def end(
    conn: AsyncConnection, connector_id: str, person: bytes, state: Literal["done", "failed"], now: int
) -> None:
    """It is over: whom it was about goes."""
    await conn.execute(
        update(table)
        .where(*_key(connector_id, person), table.c.state == "pending")
        .values(state=state, due_at=None, inquiry=None, completed_at=now)
    )


async def count_of_person(conn: AsyncConnection, org_id: str, person: bytes) -> int:
    query = select(func.count()).where(table.c.org_id == org_id, table.c.person == person)
    return int((await conn.execute(query)).scalar_one())


async def forget_person(conn: AsyncConnection, org_id: str, person: bytes) -> int:
    """Drops the person's claims; what is pending of them is not made any more. How many."""
    statement = delete(table).where(table.c.org_id == org_id, table.c.person == person)
    return (await conn.execute(statement)).rowcount


def _key(connector_id: str, person: bytes) -> tuple[Any, ...]:
    return (table.c.connector_id == connector_id, table.c.person == person)


def _name(connector_id: str, person: bytes) -> str:
    return f"{connector_id}|{bytes(person).hex()}"

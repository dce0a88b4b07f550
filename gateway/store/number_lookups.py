"""What a provider of telephone data has said about numbers, and who is asking it: found by the keyed hash of
the number, sealed, and of one organization only.

A row is also the claim: who asks puts its name there beforehand, for longer than the question can take, and
in the same transaction the day's budget is charged. So a number is asked for once at a time, by one node, and
never beyond the budget. What comes of it is written only where the claim still stands: whoever was erased
meanwhile has no row any more. A claim that was left behind by a node that died is free after its time.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import delete, func, or_, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.number_lookup import DAY_MS, EMPTY, Record
from gateway.store.cipher import Cipher
from gateway.store.engine import DirectRead
from gateway.store.tables import lookup_days as days
from gateway.store.tables import number_lookups as table

CLAIMED_FOR_MS: Final = 30_000
"""Longer than any question, with the writing of its answer."""

_COLUMNS: Final = "person, record, asked_at, claimed_until, claim"
_READ: Final = f"SELECT {_COLUMNS} FROM number_lookups WHERE org_id = {{}} AND person = {{}}"  # noqa: S608
_read: Final = DirectRead(_READ.format(*"??"), _READ.format("$1", "$2"))

_CLAIM: Final = text(
    "INSERT INTO number_lookups AS n (org_id, person, asked_at, expires_at, claim, claimed_until)"
    " VALUES (:org_id, :person, 0, :expires_at, :claim, :until)"
    " ON CONFLICT (org_id, person) DO UPDATE SET claim = excluded.claim,"
    " claimed_until = excluded.claimed_until"
    " WHERE n.claimed_until <= :now AND n.asked_at = :seen RETURNING claim"
)
_CHARGE: Final = text(
    "INSERT INTO lookup_days AS d (org_id, day, used) VALUES (:org_id, :day, 1)"
    " ON CONFLICT (org_id, day) DO UPDATE SET used = d.used + 1 WHERE d.used < :budget RETURNING used"
)

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Record).decode


class BudgetSpentError(Exception):
    """The day's budget is used up; the transaction must be rolled back."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is kept of a number; `asked_at` (ms) is of the question that was answered last, 0 for none."""

    record: Record = EMPTY
    asked_at: int = 0
    claim: str | None = None
    claimed_until: int = 0


NOTHING: Final = Standing()


@dataclass(frozen=True, slots=True)
class Claim:
    """A number that is to be asked for: of whom, by whom, and what was known when that was decided."""

    org_id: str
    person: bytes
    name: str
    seen: Standing


async def read(conn: AsyncConnection, cipher: Cipher, org_id: str, person: bytes) -> Standing:
    """What is kept of the number."""
    rows = await _read(conn, (org_id, person))
    return standing(cipher, *rows[0]) if rows else NOTHING


async def read_some(
    conn: AsyncConnection, cipher: Cipher, org_id: str, people: Collection[bytes]
) -> dict[bytes, Standing]:
    """What is kept of these numbers; of some there may be nothing."""
    query = select(table.c.person, table.c.record, table.c.asked_at, table.c.claimed_until, table.c.claim)
    query = query.where(table.c.org_id == org_id, table.c.person.in_(people))
    return {bytes(row.person): standing(cipher, *row) for row in await conn.execute(query)}


def standing(
    cipher: Cipher, person: bytes, sealed: bytes | None, asked_at: int, claimed_until: int, claim: str | None
) -> Standing:
    """What the columns of a row say."""
    record = EMPTY if sealed is None else _decode(cipher.open(_name(person), "record", sealed))
    return Standing(record, asked_at, claim, claimed_until)


async def claim(conn: AsyncConnection, wanted: Claim, now: int, budget: int | None) -> bool:
    """Claims the number and charges the day's budget (None: no budget). False when somebody else asks, or has
    asked since. Raises BudgetSpentError."""
    values = {
        "org_id": wanted.org_id, "person": wanted.person, "claim": wanted.name, "seen": wanted.seen.asked_at,
        "now": now, "until": now + CLAIMED_FOR_MS, "expires_at": now + DAY_MS,
    }  # fmt: skip
    if (await conn.execute(_CLAIM, values)).scalar_one_or_none() is None:
        return False
    if budget is None:
        return True
    charge = {"org_id": wanted.org_id, "day": now // DAY_MS, "budget": budget}
    if budget < 1 or (await conn.execute(_CHARGE, charge)).scalar_one_or_none() is None:
        raise BudgetSpentError
    return True


async def keep(
    conn: AsyncConnection, cipher: Cipher, claimed: Claim, record: Record, asked_at: int, expires_at: int
) -> bool:
    """Writes what is known by then, and gives the claim back; False when it does not stand any more."""
    sealed = cipher.seal(_name(claimed.person), "record", _encode(record))
    change = update(table).where(*_claimed(claimed))
    values = {
        "record": sealed, "asked_at": asked_at, "expires_at": expires_at, "claim": None, "claimed_until": 0,
    }  # fmt: skip
    return (await conn.execute(change.values(**values))).rowcount == 1


async def give_up(conn: AsyncConnection, claimed: Claim, *, stays: bool) -> None:
    """The question failed: the number may be asked for again. With `stays` the claim's name is left, so that
    whoever had it knows."""
    free: dict[str, Any] = {"claimed_until": 0} if stays else {"claimed_until": 0, "claim": None}
    await conn.execute(update(table).where(*_claimed(claimed)).values(**free))


async def refund(conn: AsyncConnection, org_id: str, asked_at: int) -> None:
    """What was charged at `asked_at` (ms) was not used."""
    change = update(days).where(days.c.org_id == org_id, days.c.day == asked_at // DAY_MS, days.c.used > 0)
    await conn.execute(change.values(used=days.c.used - 1))


async def used_by(conn: AsyncConnection, org_ids: Collection[str], now: int) -> dict[str, int]:
    """How much of the budget of the day of `now` (ms) each organization has used; none: it is left out."""
    query = select(days.c.org_id, days.c.used)
    query = query.where(days.c.org_id.in_(org_ids), days.c.day == now // DAY_MS)
    return {row.org_id: row.used for row in await conn.execute(query)}


async def count_of_person(conn: AsyncConnection, org_id: str, person: bytes) -> int:
    query = select(func.count()).where(table.c.org_id == org_id, table.c.person == person)
    return int((await conn.execute(query)).scalar_one())


async def forget_person(conn: AsyncConnection, org_id: str, person: bytes) -> int:
    """Drops what is kept of the number; what is being asked about it is not kept either. How many rows."""
    statement = delete(table).where(table.c.org_id == org_id, table.c.person == person)
    return (await conn.execute(statement)).rowcount


async def forget_expired(conn: AsyncConnection, now: int, limit: int) -> int:
    """Drops up to `limit` rows that are of no use any more; how many."""
    over = select(table.c.org_id, table.c.person).where(
        table.c.expires_at <= now, or_(table.c.claim.is_(None), table.c.claimed_until <= now)
    )
    keys = [tuple(row) for row in await conn.execute(over.order_by(table.c.expires_at).limit(limit))]
    if keys:
        key = tuple_(table.c.org_id, table.c.person)
        await conn.execute(delete(table).where(key.in_(keys), table.c.expires_at <= now))
    return len(keys)


async def forget_days(conn: AsyncConnection, now: int, limit: int) -> int:
    """Drops up to `limit` counts of days before yesterday; how many."""
    over = select(days.c.org_id, days.c.day).where(days.c.day < now // DAY_MS - 1).limit(limit)
    keys = [tuple(row) for row in await conn.execute(over)]
    if keys:
        await conn.execute(delete(days).where(tuple_(days.c.org_id, days.c.day).in_(keys)))
    return len(keys)


def _claimed(claimed: Claim) -> tuple[Any, ...]:
    return (
        table.c.org_id == claimed.org_id,
        table.c.person == claimed.person,
        table.c.claim == claimed.name,
    )


def _name(person: bytes) -> str:
    return f"lookup|{bytes(person).hex()}"

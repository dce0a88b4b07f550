"""Idempotency keys: the same key and body answer the first result; the same key with another body is refused.

`external_id`s of events are keys as well, with a scope of their own. A key is claimed in the transaction that
does the work, so that a crash leaves both or neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, select, tuple_, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.bulk import BulkInsert, BulkUpdate
from gateway.store.tables import idempotency_keys

KEPT_MS: Final = 24 * 3_600_000
KEPT_WITH_SECRET_MS: Final = 10 * 60_000
RUNNING_MS: Final = 60_000
EXTERNAL_ID: Final = "external_id"
OF_PEOPLE: Final = "people "
"""How scopes begin whose answers name people: with an erasure all of the organization's go."""

Name = tuple[str, str, str]

_insert: Final = BulkInsert(
    idempotency_keys,
    ("org_id", "scope", "key", "body_hash", "state", "event_id", "created_at", "expires_at"),
    ignore_conflicts=True,
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A key that a request brings. `token` (an event's or a request's id) says later whose claim won."""

    org_id: str
    scope: str
    key: str
    body_hash: bytes
    token: str
    expires_at: int

    @property
    def name(self) -> Name:
        return (self.org_id, self.scope, self.key)


async def claim(conn: AsyncConnection, claims: Sequence[Claim], now: int) -> dict[Name, Row[Any]]:
    """Claims all the keys and returns the rows that now stand under their names: whoever finds its own token
    there has won, whoever finds another's came later."""
    rows = [
        (c.org_id, c.scope, c.key, c.body_hash, "running", c.token, now, c.expires_at)
        # In one order everywhere, so that two transactions never wait for each other.
        for c in sorted(claims, key=lambda c: c.name)
    ]
    await _insert(conn, rows)
    names = {c.name for c in claims}
    standing = await _read(conn, names)
    # Over, or removed by another transaction between the two statements: claimed again until one stands.
    tokens = {c.token for c in claims}
    while free := {n for n in names if n not in standing or _is_over(standing[n], now, tokens)}:
        await conn.execute(
            delete(idempotency_keys).where(_names().in_(sorted(free)), idempotency_keys.c.expires_at <= now)
        )
        await _insert(conn, [row for row in rows if row[:3] in free])
        standing |= await _read(conn, free)
    return standing


def _is_over(row: Row[Any], now: int, tokens: set[str]) -> bool:
    return row.expires_at <= now and row.event_id not in tokens


async def find(conn: AsyncConnection, name: Name) -> Row[Any] | None:
    return (await _read(conn, {name})).get(name)


async def answer(
    conn: AsyncConnection, name: Name, token: str, *, status: int, sealed: bytes, expires_at: int
) -> None:
    """Keeps the answer that the key replays, if the claim with this token still stands."""
    await conn.execute(
        update(idempotency_keys)
        .where(_names() == name, idempotency_keys.c.event_id == token)
        .values(state="done", answer_status=status, answer=sealed, expires_at=expires_at)
    )


_keep: Final = BulkUpdate(
    idempotency_keys, ("state", "answer_status", "answer"), ("key", "org_id", "scope", "event_id")
)


async def keep_answers(conn: AsyncConnection, kept: Sequence[tuple[Claim, bytes]]) -> None:
    """Keeps the sealed answers of claims made in this transaction."""
    await _keep(conn, [("done", 202, sealed, c.key, c.org_id, c.scope, c.token) for c, sealed in kept])


async def release(conn: AsyncConnection, name: Name, token: str) -> None:
    """Gives up a claim whose work failed, so that the request can be made again."""
    await conn.execute(delete(idempotency_keys).where(_names() == name, idempotency_keys.c.event_id == token))


async def hold(conn: AsyncConnection, name: Name, token: str, until: int) -> None:
    """The work goes on: the claim stands until then (ms)."""
    mine = (_names() == name, idempotency_keys.c.event_id == token, idempotency_keys.c.state == "running")
    await conn.execute(update(idempotency_keys).where(*mine).values(expires_at=until))


async def forget_people(conn: AsyncConnection, org_id: str) -> None:
    """Drops the organization's answers that name people: whom, they do not tell. What was answered is done
    anew when it is asked for again."""
    of_people = idempotency_keys.c.scope.startswith(OF_PEOPLE)
    await conn.execute(delete(idempotency_keys).where(idempotency_keys.c.org_id == org_id, of_people))


async def forget_expired(conn: AsyncConnection, now: int) -> int:
    result = await conn.execute(delete(idempotency_keys).where(idempotency_keys.c.expires_at <= now))
    return result.rowcount


def _names() -> Any:
    return tuple_(idempotency_keys.c.org_id, idempotency_keys.c.scope, idempotency_keys.c.key)


async def _read(conn: AsyncConnection, names: set[Name]) -> dict[Name, Row[Any]]:
    found: dict[Name, Row[Any]] = {}
    ordered = sorted(names)
    for start in range(0, len(ordered), 5000):  # below the databases' limits on parameters
        query = select(idempotency_keys).where(_names().in_(ordered[start : start + 5000]))
        for row in await conn.execute(query):
            found[(row.org_id, row.scope, row.key)] = row
    return found

"""The log of direct calls to connectors, and of what they told us: one row for each HTTP try.

URL and secrets stand in the connector's revision. Headers and bodies are sealed, and hold no secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.bulk import BulkInsert
from gateway.store.bulk import Row as Tuple
from gateway.store.cipher import Cipher
from gateway.store.page import PageQuery
from gateway.store.scan import Found, Scan, scan_page
from gateway.store.tables import connector_requests as table
from gateway.store.transaction import Transaction

Kind = Literal["lookup", "create", "ping", "changes"]

_insert: Final = BulkInsert(
    table,
    (
        "id", "position", "org_id", "connector_id", "revision_id", "kind", "delivery_id", "at", "duration_ms",
        "status_code", "error", "person", "record",
    ),
    ignore_conflicts=True,
)  # fmt: skip


class Record(msgspec.Struct, array_like=True):
    """What is kept sealed: both sides of the exchange, masked, bodies up to their first 16 KiB."""

    request_headers: list[tuple[str, str]] = []
    request_body: bytes = b""
    request_truncated: bool = False
    response_headers: list[tuple[str, str]] = []
    response_body: bytes = b""
    response_truncated: bool = False
    error_detail: str = ""


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Record).decode


@dataclass(frozen=True, slots=True)
class Request:
    """One direct call, to be written. `at` in ms; `person` is the keyed hash of whom it was about; `record`
    is sealed by `seal_record`."""

    id: str
    org_id: str
    connector_id: str
    revision_id: str
    kind: Kind
    delivery_id: str | None
    at: int
    duration_ms: int
    status_code: int | None
    error: str | None
    person: bytes | None
    record: bytes | None


def seal_record(cipher: Cipher, request_id: str, record: Record) -> bytes:
    return cipher.seal(request_id, "record", _encode(record))


def open_record(cipher: Cipher, row: Row[Any]) -> Record | None:
    """What `seal_record` sealed; None when it was erased."""
    return None if row.record is None else _decode(cipher.open(row.id, "record", row.record))


async def write(tx: Transaction, requests: Sequence[Request]) -> None:
    """Writes many at once."""
    if not requests:
        return
    first = await tx.positions.take(tx, len(requests))
    await _insert(tx.conn, [_row(first + n, request) for n, request in enumerate(requests)])


async def find(conn: AsyncConnection, org_id: str | None, request_id: str) -> Row[Any] | None:
    query = select(table).where(table.c.id == request_id)
    if org_id is not None:
        query = query.where(table.c.org_id == org_id)
    return (await conn.execute(query)).one_or_none()


async def page(
    conn: AsyncConnection,
    connector_id: str,
    query: PageQuery,
    *,
    kind: str | None = None,
    succeeded: bool | None = None,
    status_code: int | None = None,
    since: int | None = None,
    until: int | None = None,
) -> Found:
    """The log of a connector in commit order. `since` and `until` in ms, the latter exclusive."""
    sieve: list[ColumnElement[bool]] = []
    if kind is not None:
        sieve.append(table.c.kind == kind)
    if succeeded is not None:
        sieve.append(table.c.error.is_(None) if succeeded else table.c.error.is_not(None))
    if status_code is not None:
        sieve.append(table.c.status_code == status_code)
    base = [table.c.connector_id == connector_id]
    return await scan_page(conn, Scan(table, list(table.c), table.c.at, base, sieve, since, until), query)


async def count_of_person(conn: AsyncConnection, org_id: str, person: bytes) -> int:
    query = select(func.count()).where(table.c.org_id == org_id, table.c.person == person)
    return int((await conn.execute(query)).scalar_one())


async def forget_person(conn: AsyncConnection, org_id: str, person: bytes) -> int:
    """Takes the person out of the log: what was said goes, and whom it was about. That there was a call
    stays, to be counted. How many."""
    result = await conn.execute(
        update(table)
        .where(table.c.org_id == org_id, table.c.person == person)
        .values(person=None, record=None)
    )
    return result.rowcount


async def oldest(conn: AsyncConnection, org_id: str, before: int, limit: int) -> list[str]:
    """Up to `limit` of the organization's oldest entries, those made before `before` (ms)."""
    query = select(table.c.id, table.c.at).where(table.c.org_id == org_id).order_by(table.c.position)
    rows = (await conn.execute(query.limit(limit))).all()
    return [row.id for row in rows if row.at < before]


async def remove(conn: AsyncConnection, ids: Sequence[str]) -> int:
    return (await conn.execute(delete(table).where(table.c.id.in_(ids)))).rowcount


def _row(position: int, request: Request) -> Tuple:
    return (
        request.id, position, request.org_id, request.connector_id, request.revision_id, request.kind,
        request.delivery_id, request.at, request.duration_ms, request.status_code, request.error,
        request.person, request.record,
    )  # fmt: skip

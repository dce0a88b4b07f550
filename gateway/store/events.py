"""Events: written once, in batches; read for deliveries and for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.bulk import BulkInsert
from gateway.store.bulk import Row as Tuple
from gateway.store.page import PageQuery
from gateway.store.scan import Found, Scan, scan_page
from gateway.store.tables import event_people, events

# A batch whose commit was lost on the way back is written again, so rows that exist already are passed over.
insert_events: Final = BulkInsert(
    events,
    (
        "id", "position", "org_id", "type", "timestamp", "accepted_at", "external_id", "ordering_key",
        "priority", "expires_at", "verified", "schema_valid", "traceparent", "deliveries", "payload",
    ),
    ignore_conflicts=True,
)  # fmt: skip
insert_people: Final = BulkInsert(event_people, ("org_id", "person", "event_id"), ignore_conflicts=True)

_HEAD: Final = [column for column in events.c if column.name != "payload"]


async def payloads(conn: AsyncConnection, ids: Iterable[str]) -> Sequence[Any]:
    """What sending needs of these events: id, org_id, type, timestamp, traceparent, verified, payload."""
    query = select(
        events.c.id,
        events.c.org_id,
        events.c.type,
        events.c.timestamp,
        events.c.traceparent,
        events.c.verified,
        events.c.payload,
    ).where(events.c.id.in_(list(ids)))
    return (await conn.execute(query)).all()


async def answers(conn: AsyncConnection, ids: Iterable[str]) -> dict[str, Any]:
    """What the answer to an accepted event is made of, by id."""
    query = select(
        events.c.id, events.c.type, events.c.timestamp, events.c.accepted_at, events.c.deliveries
    ).where(events.c.id.in_(list(ids)))
    return {row.id: row for row in await conn.execute(query)}


async def find(conn: AsyncConnection, org_id: str | None, event_id: str) -> Row[Any] | None:
    """The event with its payload; `org_id` None looks in every organization."""
    query = select(events).where(events.c.id == event_id)
    if org_id is not None:
        query = query.where(events.c.org_id == org_id)
    return (await conn.execute(query)).one_or_none()


async def page(
    conn: AsyncConnection,
    org_id: str | None,
    query: PageQuery,
    *,
    type_: str | None,
    since: int | None,
    until: int | None,
) -> Found:
    """Events in commit order, without their payloads."""
    base = [] if org_id is None else [events.c.org_id == org_id]
    sieve = [] if type_ is None else [events.c.type == type_]
    return await scan_page(conn, Scan(events, _HEAD, events.c.accepted_at, base, sieve, since, until), query)


async def count(conn: AsyncConnection) -> int:
    return int((await conn.execute(select(func.count()).select_from(events))).scalar_one())


def people_rows(org_id: str, hashes: Iterable[bytes], event_id: str) -> Sequence[Tuple]:
    return [(org_id, person, event_id) for person in hashes]

"""The events of a call, found by the keyed hash of its id in the index of people.

They are entered only for organizations whose connectors hear of calls: nobody else asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.tables import event_people, events

MOST_EVENTS: Final = 200
MOST_BYTES: Final = 8 * 1024 * 1024
MOST_COUNTED: Final = 10_000


async def events_of(
    conn: AsyncConnection, org_id: str, call: bytes
) -> tuple[Sequence[Row[Any, Any, Any, Any]], int]:
    """Id, type, timestamp and payload of the call's events, in the order of their acceptance, those without a
    payload left out. Of more than anybody needs the first one and the newest; and how many are missing."""
    chosen, left_out = _chosen(await _sizes(conn, org_id, call))
    query = select(events.c.id, events.c.type, events.c.timestamp, events.c.payload)
    query = query.where(events.c.id.in_(chosen), events.c.payload.is_not(None)).order_by(events.c.position)
    return (await conn.execute(query)).all(), left_out


async def _sizes(conn: AsyncConnection, org_id: str, call: bytes) -> list[tuple[str, int]]:
    """Ids and sizes in the order of acceptance."""
    query = (
        select(events.c.id, func.length(events.c.payload))
        .select_from(event_people.join(events, events.c.id == event_people.c.event_id))
        .where(
            event_people.c.org_id == org_id,
            event_people.c.person == call,
            events.c.payload.is_not(None),
        )
        .order_by(events.c.position)
        .limit(MOST_COUNTED)
    )
    return [(row[0], row[1]) for row in await conn.execute(query)]


def _chosen(sizes: Sequence[tuple[str, int]]) -> tuple[list[str], int]:
    """The first, which has most of a call, and as many of the newest as there is room for."""
    chosen = [event_id for event_id, _ in sizes[:1]]
    room = MOST_BYTES - sum(size for _, size in sizes[:1])
    for event_id, size in reversed(sizes[1:]):
        room -= size
        if room < 0 or len(chosen) == MOST_EVENTS:
            break
        chosen.append(event_id)
    return chosen, len(sizes) - len(chosen)

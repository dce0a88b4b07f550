"""The events of a call, found by the keyed hash of its id in the index of people.

They are entered only for organizations whose connectors hear of calls: nobody else asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.tables import event_people, events

MOST_EVENTS: Final = 200


async def events_of(conn: AsyncConnection, org_id: str, call: bytes) -> Sequence[Row[Any, Any, Any, Any]]:
    """Id, type, timestamp and payload of the call's events, in the order of their acceptance: the newest ones
    when there are more than anybody needs. Those without a payload are left out."""
    query = (
        select(events.c.id, events.c.type, events.c.timestamp, events.c.payload)
        .select_from(event_people.join(events, events.c.id == event_people.c.event_id))
        .where(
            event_people.c.org_id == org_id,
            event_people.c.person == call,
            events.c.payload.is_not(None),
        )
        .order_by(events.c.position.desc())
        .limit(MOST_EVENTS)
    )
    return (await conn.execute(query)).all()[::-1]

"""Finding a person's events by the keyed hash of the number, and taking the person out of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.call import TYPES, call_id_of
from gateway.domain.delivery import Status
from gateway.store.cipher import Cipher
from gateway.store.organizations import Organization
from gateway.store.removal import release_external_ids
from gateway.store.tables import attempts, deliveries, event_people, events, jobs
from gateway.store.transaction import Transaction

_PAGE: Final = 500


@dataclass(slots=True)
class Forgotten:
    """How much was taken out: events whose payload is gone, pending deliveries that were cancelled."""

    events: int = 0
    cancelled: int = 0


@dataclass(slots=True)
class Reached:
    """How much an erasure would reach: events with a payload, pending deliveries."""

    events: int = 0
    deliveries: int = 0


async def reached(
    conn: AsyncConnection, cipher: Cipher, org_id: str, people: Sequence[bytes], most: int
) -> Reached:
    """What names one of these people, or belongs to a call of theirs; each event counts once. When `most`
    events have been found, those that are left count by the index alone, without the rest of their calls."""
    found, ids = Reached(), set[str]()
    for person in people:
        after = ""
        while len(ids) < most:
            page = await some_events(conn, org_id, person, _PAGE, after=after)
            if not page:
                break
            ids.update(await of_their_calls(conn, cipher, org_id, page))
            after = page[-1]
        else:
            named = select(event_people.c.event_id).where(
                event_people.c.org_id == org_id,
                event_people.c.person == person,
                event_people.c.event_id > after,
            )
            await _add(conn, found, named)
    listed = sorted(ids)
    for start in range(0, len(listed), _PAGE):
        await _add(conn, found, listed[start : start + _PAGE])
    return found


async def _add(conn: AsyncConnection, found: Reached, event_ids: Select[tuple[str]] | Sequence[str]) -> None:
    alive = select(func.count()).where(events.c.id.in_(event_ids), events.c.payload.is_not(None))
    pending = select(func.count()).where(
        deliveries.c.event_id.in_(event_ids), deliveries.c.status == Status.PENDING
    )
    found.events += int((await conn.execute(alive)).scalar_one())
    found.deliveries += int((await conn.execute(pending)).scalar_one())


async def newest_events(conn: AsyncConnection, org_id: str, person: bytes, limit: int) -> Sequence[Any]:
    """Of the person's newest events: id, type and sealed payload."""
    query = (
        select(events.c.id, events.c.type, events.c.payload)
        .select_from(event_people.join(events, events.c.id == event_people.c.event_id))
        .where(
            event_people.c.org_id == org_id,
            event_people.c.person == person,
            events.c.payload.is_not(None),
        )
    )
    return (await conn.execute(query.order_by(event_people.c.event_id.desc()).limit(limit))).all()


async def some_events(
    conn: AsyncConnection, org_id: str, person: bytes, limit: int, *, after: str = ""
) -> list[str]:
    """The next events of the person; those that are gone already too, of which only the entry is left."""
    query = select(event_people.c.event_id).where(
        event_people.c.org_id == org_id, event_people.c.person == person, event_people.c.event_id > after
    )
    return list((await conn.execute(query.order_by(event_people.c.event_id).limit(limit))).scalars())


async def of_their_calls(
    conn: AsyncConnection, cipher: Cipher, org_id: str, event_ids: Sequence[str]
) -> list[str]:
    """The events of the calls that these events tell of, themselves among them: what was said in a call is
    the person's, also where an event does not name the number."""
    query = select(events.c.id, events.c.type, events.c.payload)
    query = query.where(events.c.id.in_(event_ids), events.c.type.in_(TYPES), events.c.payload.is_not(None))
    told = [
        call_id_of(row.type, cipher.open(row.id, "payload", row.payload)) for row in await conn.execute(query)
    ]
    calls = {cipher.call(call_id) for call_id in told if call_id is not None}
    of_calls = select(event_people.c.event_id).where(
        event_people.c.org_id == org_id, event_people.c.person.in_(calls)
    )
    found = (await conn.execute(of_calls)).scalars() if calls else ()
    return sorted({*event_ids, *found})


async def forget(
    conn: AsyncConnection, org_id: str, person: bytes, number: str, event_ids: Sequence[str], now: int
) -> Forgotten:
    """Takes a person out of these events: no payload, nothing that receivers said, nothing pending; keys
    that hold the digits of `number` go, too. The events themselves stay, to be counted."""
    found = Forgotten(cancelled=await _cancel(conn, event_ids, now))
    of_them = select(deliveries.c.id).where(deliveries.c.event_id.in_(event_ids))
    ids = list((await conn.execute(of_them)).scalars())
    await conn.execute(update(attempts).where(attempts.c.delivery_id.in_(ids)).values(record=None))
    await conn.execute(update(deliveries).where(deliveries.c.id.in_(ids)).values(ordering_key=None))
    query = select(events.c.id, events.c.external_id).where(
        events.c.id.in_(event_ids), events.c.payload.is_not(None)
    )
    rows = (await conn.execute(query)).all()
    found.events = len(rows)
    await conn.execute(
        update(events).where(events.c.id.in_(event_ids)).values(payload=None, ordering_key=None)
    )
    await _release_telling_ids(conn, org_id, number.lstrip("+"), rows)
    await conn.execute(
        delete(event_people).where(
            event_people.c.org_id == org_id,
            event_people.c.person == person,
            event_people.c.event_id.in_(event_ids),
        )
    )
    return found


async def _cancel(conn: AsyncConnection, event_ids: Sequence[str], now: int) -> int:
    result = await conn.execute(
        update(deliveries)
        .where(deliveries.c.event_id.in_(event_ids), deliveries.c.status == Status.PENDING)
        .values(status=Status.CANCELLED.value, queue=None, due_at=None, completed_at=now)
    )
    return result.rowcount


async def _release_telling_ids(conn: AsyncConnection, org_id: str, digits: str, rows: Sequence[Any]) -> None:
    """An external_id that is made of the number would tell it."""
    telling = [row for row in rows if row.external_id is not None and digits in row.external_id]
    if telling:
        ids = [row.id for row in telling]
        await conn.execute(update(events).where(events.c.id.in_(ids)).values(external_id=None))
        await release_external_ids(conn, [(org_id, row.external_id) for row in telling])


async def keep_record(
    tx: Transaction,
    org: Organization,
    job_id: str,
    params: Mapping[str, str],
    *,
    matched: int,
    found: Forgotten,
    actor: str,
    now: int,
) -> None:
    """What the erasure came to, as a job that is done. `params` name nobody, and are sealed."""
    sealed = org.cipher.seal(job_id, "params", json.dumps(dict(params)).encode())
    await tx.conn.execute(
        insert(jobs).values(
            id=job_id, position=await tx.position(), org_id=org.id, kind="erasure", status="done",
            params=sealed, matched=matched, done=found.events, failed=0, actor=actor, cancel_requested=False,
            created_at=now, updated_at=now, finished_at=now,
        )
    )  # fmt: skip


async def erased_among(conn: AsyncConnection, delivery_ids: Sequence[str]) -> set[str]:
    """Those of these deliveries whose event has no payload any more."""
    query = (
        select(deliveries.c.id)
        .join(events, events.c.id == deliveries.c.event_id)
        .where(deliveries.c.id.in_(delivery_ids), events.c.payload.is_(None))
    )
    return set((await conn.execute(query)).scalars())

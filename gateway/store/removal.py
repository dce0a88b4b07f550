"""Rows that go: what is older than it is kept, and everything of an organization that was erased.

Each function takes a small number of rows, so that a transaction with it holds the database for milliseconds;
`manage.removal` calls them again and again. Reading what is next needs no transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Table, delete, exists, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.delivery import Status
from gateway.store.idempotency import EXTERNAL_ID
from gateway.store.tables import (
    api_keys,
    attempts,
    audit_log,
    connector_contacts,
    connector_creates,
    connector_requests,
    connectors,
    contact_facts,
    contact_phones,
    contacts,
    deliveries,
    erased_people,
    event_people,
    events,
    idempotency_keys,
    jobs,
    lanes,
    lookup_days,
    number_lookups,
    resolutions,
    revisions,
    rotations,
    secrets,
    target_health,
    target_stats,
    webhooks,
)

_ADVISORY_LOCK: Final = 7_160_554_324


async def turn_is_ours(conn: AsyncConnection) -> bool:
    """False when another node removes at this moment: one at a time is enough."""
    if conn.dialect.name == "sqlite":
        return True
    found = await conn.execute(text(f"SELECT pg_try_advisory_xact_lock({_ADVISORY_LOCK})"))
    return bool(found.scalar_one())


async def oldest_events(
    conn: AsyncConnection, org_id: str, after: int, before: int, limit: int
) -> Sequence[Any]:
    """The organization's events accepted before `before` (ms), in commit order from the position `after` on:
    id, position, external_id."""
    query = (
        select(events.c.id, events.c.position, events.c.external_id, events.c.accepted_at)
        .where(events.c.org_id == org_id, events.c.position > after)
        .order_by(events.c.position)
        .limit(limit)
    )
    return _until((await conn.execute(query)).all(), "accepted_at", before)


async def remove_events(conn: AsyncConnection, org_id: str, rows: Sequence[Any]) -> int:
    """Removes these events, with what their external_ids claim; one of which a delivery is pending stays."""
    owed = exists().where(deliveries.c.event_id == events.c.id, deliveries.c.status == Status.PENDING)
    statement = delete(events).where(events.c.id.in_([row.id for row in rows]), ~owed)
    gone = set((await conn.execute(statement.returning(events.c.id))).scalars())
    await release_external_ids(
        conn, [(org_id, row.external_id) for row in rows if row.id in gone and row.external_id is not None]
    )
    return len(gone)


async def release_external_ids(conn: AsyncConnection, claimed: Sequence[tuple[str, str]]) -> None:
    """The events of these (organization, external_id) are gone: the ids are free again."""
    if claimed:
        name = tuple_(idempotency_keys.c.org_id, idempotency_keys.c.key)
        await conn.execute(
            delete(idempotency_keys).where(idempotency_keys.c.scope == EXTERNAL_ID, name.in_(claimed))
        )


async def oldest_deliveries(
    conn: AsyncConnection, org_id: str, after: int, before: int, limit: int
) -> Sequence[Any]:
    """The organization's deliveries made before `before`, in commit order from the position `after` on: id,
    position, status, completed_at."""
    query = (
        select(
            deliveries.c.id,
            deliveries.c.position,
            deliveries.c.status,
            deliveries.c.completed_at,
            deliveries.c.created_at,
        )
        .where(deliveries.c.org_id == org_id, deliveries.c.position > after)
        .order_by(deliveries.c.position)
        .limit(limit)
    )
    return _until((await conn.execute(query)).all(), "created_at", before)


def _until(rows: Sequence[Any], column: str, before: int) -> Sequence[Any]:
    """The rows up to the first that is young: later positions are younger still."""
    for index, row in enumerate(rows):
        if getattr(row, column) >= before:
            return rows[:index]
    return rows


async def remove_deliveries(conn: AsyncConnection, ids: Sequence[str], attempts_too: bool = True) -> int:
    """Removes these deliveries, which are over, and their attempts."""
    if not ids:
        return 0
    if attempts_too:
        await conn.execute(delete(attempts).where(attempts.c.delivery_id.in_(ids)))
    result = await conn.execute(delete(deliveries).where(deliveries.c.id.in_(ids)))
    return result.rowcount


PersonKey = tuple[bytes, str]


async def people(conn: AsyncConnection, org_id: str, after: PersonKey, limit: int) -> Sequence[PersonKey]:
    """Entries of the index of people in its own order, from `after` on."""
    key = tuple_(event_people.c.person, event_people.c.event_id)
    query = select(event_people.c.person, event_people.c.event_id).where(
        event_people.c.org_id == org_id, key > after
    )
    rows = await conn.execute(query.order_by(event_people.c.person, event_people.c.event_id).limit(limit))
    return [(bytes(row.person), row.event_id) for row in rows]


async def remove_people(conn: AsyncConnection, org_id: str, keys: Sequence[PersonKey]) -> int:
    """Removes those of these entries whose events are gone."""
    asked = {event_id for _, event_id in keys}
    kept = set((await conn.execute(select(events.c.id).where(events.c.id.in_(asked)))).scalars())
    gone = [key for key in keys if key[1] not in kept]
    if gone:
        key = tuple_(event_people.c.person, event_people.c.event_id)
        await conn.execute(delete(event_people).where(event_people.c.org_id == org_id, key.in_(gone)))
    return len(gone)


# What else an organization has, with the key by which a batch of it is named.
_OF_AN_ORGANIZATION: Final[tuple[tuple[Table, tuple[str, ...]], ...]] = (
    (events, ("id",)),
    (event_people, ("org_id", "person", "event_id")),
    (idempotency_keys, ("org_id", "scope", "key")),
    (secrets, ("id",)),
    (revisions, ("id",)),
    (connector_contacts, ("org_id", "person", "connector_id")),
    (connector_creates, ("connector_id", "person")),
    (connector_requests, ("id",)),
    (contact_facts, ("org_id", "phone", "source")),
    (contact_phones, ("org_id", "phone")),
    (contacts, ("id",)),
    (erased_people, ("org_id", "person")),
    (number_lookups, ("org_id", "person")),
    (lookup_days, ("org_id", "day")),
    (resolutions, ("id",)),
    (connectors, ("id",)),
    (webhooks, ("id",)),
    (target_health, ("target_id",)),
    (target_stats, ("target_id", "hour", "name")),
    (lanes, ("target_id",)),
    (rotations, ("target_id",)),
    (jobs, ("id",)),
    (api_keys, ("id",)),
    (audit_log, ("id",)),
)


async def remove_of_organization(conn: AsyncConnection, org_id: str, limit: int) -> int:
    """Removes up to `limit` rows of an organization that was erased; 0 when there is nothing left of it."""
    query = select(deliveries.c.id).where(deliveries.c.org_id == org_id).limit(limit)
    found = list((await conn.execute(query)).scalars())
    if found:
        return await remove_deliveries(conn, found)
    for table, names in _OF_AN_ORGANIZATION:
        key = tuple_(*(table.c[name] for name in names))
        rows = (
            await conn.execute(
                select(*(table.c[name] for name in names)).where(table.c.org_id == org_id).limit(limit)
            )
        ).all()
        if rows:
            if table is events:
                await _remove_deliveries_of(conn, [row.id for row in rows])
            await conn.execute(delete(table).where(key.in_([tuple(row) for row in rows])))
            return len(rows)
    return 0


async def _remove_deliveries_of(conn: AsyncConnection, event_ids: Sequence[str]) -> None:
    """Those of the platform: its receivers may have said what the events held."""
    query = select(deliveries.c.id).where(deliveries.c.event_id.in_(event_ids))
    await remove_deliveries(conn, list((await conn.execute(query)).scalars()))

"""The audit log's rows: appended under the organization's lock, in the transaction of what they tell of.

Each organization has a chain of its own, and so has the platform (under `*`). The newest hash stands in
`organizations.audit_hash`, the platform's in `install.audit_hash`. Nothing here changes or removes an entry.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Select, func, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.audit import GENESIS, Deed, Who, chained, document
from gateway.domain.ids import new_id
from gateway.store.bulk import BulkInsert
from gateway.store.organizations import PLATFORM as PLATFORM
from gateway.store.page import Page, PageQuery, paged
from gateway.store.tables import audit_log, install, organizations
from gateway.store.transaction import Transaction

READ_AT_ONCE: Final = 1000

_insert: Final = BulkInsert(
    audit_log,
    (
        "id", "position", "org_id", "number", "at", "actor", "key_id", "address", "action", "object_type",
        "object_id", "details", "previous_hash", "hash",
    ),
)  # fmt: skip


async def append(tx: Transaction, org_id: str, deeds: Sequence[Deed]) -> None:
    """Adds entries to the chain of an organization (or of PLATFORM), which stays locked until the commit.
    An organization that was erased has no log any more."""
    if org_id != PLATFORM:
        living = select(organizations.c.id).where(
            organizations.c.id == org_id, organizations.c.erased_at.is_(None)
        )
        if (await tx.conn.execute(living.with_for_update())).one_or_none() is None:
            return
    previous = await head(tx.conn, org_id, lock=True) or GENESIS
    latest = select(func.max(audit_log.c.number)).where(audit_log.c.org_id == org_id)
    number = (await tx.conn.execute(latest)).scalar() or 0
    position = await tx.positions.take(tx, len(deeds))
    rows = []
    for offset, deed in enumerate(deeds):
        number += 1
        entry_id = new_id("aud", deed.at)
        made = chained(previous, document(entry_id, org_id, number, deed))
        rows.append(
            (
                entry_id, position + offset, org_id, number, deed.at, deed.who.actor, deed.who.key_id,
                deed.who.address, deed.action, deed.object_type, deed.object_id, json.dumps(deed.details),
                previous, made,
            )
        )  # fmt: skip
        previous = made
    await _insert(tx.conn, rows)
    await tx.conn.execute(_table_of_head(org_id).values(audit_hash=previous))


async def head(conn: AsyncConnection, org_id: str, *, lock: bool = False) -> bytes | None:
    """The hash of the newest entry; None when there is none."""
    if org_id == PLATFORM:
        query = select(install.c.audit_hash)
    else:
        query = select(organizations.c.audit_hash).where(organizations.c.id == org_id)
    return (await conn.execute(query.with_for_update() if lock else query)).scalar_one_or_none()


async def page(
    conn: AsyncConnection, org_id: str | None, query: PageQuery, filters: Mapping[str, Any]
) -> Page:
    """Entries in commit order; `filters` as in `matching`."""
    return await paged(conn, matching(org_id, filters), audit_log.c.position, query)


def matching(org_id: str | None, filters: Mapping[str, Any]) -> Select[Any]:
    """`filters`: action, object_id, actor (each exactly, None for any), since and until (ms)."""
    statement = select(audit_log)
    if org_id is not None:
        statement = statement.where(audit_log.c.org_id == org_id)
    for name in ("action", "object_id", "actor"):
        if filters.get(name) is not None:
            statement = statement.where(audit_log.c[name] == filters[name])
    if filters.get("since") is not None:
        statement = statement.where(audit_log.c.at >= filters["since"])
    if filters.get("until") is not None:
        statement = statement.where(audit_log.c.at < filters["until"])
    return statement


async def chain(conn: AsyncConnection, org_id: str) -> AsyncIterator[dict[str, Any]]:
    """The whole chain of an organization in the order of its numbers, as it is exported."""
    after = 0
    while True:
        query = select(audit_log).where(audit_log.c.org_id == org_id, audit_log.c.number > after)
        rows = (await conn.execute(query.order_by(audit_log.c.number).limit(READ_AT_ONCE))).all()
        for row in rows:
            yield shown(row)
        if len(rows) < READ_AT_ONCE:
            return
        after = rows[-1].number


async def organizations_with_entries(conn: AsyncConnection) -> list[str]:
    """Everybody who has a chain, the platform (`*`) first."""
    query = select(organizations.c.id).where(organizations.c.audit_hash.is_not(None))
    found = list((await conn.execute(query.order_by(organizations.c.id))).scalars())
    return ([PLATFORM] if await head(conn, PLATFORM) else []) + found


def shown(row: Row[Any]) -> dict[str, Any]:
    """A row as the API shows and exports it: what the hash covers, and the hashes."""
    who = Who(row.actor, row.key_id, row.address)
    deed = Deed(who, row.action, row.object_type, row.object_id, row.at, json.loads(row.details))
    hashes = {"previous_hash": bytes(row.previous_hash).hex(), "hash": bytes(row.hash).hex()}
    return document(row.id, row.org_id, row.number, deed) | hashes


def _table_of_head(org_id: str) -> Any:
    if org_id == PLATFORM:
        return update(install)
    return update(organizations).where(organizations.c.id == org_id)

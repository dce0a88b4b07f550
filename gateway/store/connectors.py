"""Connectors. Their immutable revisions are `store.revisions`, their secrets `store.secrets`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import func, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.connector import Connector
from gateway.domain.secret import Secret
from gateway.store import organizations, revisions, rotations, secrets
from gateway.store.cipher import Cipher
from gateway.store.tables import connectors, target_health
from gateway.store.tables import revisions as revisions_table
from gateway.store.tables import rotations as rotations_table
from gateway.store.transaction import Transaction

_JOINED: Final = (
    select(
        connectors,
        *revisions.ON_THE_WIRE,
        target_health.c.first_success_at,
        target_health.c.failing_since,
        *rotations.LABELLED,
    )
    .join(revisions_table, connectors.c.revision_id == revisions_table.c.id)
    .outerjoin(target_health, target_health.c.target_id == connectors.c.id)
    .outerjoin(rotations_table, rotations_table.c.target_id == connectors.c.id)
    .where(connectors.c.deleted_at.is_(None))
)


async def of_organization(conn: AsyncConnection, cipher: Cipher, org_id: str) -> list[Connector]:
    """All connectors of the organization, oldest first, decrypted. One query where there are none."""
    query = _JOINED.where(connectors.c.org_id == org_id).order_by(connectors.c.position)
    rows = (await conn.execute(query)).all()
    if not rows:
        return []
    by_id = await secrets.of_owners(conn, cipher, [row.id for row in rows])
    return [_connector(row, cipher, by_id) for row in rows]


async def find(
    conn: AsyncConnection, cipher: Cipher, org_id: str, connector_id: str, *, lock: bool = False
) -> Connector | None:
    """The connector; `lock` keeps others from changing it until this transaction ends."""
    query = _JOINED.where(connectors.c.org_id == org_id, connectors.c.id == connector_id)
    if lock:
        query = query.with_for_update(of=connectors)
    row = (await conn.execute(query)).one_or_none()
    if row is None:
        return None
    return _connector(row, cipher, await secrets.of_owners(conn, cipher, [connector_id]))


async def organization_of(conn: AsyncConnection, connector_id: str) -> str | None:
    """Whose connector this is; None when there is none. For requests that name no organization."""
    query = select(connectors.c.org_id).where(
        connectors.c.id == connector_id, connectors.c.deleted_at.is_(None)
    )
    return (await conn.execute(query)).scalar_one_or_none()


async def existed(conn: AsyncConnection, org_id: str | None, connector_id: str) -> bool:
    """Whether there is, or once was, such a connector: its history outlives it."""
    query = select(connectors.c.id).where(connectors.c.id == connector_id)
    if org_id is not None:
        query = query.where(connectors.c.org_id == org_id)
    return (await conn.execute(query)).scalar_one_or_none() is not None


async def standing(conn: AsyncConnection, connector_id: str) -> tuple[str, str | None] | None:
    """Status and disabled_reason as they are at this moment; None when there is no such connector."""
    query = select(connectors.c.status, connectors.c.disabled_reason)
    query = query.where(connectors.c.id == connector_id, connectors.c.deleted_at.is_(None))
    found = (await conn.execute(query)).one_or_none()
    return None if found is None else (found.status, found.disabled_reason)


async def since_when(conn: AsyncConnection) -> dict[str, dict[str, int]]:
    """From when on (ms) the answers of each connector are its own, by organization, of those organizations
    that have deleted a connector or led one elsewhere."""
    changed = select(connectors.c.org_id).where(
        connectors.c.deleted_at.is_not(None) | (connectors.c.contacts_since > connectors.c.created_at)
    )
    query = select(
        connectors.c.org_id, connectors.c.id, connectors.c.contacts_since, connectors.c.deleted_at
    ).where(connectors.c.org_id.in_(changed))
    found: dict[str, dict[str, int]] = {}
    for row in await conn.execute(query):
        of_org = found.setdefault(row.org_id, {})
        if row.deleted_at is None:
            of_org[row.id] = row.contacts_since
    return found


async def count(conn: AsyncConnection, org_id: str) -> int:
    query = select(func.count()).where(connectors.c.org_id == org_id, connectors.c.deleted_at.is_(None))
    return int((await conn.execute(query)).scalar_one())


async def add(tx: Transaction, cipher: Cipher, connector: Connector) -> None:
    """Stores a new connector with its first revision and its secrets."""
    await tx.conn.execute(
        insert(connectors).values(id=connector.id, org_id=connector.org_id, position=connector.position,
                                  created_at=connector.created_at, **_columns(connector))
    )  # fmt: skip
    await secrets.add(tx, cipher, connector, connector.secrets)
    await revisions.add(tx, cipher, connector)
    tx.touch(connector.org_id)


async def change(
    tx: Transaction,
    cipher: Cipher,
    connector: Connector,
    *,
    new_revision: bool,
    new_secrets: Iterable[Secret] = (),
) -> None:
    """Stores the changed connector; `new_revision` when what goes onto the wire has changed, in which case
    `revision_id` must be new. Of its secrets only `new_secrets` are stored."""
    await secrets.add(tx, cipher, connector, new_secrets)
    if new_revision:
        await revisions.add(tx, cipher, connector)
    await tx.conn.execute(
        update(connectors).where(connectors.c.id == connector.id).values(**_columns(connector))
    )
    tx.touch(connector.org_id)


async def mark_deleted(tx: Transaction, connector: Connector, now: int) -> None:
    await tx.conn.execute(update(connectors).where(connectors.c.id == connector.id).values(deleted_at=now))
    tx.touch(connector.org_id)


async def disable(tx: Transaction, org_id: str, connector_id: str, reason: str, now: int) -> bool:
    """Disables an enabled connector; False when it was not enabled any more."""
    await organizations.lock(tx.conn, org_id)  # first, as in every change of a connector
    result = await tx.conn.execute(
        update(connectors)
        .where(
            connectors.c.id == connector_id,
            connectors.c.status == "enabled",
            connectors.c.deleted_at.is_(None),
        )
        .values(status="disabled", disabled_reason=reason, updated_at=now)
        .returning(connectors.c.id)
    )
    done = result.scalar_one_or_none() is not None
    if done:
        tx.touch(org_id)
    return done


def _columns(connector: Connector) -> dict[str, Any]:
    return {
        name: getattr(connector, name)
        for name in (
            "revision_id", "name", "status", "disabled_reason", "create_contacts", "sync_calls",
            "sync_unknown", "priority", "contacts_since", "updated_at",
        )
    }  # fmt: skip


def _connector(row: Row[Any], cipher: Cipher, by_id: dict[str, Secret]) -> Connector:
    return Connector(
        id=row.id,
        org_id=row.org_id,
        position=row.position,
        revision_id=row.revision_id,
        url=revisions.open_url(row, row.revision_id, cipher),
        secrets=secrets.named_in(row, by_id),
        name=row.name,
        status=row.status,
        disabled_reason=row.disabled_reason,
        timeout_ms=row.timeout_ms,
        profile=row.profile,
        api_version=row.api_version,
        create_contacts=row.create_contacts,
        sync_calls=row.sync_calls,
        sync_unknown=row.sync_unknown,
        priority=row.priority,
        contacts_since=row.contacts_since,
        first_success_at=row.first_success_at,
        failing_since=row.failing_since,
        rotation=rotations.of_row(row),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )

"""Organizations and their data keys."""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, select, text, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.number_lookup import Credentials
from gateway.domain.organization_settings import DEFAULTS, OrganizationSettings, loaded
from gateway.errors import Gone
from gateway.store.cipher import Cipher, MasterKeys
from gateway.store.page import Page, PageQuery, paged
from gateway.store.tables import data_keys, organizations
from gateway.store.transaction import Transaction

# The platform owns things as an organization does: webhooks, their deliveries, sealed values. It has a row
# and a data key, under a name that no organization can have.
PLATFORM: Final = "*"


@dataclass(frozen=True, slots=True)
class Organization:
    """One customer of HUM. An erased one keeps its row, so that its id is never used again."""

    id: str
    created_at: int
    erased_at: int | None
    retention_days: int
    cipher: Cipher
    people_erased_at: int | None = None
    settings: OrganizationSettings = DEFAULTS
    lookup_credentials: Credentials | None = None

    def outdated(self, created_at: int) -> bool:
        """Whether what was accepted then, and is held in memory since, may be of a person erased later, or
        the organization is no more."""
        if self.erased_at is not None:
            return True
        return self.people_erased_at is not None and created_at <= self.people_erased_at


async def find(conn: AsyncConnection, keys: MasterKeys, org_id: str) -> Organization | None:
    row = (await conn.execute(select(organizations).where(organizations.c.id == org_id))).one_or_none()
    if row is None:
        return None
    cipher = await _cipher(conn, keys, org_id)
    if cipher is None:
        # Its data key is dropped: one made up for the moment opens nothing.
        assert row.erased_at is not None
        cipher = Cipher(org_id, 0, os.urandom(32))
    return Organization(
        row.id, row.created_at, row.erased_at, row.retention_days, cipher, row.people_erased_at,
        loaded(row.settings), _credentials(cipher, row),
    )  # fmt: skip


async def row(conn: AsyncConnection, org_id: str) -> Row[Any]:
    return (await conn.execute(select(organizations).where(organizations.c.id == org_id))).one()


async def page(conn: AsyncConnection, org_id: str | None, query: PageQuery) -> Page:
    """All organizations, or the one with this id."""
    statement = select(organizations).where(organizations.c.id != PLATFORM)
    if org_id is not None:
        statement = statement.where(organizations.c.id == org_id)
    return await paged(conn, statement, organizations.c.position, query)


async def keep_for(tx: Transaction, org_id: str, days: int) -> None:
    """How long the organization's payloads and attempts are kept."""
    statement = update(organizations).where(organizations.c.id == org_id)
    await tx.conn.execute(statement.values(retention_days=days))
    tx.touch(org_id)


async def set_settings(tx: Transaction, org_id: str, stored: str) -> None:
    """What the organization has set for itself, as `domain.organization_settings` writes it."""
    statement = update(organizations).where(organizations.c.id == org_id)
    await tx.conn.execute(statement.values(settings=stored))
    tx.touch(org_id)


async def set_lookup_credentials(
    tx: Transaction, cipher: Cipher, org_id: str, credentials: Credentials | None
) -> None:
    """The organization's own account with the provider of telephone data; None: it has none."""
    sealed = None
    if credentials is not None:
        told = json.dumps([credentials.account_sid, credentials.auth_token]).encode()
        sealed = cipher.seal(org_id, "lookup_credentials", told)
    statement = update(organizations).where(organizations.c.id == org_id)
    await tx.conn.execute(statement.values(lookup_credentials=sealed))
    tx.touch(org_id)


async def mark_erased(tx: Transaction, org_id: str, now: int) -> None:
    """Drops the data key: whatever is stored of the organization does not open any more."""
    await tx.conn.execute(delete(data_keys).where(data_keys.c.org_id == org_id))
    statement = update(organizations).where(organizations.c.id == org_id)
    await tx.conn.execute(
        statement.values(erased_at=now, settings="{}", audit_hash=None, lookup_credentials=None)
    )
    tx.touch(org_id)


async def erased(conn: AsyncConnection) -> list[str]:
    """The organizations that were erased."""
    query = select(organizations.c.id).where(organizations.c.erased_at.is_not(None))
    return list((await conn.execute(query)).scalars())


async def retentions(conn: AsyncConnection) -> dict[str, int]:
    """How many days each living organization's things are kept."""
    query = select(organizations.c.id, organizations.c.retention_days)
    rows = await conn.execute(query.where(organizations.c.erased_at.is_(None)))
    return {row.id: row.retention_days for row in rows}


async def people_erased(tx: Transaction, org_id: str, now: int) -> None:
    """What nodes hold in memory of the organization must be read anew before it is sent."""
    statement = update(organizations).where(organizations.c.id == org_id)
    await tx.conn.execute(statement.values(people_erased_at=now))
    tx.touch(org_id)


async def erasures(
    conn: AsyncConnection, org_ids: Collection[str], *, changing: bool = False
) -> dict[str, int | None]:
    """When (ms) people of these organizations were last erased; not those organizations that were erased.
    Until the transaction ends nobody is erased; with `changing` it is also alone in changing them."""
    query = select(organizations.c.id, organizations.c.people_erased_at)
    query = query.where(organizations.c.id.in_(org_ids), organizations.c.erased_at.is_(None))
    query = query.order_by(organizations.c.id).with_for_update(read=not changing)
    return {row.id: row.people_erased_at for row in await conn.execute(query)}


async def create(tx: Transaction, keys: MasterKeys, org_id: str, now: int) -> bool:
    """Makes the organization and its data key; False when it was there already."""
    made = await tx.conn.execute(
        # Two nodes may meet the same new organization at once.
        text(
            "INSERT INTO organizations (id, position, created_at, config_version)"
            " VALUES (:id, :position, :now, 0) ON CONFLICT DO NOTHING RETURNING id"
        ),
        {"id": org_id, "position": await tx.position(), "now": now},
    )
    if made.scalar_one_or_none() is None:
        return False
    await ensure_data_key(tx.conn, keys, org_id, now)
    tx.touch(org_id)
    return True


async def ensure_data_key(conn: AsyncConnection, keys: MasterKeys, org_id: str, now: int) -> Cipher:
    """The cipher of the organization (or of PLATFORM), with a new data key if it has none."""
    found = await _cipher(conn, keys, org_id)
    if found is not None:
        return found
    await conn.execute(
        text(
            "INSERT INTO data_keys (org_id, number, wrapped, master_key_id, created_at)"
            " VALUES (:org_id, 1, :wrapped, :master_key_id, :now) ON CONFLICT DO NOTHING"
        ),
        {
            "org_id": org_id,
            "wrapped": keys.wrap(org_id, 1, os.urandom(32)),
            "master_key_id": keys.newest,
            "now": now,
        },
    )
    made = await _cipher(conn, keys, org_id)
    assert made is not None
    return made


async def ensure_platform(conn: AsyncConnection, keys: MasterKeys, now: int) -> Cipher:
    """The platform's row and data key, made when the database is new; its cipher."""
    await conn.execute(
        text(
            "INSERT INTO organizations (id, created_at, config_version) VALUES (:id, :now, 0)"
            " ON CONFLICT DO NOTHING"
        ),
        {"id": PLATFORM, "now": now},
    )
    return await ensure_data_key(conn, keys, PLATFORM, now)


async def lock(conn: AsyncConnection, *org_ids: str) -> None:
    """Keeps other transactions of these organizations that also lock them waiting until this one ends."""
    query = select(organizations.c.id).where(organizations.c.id.in_(org_ids)).order_by(organizations.c.id)
    await conn.execute(query.with_for_update())


async def lock_living(conn: AsyncConnection, org_id: str) -> None:
    """Locks the organization. Raises Gone when it was erased a moment ago."""
    query = select(organizations.c.erased_at).where(organizations.c.id == org_id)
    if (await conn.execute(query.with_for_update())).scalar_one_or_none() is not None:
        raise Gone(f"the organization {org_id} has been erased")


def _credentials(cipher: Cipher, row: Row[Any]) -> Credentials | None:
    if row.lookup_credentials is None:
        return None
    return Credentials(*json.loads(cipher.open(row.id, "lookup_credentials", row.lookup_credentials)))


async def _cipher(conn: AsyncConnection, keys: MasterKeys, org_id: str) -> Cipher | None:
    query = select(data_keys).where(data_keys.c.org_id == org_id).order_by(data_keys.c.number.desc())
    key = (await conn.execute(query.limit(1))).one_or_none()
    if key is None:
        return None
    return Cipher(org_id, key.number, keys.unwrap(org_id, key.number, key.wrapped, key.master_key_id))

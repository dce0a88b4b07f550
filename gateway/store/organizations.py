"""Organizations and their data keys."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.cipher import Cipher, MasterKeys
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


async def find(conn: AsyncConnection, keys: MasterKeys, org_id: str) -> Organization | None:
    row = (await conn.execute(select(organizations).where(organizations.c.id == org_id))).one_or_none()
    if row is None:
        return None
    cipher = await _cipher(conn, keys, org_id)
    assert cipher is not None
    return Organization(row.id, row.created_at, row.erased_at, row.retention_days, cipher)


async def create(tx: Transaction, keys: MasterKeys, org_id: str, now: int) -> bool:
    """Makes the organization and its data key; False when it was there already."""
    made = await tx.conn.execute(
        # Two nodes may meet the same new organization at once.
        text(
            "INSERT INTO organizations (id, created_at, config_version) VALUES (:id, :now, 0)"
            " ON CONFLICT DO NOTHING RETURNING id"
        ),
        {"id": org_id, "now": now},
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


async def _cipher(conn: AsyncConnection, keys: MasterKeys, org_id: str) -> Cipher | None:
    query = select(data_keys).where(data_keys.c.org_id == org_id).order_by(data_keys.c.number.desc())
    key = (await conn.execute(query.limit(1))).one_or_none()
    if key is None:
        return None
    return Cipher(org_id, key.number, keys.unwrap(org_id, key.number, key.wrapped, key.master_key_id))

"""The secrets of webhooks and connectors, sealed. When they end during a rotation is `store.rotations`."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.addressee import Addressee
from gateway.domain.secret import Secret
from gateway.store.cipher import Cipher
from gateway.store.tables import secrets
from gateway.store.transaction import Transaction


async def of_owners(conn: AsyncConnection, cipher: Cipher, ids: Sequence[str]) -> dict[str, Secret]:
    """All secrets of these webhooks or connectors, by the secret's id."""
    rows = await conn.execute(select(secrets).where(secrets.c.owner_id.in_(ids)))
    return {row.id: _secret(row, cipher) for row in rows}


def named_in(row: Row[Any], by_id: Mapping[str, Secret]) -> tuple[Secret, ...]:
    """The secrets that a revision names, in its order; those that are forgotten are left out."""
    return tuple(by_id[secret_id] for secret_id in json.loads(row.secret_ids) if secret_id in by_id)


async def add(tx: Transaction, cipher: Cipher, owner: Addressee, new: Iterable[Secret]) -> None:
    for secret in new:
        await tx.conn.execute(
            insert(secrets).values(
                id=secret.id,
                org_id=owner.org_id,
                owner_id=owner.id,
                value=cipher.seal(secret.id, "secret", secret.value.encode()),
                imported=secret.imported,
                created_at=secret.created_at,
                ends_at=secret.ends_at,
            )
        )


async def end(tx: Transaction, ids: Iterable[str], now: int) -> None:
    """These secrets sign nothing from now on."""
    await tx.conn.execute(update(secrets).where(secrets.c.id.in_(list(ids))).values(ends_at=now))


async def forget(tx: Transaction, ids: Collection[str]) -> None:
    """Deletes secrets that ended. Revisions that name them stay as they are."""
    if ids:
        await tx.conn.execute(delete(secrets).where(secrets.c.id.in_(ids)))


def _secret(row: Row[Any], cipher: Cipher) -> Secret:
    value = cipher.open(row.id, "secret", row.value).decode()
    return Secret(row.id, value, row.created_at, row.imported, row.ends_at)

"""Webhooks and connectors alike, for what serves both: which table it is, the id says."""

from __future__ import annotations

from types import ModuleType

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.addressee import Addressee, kind_of
from gateway.store import connectors, webhooks
from gateway.store.cipher import Cipher
from gateway.store.transaction import Transaction


async def find(
    conn: AsyncConnection, cipher: Cipher, org_id: str, target_id: str, *, lock: bool = False
) -> Addressee | None:
    """The webhook or connector; `lock` keeps others from changing it until this transaction ends."""
    found: Addressee | None = await _rows(target_id).find(conn, cipher, org_id, target_id, lock=lock)
    return found


async def existed(conn: AsyncConnection, org_id: str | None, target_id: str) -> bool:
    """Whether there is, or once was, one with this id: its history outlives it."""
    return bool(await _rows(target_id).existed(conn, org_id, target_id))


async def standing(conn: AsyncConnection, target_id: str) -> tuple[str, str | None] | None:
    """Status and disabled_reason as they are at this moment; None when there is none any more."""
    found: tuple[str, str | None] | None = await _rows(target_id).standing(conn, target_id)
    return found


async def disable(tx: Transaction, org_id: str, target_id: str, reason: str, now: int) -> bool:
    """Disables what is enabled; False when it was not enabled any more."""
    return bool(await _rows(target_id).disable(tx, org_id, target_id, reason, now))


def _rows(target_id: str) -> ModuleType:
    return connectors if kind_of(target_id) == "connector" else webhooks

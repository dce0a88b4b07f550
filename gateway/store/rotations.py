"""Rotations of secrets: a row while a grace period lasts, with what the receiver takes; and secrets that have
ended, which go when they are of no use for masking."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import and_, delete, insert, or_, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.rotation import Rotation, Which
from gateway.store.bulk import BulkUpdate
from gateway.store.tables import rotations as table
from gateway.store.tables import secrets
from gateway.store.transaction import Transaction

# A receiver that still holds an ended secret may show it in its answers: so long it is looked for there.
MASKED_AFTER_END_MS: Final = 86_400_000

LABELLED: Final = tuple(
    table.c[name].label(f"rotation_{name}")
    for name in (
        "old_secret_id", "new_secret_id", "started_at", "ends_at", "takes", "confirmed_at", "warned_at",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Accepted:
    """A receiver has accepted a request that this secret led; `confirmed_at` when that is the new one."""

    target_id: str
    org_id: str
    new_secret_id: str
    takes: Which
    confirmed_at: int | None


_TAKES: Final = BulkUpdate(table, ("takes",), ("target_id", "new_secret_id"))
_CONFIRMED: Final = BulkUpdate(
    table, ("confirmed_at",), ("target_id", "new_secret_id"), "confirmed_at IS NULL"
)


def of_row(row: Row[Any]) -> Rotation | None:
    """The rotation out of a row that has the columns LABELLED."""
    if row.rotation_new_secret_id is None:
        return None
    return Rotation(
        row.rotation_old_secret_id, row.rotation_new_secret_id, row.rotation_started_at,
        row.rotation_ends_at, row.rotation_takes, row.rotation_confirmed_at, row.rotation_warned_at,
    )  # fmt: skip


async def start(tx: Transaction, org_id: str, target_id: str, rotation: Rotation) -> None:
    """There is none yet."""
    await tx.conn.execute(
        insert(table).values(
            target_id=target_id,
            org_id=org_id,
            old_secret_id=rotation.old_secret_id,
            new_secret_id=rotation.new_secret_id,
            started_at=rotation.started_at,
            ends_at=rotation.ends_at,
        )
    )


async def end(tx: Transaction, target_id: str) -> None:
    """The row goes; when its old secret ends is the secret's own business (`end_secrets`)."""
    await tx.conn.execute(delete(table).where(table.c.target_id == target_id))


async def end_secrets(tx: Transaction, ends: Mapping[str, int]) -> None:
    """Each secret signs nothing from its time on."""
    for secret_id, at in ends.items():
        await tx.conn.execute(update(secrets).where(secrets.c.id == secret_id).values(ends_at=at))


async def accepted(tx: Transaction, news: Iterable[Accepted]) -> None:
    """What receivers were seen to take, of many targets at once; all nodes hear of it. The organizations are
    locked already."""
    ordered = sorted(news, key=lambda one: one.target_id)  # two nodes must not wait for each other
    await _TAKES(tx.conn, [(one.takes, one.target_id, one.new_secret_id) for one in ordered])
    confirmed = [one for one in ordered if one.confirmed_at is not None]
    await _CONFIRMED(tx.conn, [(one.confirmed_at, one.target_id, one.new_secret_id) for one in confirmed])
    for one in ordered:
        tx.touch(one.org_id)


async def to_look_at(conn: AsyncConnection, now: int) -> list[tuple[str, str]]:
    """Organization and target of rotations that are over, and of those that nobody was warned of though the
    new secret was never accepted."""
    # Three quarters of the period, as `domain.rotation` says.
    late = 4 * (now - table.c.started_at) >= 3 * (table.c.ends_at - table.c.started_at)
    unwarned = and_(table.c.confirmed_at.is_(None), table.c.warned_at.is_(None), late)
    query = select(table.c.org_id, table.c.target_id).where(or_(table.c.ends_at <= now, unwarned))
    rows = await conn.execute(query.order_by(table.c.org_id, table.c.target_id))
    return [(row.org_id, row.target_id) for row in rows]


async def find(conn: AsyncConnection, target_id: str) -> Rotation | None:
    """The rotation as it is now; locked, so that it is warned of once."""
    query = select(*LABELLED).where(table.c.target_id == target_id).with_for_update()
    row = (await conn.execute(query)).one_or_none()
    return None if row is None else of_row(row)


async def warned(conn: AsyncConnection, target_id: str, now: int) -> None:
    await conn.execute(update(table).where(table.c.target_id == target_id).values(warned_at=now))


async def organizations_with_ended_secrets(conn: AsyncConnection, now: int) -> list[str]:
    query = select(secrets.c.org_id).where(secrets.c.ends_at <= now - MASKED_AFTER_END_MS)
    return sorted(set((await conn.execute(query)).scalars()))


async def forget_secrets(tx: Transaction, org_id: str, now: int) -> int:
    """Deletes what ended so long ago that it is of no use for masking; how many."""
    long_over = secrets.c.ends_at <= now - MASKED_AFTER_END_MS
    result = await tx.conn.execute(delete(secrets).where(secrets.c.org_id == org_id, long_over))
    if result.rowcount:
        tx.touch(org_id)
    return result.rowcount

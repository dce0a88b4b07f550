"""Webhooks. Their immutable revisions are `store.revisions`, their secrets `store.secrets`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import func, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.secret import Secret
from gateway.domain.webhook import Webhook
from gateway.store import organizations, revisions, rotations, secrets
from gateway.store.cipher import Cipher
from gateway.store.tables import lanes, target_health, webhooks
from gateway.store.tables import revisions as revisions_table
from gateway.store.tables import rotations as rotations_table
from gateway.store.transaction import Transaction

_JOINED: Final = (
    select(
        webhooks,
        *revisions.ON_THE_WIRE,
        target_health.c.first_success_at,
        target_health.c.failing_since,
        *rotations.LABELLED,
    )
    .join(revisions_table, webhooks.c.revision_id == revisions_table.c.id)
    .outerjoin(target_health, target_health.c.target_id == webhooks.c.id)
    .outerjoin(rotations_table, rotations_table.c.target_id == webhooks.c.id)
    .where(webhooks.c.deleted_at.is_(None))
)


async def of_organization(conn: AsyncConnection, cipher: Cipher, org_id: str) -> list[Webhook]:
    """All webhooks of the organization, oldest first, decrypted."""
    query = _JOINED.where(webhooks.c.org_id == org_id).order_by(webhooks.c.position)
    rows = (await conn.execute(query)).all()
    if not rows:
        return []
    by_id = await secrets.of_owners(conn, cipher, [row.id for row in rows])
    return [_webhook(row, cipher, by_id) for row in rows]


async def find(
    conn: AsyncConnection, cipher: Cipher, org_id: str, webhook_id: str, *, lock: bool = False
) -> Webhook | None:
    """The webhook; `lock` keeps others from changing it until this transaction ends."""
    query = _JOINED.where(webhooks.c.org_id == org_id, webhooks.c.id == webhook_id)
    if lock:
        query = query.with_for_update(of=webhooks)
    row = (await conn.execute(query)).one_or_none()
    if row is None:
        return None
    return _webhook(row, cipher, await secrets.of_owners(conn, cipher, [webhook_id]))


async def existed(conn: AsyncConnection, org_id: str | None, webhook_id: str) -> bool:
    """Whether there is, or once was, such a webhook: its history outlives it."""
    query = select(webhooks.c.id).where(webhooks.c.id == webhook_id)
    if org_id is not None:
        query = query.where(webhooks.c.org_id == org_id)
    return (await conn.execute(query)).scalar_one_or_none() is not None


async def standing(conn: AsyncConnection, webhook_id: str) -> tuple[str, str | None] | None:
    """Status and disabled_reason as they are at this moment; None when there is no such webhook any more."""
    query = select(webhooks.c.status, webhooks.c.disabled_reason)
    query = query.where(webhooks.c.id == webhook_id, webhooks.c.deleted_at.is_(None))
    found = (await conn.execute(query)).one_or_none()
    return None if found is None else (found.status, found.disabled_reason)


async def count(conn: AsyncConnection, org_id: str) -> int:
    query = select(func.count()).where(webhooks.c.org_id == org_id, webhooks.c.deleted_at.is_(None))
    return int((await conn.execute(query)).scalar_one())


_HEALTH: Final = (
    select(webhooks.c.id, target_health, lanes.c.held_until)
    .outerjoin(target_health, target_health.c.target_id == webhooks.c.id)
    .outerjoin(lanes, lanes.c.target_id == webhooks.c.id)
)


async def health(conn: AsyncConnection, ids: Sequence[str]) -> dict[str, Row[Any]]:
    """What is known of the latest deliveries, by webhook; and until when it is held, or was."""
    rows = await conn.execute(_HEALTH.where(webhooks.c.id.in_(ids)))
    return {row.id: row for row in rows}


async def add(tx: Transaction, cipher: Cipher, webhook: Webhook) -> None:
    """Stores a new webhook with its first revision and its secrets."""
    await tx.conn.execute(
        insert(webhooks).values(id=webhook.id, org_id=webhook.org_id, position=webhook.position,
                                created_at=webhook.created_at, **_columns(webhook))
    )  # fmt: skip
    await secrets.add(tx, cipher, webhook, webhook.secrets)
    await revisions.add(tx, cipher, webhook)
    tx.touch(webhook.org_id)


async def change(
    tx: Transaction,
    cipher: Cipher,
    webhook: Webhook,
    *,
    new_revision: bool,
    new_secrets: Iterable[Secret] = (),
) -> None:
    """Stores the changed webhook; `new_revision` when what goes onto the wire has changed, in which case
    `revision_id` must be new. Of its secrets only `new_secrets` are stored."""
    await secrets.add(tx, cipher, webhook, new_secrets)
    if new_revision:
        await revisions.add(tx, cipher, webhook)
    await tx.conn.execute(update(webhooks).where(webhooks.c.id == webhook.id).values(**_columns(webhook)))
    tx.touch(webhook.org_id)


async def mark_deleted(tx: Transaction, webhook: Webhook, now: int) -> None:
    await tx.conn.execute(update(webhooks).where(webhooks.c.id == webhook.id).values(deleted_at=now))
    tx.touch(webhook.org_id)


async def disable(tx: Transaction, org_id: str, webhook_id: str, reason: str, now: int) -> bool:
    """Disables an enabled webhook; False when it was not enabled any more."""
    await organizations.lock(tx.conn, org_id)  # first, as in every change of a webhook
    result = await tx.conn.execute(
        update(webhooks)
        .where(webhooks.c.id == webhook_id, webhooks.c.status == "enabled", webhooks.c.deleted_at.is_(None))
        .values(status="disabled", disabled_reason=reason, updated_at=now)
        .returning(webhooks.c.id)
    )
    done = result.scalar_one_or_none() is not None
    if done:
        tx.touch(org_id)
    return done


def _columns(webhook: Webhook) -> dict[str, Any]:
    schedule = webhook.retry_schedule
    return {
        "revision_id": webhook.revision_id,
        "description": webhook.description,
        "events": json.dumps(webhook.events),
        "filter": webhook.filter,
        "status": webhook.status,
        "disabled_reason": webhook.disabled_reason,
        "max_hold_seconds": webhook.max_hold_seconds,
        "rate_limit_per_second": webhook.rate_limit_per_second,
        "retry_schedule": None if schedule is None else json.dumps(schedule),
        "ordered": webhook.ordered,
        "organizations": None if webhook.organizations is None else json.dumps(webhook.organizations),
        "updated_at": webhook.updated_at,
    }


def _webhook(row: Row[Any], cipher: Cipher, by_id: dict[str, Secret]) -> Webhook:
    schedule = row.retry_schedule
    return Webhook(
        id=row.id,
        org_id=row.org_id,
        position=row.position,
        revision_id=row.revision_id,
        url=revisions.open_url(row, row.revision_id, cipher),
        headers=revisions.open_headers(row, row.revision_id, cipher),
        events=tuple(json.loads(row.events)),
        secrets=secrets.named_in(row, by_id),
        description=row.description,
        filter=row.filter,
        status=row.status,
        disabled_reason=row.disabled_reason,
        timeout_ms=row.timeout_ms,
        rate_limit_per_second=row.rate_limit_per_second,
        retry_schedule=None if schedule is None else tuple(json.loads(schedule)),
        max_hold_seconds=row.max_hold_seconds,
        ordered=row.ordered,
        profile=row.profile,
        api_version=row.api_version,
        first_success_at=row.first_success_at,
        failing_since=row.failing_since,
        created_at=row.created_at,
        updated_at=row.updated_at,
        organizations=None if row.organizations is None else tuple(json.loads(row.organizations)),
        rotation=rotations.of_row(row),
    )

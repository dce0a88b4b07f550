"""Revisions: what of a webhook or connector goes onto the wire, in rows that never change.

An attempt names the revision it was sent with, so that history can say how without storing it each time.
"""

from __future__ import annotations

import json
from typing import Any, Final

from sqlalchemy import func, insert, select
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.addressee import Addressee
from gateway.store.cipher import Cipher
from gateway.store.tables import revisions
from gateway.store.transaction import Transaction

ON_THE_WIRE: Final = tuple(
    revisions.c[name] for name in ("url", "headers", "profile", "api_version", "timeout_ms", "secret_ids")
)


async def add(tx: Transaction, cipher: Cipher, to: Addressee) -> None:
    """The next revision, under the id that the addressee names."""
    row = to.revision_id
    latest = select(func.max(revisions.c.number)).where(revisions.c.target_id == to.id)
    number = (await tx.conn.execute(latest)).scalar_one() or 0
    await tx.conn.execute(
        insert(revisions).values(
            id=row,
            org_id=to.org_id,
            target_id=to.id,
            number=number + 1,
            url=cipher.seal(row, "url", to.url.encode()),
            headers=cipher.seal(row, "headers", json.dumps(dict(to.headers)).encode()),
            profile=to.profile,
            api_version=to.api_version,
            timeout_ms=to.timeout_ms,
            secret_ids=json.dumps([secret.id for secret in to.secrets]),
            created_at=to.updated_at,
        )
    )


async def find(conn: AsyncConnection, cipher: Cipher, revision_id: str) -> dict[str, Any] | None:
    """URL, header values and profile of a revision: what the attempts that name it were sent with."""
    row = (await conn.execute(select(revisions).where(revisions.c.id == revision_id))).one_or_none()
    if row is None:
        return None
    return {
        "url": open_url(row, row.id, cipher),
        "headers": open_headers(row, row.id, cipher),
        "profile": row.profile,
    }


def open_url(row: Row[Any], revision_id: str, cipher: Cipher) -> str:
    """The URL out of a row that has the columns ON_THE_WIRE."""
    return cipher.open(revision_id, "url", row.url).decode()


def open_headers(row: Row[Any], revision_id: str, cipher: Cipher) -> dict[str, str]:
    """The header values out of such a row."""
    found: dict[str, str] = json.loads(cipher.open(revision_id, "headers", row.headers))
    return found

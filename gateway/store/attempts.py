"""Attempts: one row for each HTTP try that was recorded; only what cannot be derived is kept.

URL and header values stand in the webhook's revision, the body in the event.
"""

from __future__ import annotations

import json
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.bulk import BulkInsert
from gateway.store.cipher import Cipher
from gateway.store.tables import attempts

insert_attempts: Final = BulkInsert(
    attempts,
    (
        "delivery_id", "number", "org_id", "revision_id", "started_at", "duration_ms", "timestamp",
        "signatures", "remote_ip", "status_code", "error", "error_detail", "response_headers",
        "response_body", "response_truncated", "held", "swapped_from",
    ),
    ignore_conflicts=True,
)  # fmt: skip


async def of_delivery(conn: AsyncConnection, delivery_id: str) -> list[Row[Any]]:
    """The attempts of a delivery, first to last, still sealed."""
    query = select(attempts).where(attempts.c.delivery_id == delivery_id).order_by(attempts.c.number)
    return list((await conn.execute(query)).all())


def attempt_id(delivery_id: str, number: int) -> str:
    """`att_…`: made from the delivery's id, since the two numbers name the attempt already."""
    return f"att_{delivery_id.removeprefix('dlv_')}_{number}"


def seal_fields(
    cipher: Cipher,
    row: str,
    *,
    signatures: list[str],
    error_detail: str,
    response_headers: list[tuple[str, str]],
    response_body: bytes,
) -> tuple[bytes | None, bytes | None, bytes | None, bytes | None]:
    """signatures, error_detail, response_headers, response_body as they are stored; empty ones take no
    room."""
    return (
        cipher.seal(row, "signatures", " ".join(signatures).encode()) if signatures else None,
        cipher.seal(row, "error_detail", error_detail.encode()) if error_detail else None,
        cipher.seal(row, "response_headers", json.dumps(response_headers).encode())
        if response_headers
        else None,
        cipher.seal(row, "response_body", response_body) if response_body else None,
    )

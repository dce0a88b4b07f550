"""Attempts: one row for each HTTP try that was recorded; only what cannot be derived is kept.

URL and header values stand in the webhook's revision, the body in the event.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
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
        "remote_ip", "status_code", "error", "response_truncated", "held", "swapped_from", "record",
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


class Record(msgspec.Struct, array_like=True):
    """What an attempt keeps sealed: the signatures it was sent with, and what came back. `contact`: to whom
    a call was said to belong, as JSON; empty for webhooks."""

    signatures: tuple[str, str]
    error_detail: str = ""
    response_headers: list[tuple[str, str]] = []
    response_body: bytes = b""
    contact: bytes = b""


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Record).decode


def seal_record(cipher: Cipher, delivery_id: str, number: int, record: Record) -> bytes:
    """The column `record` of this attempt."""
    return cipher.seal(f"{delivery_id}|{number}", "record", _encode(record))


def open_record(cipher: Cipher, row: Row[Any]) -> Record | None:
    """What `seal_record` sealed; None when it was erased."""
    if row.record is None:
        return None
    return _decode(cipher.open(f"{row.delivery_id}|{row.number}", "record", row.record))

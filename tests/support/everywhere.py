"""Looking for bytes in everything that a database holds, table by table, whatever the tables are called.

found = await in_tables(node, [b"13175550142"])   # {"contacts": {0}}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from gateway.store.tables import metadata
from tests.support.node import Node


async def in_tables(node: Node, wanted: Sequence[bytes]) -> dict[str, set[int]]:
    """Which of these stand in which table."""
    found: dict[str, set[int]] = {}
    async with node.gateway.store.reading() as conn:
        for table in metadata.sorted_tables:
            rows = (await conn.execute(select(table))).all()
            whole = b"\n".join(_bytes(value) for row in rows for value in row)
            here = {number for number, one in enumerate(wanted) if one in whole}
            if here:
                found[table.name] = here
    return found


def _bytes(value: Any) -> bytes:
    return bytes(value) if isinstance(value, (bytes, bytearray, memoryview)) else str(value).encode()

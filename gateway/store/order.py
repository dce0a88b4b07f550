"""Who is first of its ordering key (`domain.ordering`), asked of the index `deliveries_in_order`.

Each question about a key is one look into that index, however many deliveries wait behind the first.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.ordering import behind
from gateway.store.deliveries import CLAIMED

_UNFINISHED: Final = (
    "FROM deliveries d WHERE d.status = 'pending' AND d.ordering_key IS NOT NULL AND d.redelivery_of IS NULL"
)
_FIRST: Final = (
    f"(SELECT d.id {_UNFINISHED} AND d.target_id = a.target_id AND d.ordering_key = a.name"
    " ORDER BY d.position LIMIT 1)"
)
_ASKED: Final = {
    "sqlite": "(SELECT json_extract(value, '$[0]') AS target_id, json_extract(value, '$[1]') AS name"
    " FROM json_each(:asked)) AS a",
    "postgresql": "(SELECT value ->> 0 AS target_id, value ->> 1 AS name"
    " FROM jsonb_array_elements(CAST(CAST(:asked AS text) AS jsonb))) AS a",
}
_FIRSTS: Final = {
    name: text(f"SELECT a.target_id, a.name, {_FIRST} AS id FROM {asked}")  # noqa: S608
    for name, asked in _ASKED.items()
}
_FIRST_OF_EACH: Final = {name: f"SELECT {_FIRST} FROM {asked}" for name, asked in _ASKED.items()}  # noqa: S608
_FORWARD: Final = {
    name: text(
        "UPDATE deliveries SET queue = :lease"  # noqa: S608
        f" WHERE id {pick.format(_FIRST_OF_EACH[name])} AND status = 'pending'"
        " AND queue = :behind"
        " AND EXISTS (SELECT 1 FROM lanes l WHERE l.target_id = :target AND l.owner_lease = :lease)"
        f" RETURNING {CLAIMED}"
    )
    for name, pick in (("sqlite", "IN ({})"), ("postgresql", "= ANY(ARRAY({}))"))
}
_NEXT_KEY: Final = (
    f"(SELECT min(d.ordering_key) {_UNFINISHED} AND d.target_id = :target AND d.ordering_key > {{}})"
)
_KEYS: Final = text(
    f"WITH RECURSIVE keys(name, number) AS (SELECT {_NEXT_KEY.format(':after')}, 1"  # noqa: S608
    f" UNION ALL SELECT {_NEXT_KEY.format('keys.name')}, number + 1 FROM keys"
    " WHERE name IS NOT NULL AND number < :limit)"
    " SELECT name FROM keys WHERE name IS NOT NULL"
)

Line = tuple[str, str]
"""A target and an ordering key."""


async def first_of(conn: AsyncConnection, lines: Collection[Line]) -> dict[Line, str]:
    """The first unfinished delivery of each line."""
    if not lines:
        return {}
    rows = await conn.execute(_FIRSTS[conn.dialect.name], {"asked": json.dumps(list(lines))})
    return {(row.target_id, row.name): row.id for row in rows if row.id is not None}


async def bring_forward(
    conn: AsyncConnection, target_id: str, keys: Collection[str], lease: str
) -> Sequence[Row[Any]]:
    """Takes those that have waited behind others and are now first of these keys, oldest first. Nothing when
    the lane is not the lease's."""
    if not keys:
        return []
    values = {
        "asked": json.dumps([(target_id, key) for key in keys]),
        "target": target_id, "behind": behind(target_id), "lease": lease,
    }  # fmt: skip
    rows = (await conn.execute(_FORWARD[conn.dialect.name], values)).all()
    return sorted(rows, key=lambda row: (-row.priority, row.created_at, row.id))


async def keys_after(conn: AsyncConnection, target_id: str, after: str, limit: int) -> list[str]:
    """Keys of which something is unfinished, in the index's order: one look for each, however deep."""
    values = {"target": target_id, "after": after, "limit": limit}
    return list((await conn.execute(_KEYS, values)).scalars())

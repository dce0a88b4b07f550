"""One transaction, and what it hands out: positions in commit order, and notice of changed configuration.

A position orders rows by commit. On SQLite, where there is one writer, it is a counter that is reserved in
blocks. On PostgreSQL several transactions run at once, so the upper bits are the transaction's own number and
a reader who follows positions upwards stops below the oldest transaction still running (`horizon`): whatever
commits later stands above that, and a follower sees each row exactly once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.engine import Database

_ROWS_BITS = 24
_BLOCK = 1_000_000


class Positions:
    """The counter of one process on SQLite, the base of the numbering on PostgreSQL."""

    def __init__(self, database: Database, base: int) -> None:
        self._sqlite = database.is_sqlite
        self._base = base
        self._next = base
        self._reserved = base

    async def take(self, tx: Transaction, count: int) -> int:
        """The first of `count` positions in a row."""
        if not self._sqlite:
            if tx.first_position is None:
                row = await tx.conn.execute(text("SELECT pg_current_xact_id()::text::bigint"))
                tx.first_position = (self._base + row.scalar_one()) << _ROWS_BITS
            first = tx.first_position
            tx.first_position += count
            return first
        first = self._next
        self._next += count
        if self._next > self._reserved:
            await self._reserve(tx)
        return first

    async def begin(self, tx: Transaction) -> int:
        """The configuration's version as this transaction sees it; on PostgreSQL the transaction's number
        comes with the same statement."""
        if self._sqlite:
            row = await tx.conn.execute(text("SELECT config_version FROM install"))
            return int(row.scalar_one())
        both = await tx.conn.execute(
            text("SELECT config_version, pg_current_xact_id()::text::bigint FROM install")
        )
        version, number = both.one()
        tx.first_position = (self._base + number) << _ROWS_BITS
        return int(version)

    async def horizon(self, conn: AsyncConnection) -> int | None:
        """Positions below this are final; None where that is always so (SQLite)."""
        if self._sqlite:
            return None
        row = await conn.execute(text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"))
        return int((self._base + row.scalar_one()) << _ROWS_BITS)

    async def _reserve(self, tx: Transaction) -> None:
        limit = self._next + _BLOCK
        await tx.conn.execute(text("UPDATE install SET position_base = :limit"), {"limit": limit})

        def keep() -> None:
            self._reserved = max(self._reserved, limit)

        tx.on_commit(keep)


class Transaction:
    """An open transaction. `store.Store.transaction` makes it, commits it, then runs what waits for that."""

    def __init__(self, conn: AsyncConnection, positions: Positions) -> None:
        self.conn = conn
        self.positions = positions
        self.first_position: int | None = None
        self.changed: set[str | None] = set()
        self._after_commit: list[Callable[[], None]] = []
        self._after_rollback: list[Callable[[], None]] = []

    async def position(self) -> int:
        return await self.positions.take(self, 1)

    def touch(self, org_id: str | None) -> None:
        """Says that the organization's configuration changes with this commit (None: the platform's)."""
        self.changed.add(org_id)

    def on_commit(self, action: Callable[[], None]) -> None:
        self._after_commit.append(action)

    def on_rollback(self, action: Callable[[], None]) -> None:
        self._after_rollback.append(action)

    async def announce(self) -> None:
        """Raises the version by which every node notices changed configuration. Last before the commit, so
        that the one row all nodes share is locked briefly."""
        if not self.changed:
            return
        result = await self.conn.execute(
            text("UPDATE install SET config_version = config_version + 1 RETURNING config_version")
        )
        version = result.scalar_one()
        for org_id in sorted(org_id for org_id in self.changed if org_id is not None):
            await self.conn.execute(
                text("UPDATE organizations SET config_version = :version WHERE id = :id"),
                {"version": version, "id": org_id},
            )

    def committed(self) -> None:
        for action in self._after_commit:
            action()

    def rolled_back(self) -> None:
        for action in self._after_rollback:
            action()


Announce = Callable[[Transaction, str, str, Mapping[str, Any]], Awaitable[None]]
"""Tells of something as one of the gateway's own events: organization, type, data (ids and reasons)."""

Told = tuple[str, str, Mapping[str, Any]]
"""What is told of: organization, type, data."""

AnnounceAll = Callable[[Transaction, Sequence[Told]], Awaitable[None]]
"""The same for many at once."""

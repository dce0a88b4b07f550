"""Pages of a list with filters that no index serves: each reads so much and no more.

A list has a base, the part that an index serves in the order of positions, and a sieve, which is looked at
row by row. A page reads the base in strides, until it is full or has looked at enough; it then ends early,
with a cursor from which the next goes on, and says how far it has looked. Times narrow the base: rows that
commit later were made later, give or take SLACK_MS, so a time becomes a position by halving.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from sqlalchemy import Column, ColumnElement, Select, Table, func, literal_column, select, text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.page import PageQuery, encode_cursor

# By how much the order of commits and that of the rows' own times may differ: waits for a commit, and clocks
# of nodes.
SLACK_MS: Final = 600_000

_BY_INDEX: Final = text(
    "SELECT set_config('enable_sort', 'off', true), set_config('enable_bitmapscan', 'off', true),"
    " set_config('enable_seqscan', 'off', true)"
)


class Keep(Protocol):
    """Says which rows are wanted, for what SQL cannot say; `spent` when it has done enough for one page."""

    @property
    def spent(self) -> bool: ...

    async def __call__(self, conn: AsyncConnection, rows: Sequence[Row[Any]]) -> Sequence[Row[Any]]: ...


@dataclass(frozen=True, slots=True)
class Effort:
    """What one page may cost: rows of the base at a time and in all, and seconds."""

    stride: int = 5_000
    most: int = 20_000
    seconds: float = 0.5


@dataclass(frozen=True, slots=True)
class Scan:
    """A list: its rows, from the base through the sieve. `made_at` is the column of the rows' own time."""

    table: Table
    columns: Sequence[ColumnElement[Any]]
    made_at: Column[int]
    base: Sequence[ColumnElement[bool]] = ()
    sieve: Sequence[ColumnElement[bool]] = ()
    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A page. `searched_until` is the time of the last row that was looked at, when the page ended early."""

    rows: list[Row[Any]]
    next_cursor: str | None
    searched_until: int | None = None


async def by_index(conn: AsyncConnection) -> None:
    """Says that ordered lists are to be read along their index, for what follows in this transaction.

    PostgreSQL may think instead that little matches and that sorting it is cheaper; when it is wrong, as
    after a great change in the table, it reads millions of rows for one page. SQLite never does.
    """
    if conn.dialect.name == "postgresql":
        await conn.execute(_BY_INDEX)


def shielded(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The text of a column as an expression, which keeps a database from taking an index of that column."""
    return column.op("||")(literal_column("''"))


async def scan_page(
    conn: AsyncConnection,
    scan: Scan,
    query: PageQuery,
    *,
    effort: Effort = Effort(),
    keep: Keep | None = None,
) -> Found:
    """One page of the list."""
    await by_index(conn)
    return await _Page(conn, await _narrowed(conn, scan), query, effort, keep).read()


@dataclass(slots=True)
class _Page:
    conn: AsyncConnection
    scan: Scan
    query: PageQuery
    effort: Effort
    keep: Keep | None
    rows: list[Row[Any]] = field(default_factory=list)

    async def read(self) -> Found:
        begun, looked, after = time.monotonic(), 0, self.query.after
        while True:
            edge = await self._edge(after) if self.scan.sieve or self.keep else None
            await self._collect(after, edge)
            if len(self.rows) > self.query.limit:
                self.rows = self.rows[: self.query.limit]
                return Found(self.rows, encode_cursor(self.query.order, self.rows[-1].position))
            if edge is None:
                return Found(self.rows, self._at_the_end())
            after, looked = edge.position, looked + self.effort.stride
            enough = looked >= self.effort.most or (self.keep is not None and self.keep.spent)
            if enough or time.monotonic() - begun > self.effort.seconds:
                return Found(self.rows, encode_cursor(self.query.order, edge.position), edge.made_at)

    def _at_the_end(self) -> str | None:
        """A descending list ends; an ascending one keeps its cursor, so that a follower can ask again."""
        if self.query.order == "desc":
            return None
        last = self.rows[-1].position if self.rows else self.query.after
        return None if last is None else encode_cursor("asc", last)

    async def _edge(self, after: int | None) -> Row[Any] | None:
        """The row with which a stride ends; None when the rest of the base is shorter than that."""
        columns = (self.scan.table.c.position, self.scan.made_at.label("made_at"))
        statement = self._after(select(*columns).where(*self.scan.base), after)
        found = await self.conn.execute(statement.offset(self.effort.stride - 1).limit(1))
        edge: Row[Any] | None = found.one_or_none()
        return edge

    async def _collect(self, after: int | None, edge: Row[Any] | None) -> None:
        """Adds what the stride holds; one more than the page takes tells that there is more."""
        position = self.scan.table.c.position
        statement = self._after(
            select(*self.scan.columns).where(*self.scan.base, *self.scan.sieve, *self._times()), after
        )
        if edge is not None:
            inside = position >= edge.position if self.query.order == "desc" else position <= edge.position
            statement = statement.where(inside)
        if self.keep is None:
            statement = statement.limit(self.query.limit + 1 - len(self.rows))
        rows = (await self.conn.execute(statement)).all()
        self.rows += rows if self.keep is None else await self.keep(self.conn, rows)

    def _times(self) -> list[ColumnElement[bool]]:
        made_at, since, until = self.scan.made_at, self.scan.since, self.scan.until
        return [
            *([] if since is None else [made_at >= since]),
            *([] if until is None else [made_at < until]),
        ]

    def _after(self, statement: Select[Any], after: int | None) -> Select[Any]:
        position = self.scan.table.c.position
        if self.query.order == "asc":
            if after is not None:
                statement = statement.where(position > after)
            if self.query.horizon is not None:
                statement = statement.where(position < self.query.horizon)
            return statement.order_by(position.asc())
        if after is not None:
            statement = statement.where(position < after)
        return statement.order_by(position.desc())


async def _narrowed(conn: AsyncConnection, scan: Scan) -> Scan:
    """The scan with the times as bounds of its base."""
    position = scan.table.c.position
    base = list(scan.base)
    if scan.since is not None:
        base.append(position >= await position_at(conn, scan, scan.since - SLACK_MS))
    if scan.until is not None:
        base.append(position <= await position_at(conn, scan, scan.until + SLACK_MS))
    return replace(scan, base=base)


async def position_at(conn: AsyncConnection, scan: Scan, moment: int) -> int:
    """A position below which every row was made before `moment`, give or take the slack, and from which on
    at or after it. Halves the range of all positions: some forty probes of an index."""
    position = scan.table.c.position
    # Each by itself: SQLite takes the index for one end, and reads everything for both at once.
    ends = (select(one(position)).scalar_subquery() for one in (func.min, func.max))
    low, high = (await conn.execute(select(*ends))).one()
    if low is None:
        return 0
    high += 1
    while low < high:
        middle = (low + high) // 2
        probe = select(position, scan.made_at.label("made_at")).where(position >= middle)
        row = (await conn.execute(probe.order_by(position).limit(1))).one_or_none()
        if row is None or row.made_at >= moment:
            high = middle
        else:
            low = int(row.position) + 1
    return int(low)

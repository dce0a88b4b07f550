"""Databases with much in them, filled fast: what the gateway wrote itself, told again at other times.

A real gateway first accepts (and, for history, delivers) a few events. Their rows are then written as often
as it takes, each time as other events: with ids of another moment, positions from the gateway's own counter,
and everything sealed anew for its row, so that all of it opens. The originals are removed. Nobody serves
meanwhile.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
from sqlalchemy import LargeBinary, Table, delete, func, select

from bench.inside import opened
from gateway.clock import SystemClock
from gateway.domain.address import AllowedNetworks
from gateway.domain.ids import delivery_id, new_id
from gateway.domain.webhook import WebhookCreate
from gateway.manage import webhooks as manage
from gateway.manage.webhooks import Rules
from gateway.store import organizations, partitions
from gateway.store.bulk import BulkInsert
from gateway.store.cipher import Cipher
from gateway.store.directory import Directory
from gateway.store.store import Store
from gateway.store.tables import attempts, deliveries, event_people, events
from gateway.store.transaction import Transaction

EVENTS_A_TRANSACTION: Final = 4_000
HISTORY_MS: Final = 20 * 86_400_000
PENDING_MS: Final = 6 * 3_600_000
_TABLES: Final = (events, event_people, deliveries, attempts)

Row = list[Any]


def history(environ: Mapping[str, str], org_id: str, count: int) -> None:
    """`count` delivered events of the last twenty days in place of those that the organization has."""
    asyncio.run(_multiply(environ, org_id, count, HISTORY_MS, wanted=lambda row: row.status == "delivered"))


def pending(environ: Mapping[str, str], org_id: str, count: int) -> None:
    """`count` events of the last six hours that wait for their target, in place of those that do."""
    waits: Callable[[Any], bool] = lambda row: row.status == "pending" and row.queue == row.target_id  # noqa: E731
    asyncio.run(_multiply(environ, org_id, count, PENDING_MS, wanted=waits))


def count_pending(environ: Mapping[str, str], org_id: str) -> int:
    """How many deliveries of the organization are pending."""

    async def run() -> int:
        waits = (deliveries.c.org_id == org_id) & (deliveries.c.status == "pending")
        async with opened(environ) as store, store.looking_up() as conn:
            return (await conn.execute(select(func.count()).where(waits))).scalar_one()

    return asyncio.run(run())


def webhooks(environ: Mapping[str, str], orgs: Sequence[str], url: str, patterns: Sequence[str]) -> None:
    """For each organization one webhook for each pattern; no limit applies."""

    async def run() -> None:
        async with opened(environ) as store:
            directory = Directory(store)
            rules = Rules(AllowedNetworks.parse(environ["HUM_GATEWAY_ALLOW_NETWORKS"]), len(patterns) + 100)
            for org_id in orgs:
                view, _ = await directory.ensure(org_id)
                async with store.transaction() as tx:
                    for pattern in patterns:
                        wanted = WebhookCreate(url=url, events=[pattern])
                        await manage.create(tx, view, wanted, rules, store.clock.now(), _tell_nobody)

    asyncio.run(run())


async def _tell_nobody(*_: object) -> None:
    """Nobody listens to the gateway's own events here."""


@dataclass
class Told:
    """One event as the gateway wrote it: its rows, with everything that was sealed in the clear."""

    at: int
    rows: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))


async def _multiply(
    environ: Mapping[str, str], org_id: str, count: int, span_ms: int, *, wanted: Callable[[Any], bool]
) -> None:
    async with opened(environ) as store:
        async with store.looking_up() as conn:
            organization = await organizations.find(conn, store.keys, org_id)
        assert organization is not None
        told = await _read(store, organization.cipher, org_id, wanted)
        await _partitions_of_the_past(store, span_ms)
        newest = store.clock.now() - 1000
        times = [newest - span_ms + span_ms * number // count for number in range(count)]
        for first in range(0, count, EVENTS_A_TRANSACTION):
            async with store.transaction() as tx:
                chunk = enumerate(times[first : first + EVENTS_A_TRANSACTION])
                await _write(tx, organization.cipher, [(told[i % len(told)], at) for i, at in chunk])
        await _settle(store, environ["HUM_GATEWAY_DATABASE_URL"])


async def _read(store: Store, cipher: Cipher, org_id: str, wanted: Callable[[Any], bool]) -> list[Told]:
    """What is to be told again. It is removed, with everything else that the organization had."""
    rows: dict[str, Sequence[Any]] = {}
    async with store.transaction() as tx:
        for table in _TABLES:
            mine = table.c.org_id == org_id
            rows[table.name] = (await tx.conn.execute(select(table).where(mine))).all()
            await tx.conn.execute(delete(table).where(mine))
    event_of = {row.id: row.event_id for row in rows["deliveries"] if wanted(row)}
    chosen = set(event_of.values())
    told = {row.id: Told(row.accepted_at) for row in rows["events"] if row.id in chosen}
    for table in _TABLES:
        for row in rows[table.name]:
            owner = row.id if table is events else getattr(row, "event_id", None) or event_of.get(row[0])
            if owner in told:
                told[owner].rows[table.name].append(_opened(table, cipher, list(row)))
    if not told:
        raise RuntimeError(f"the gateway left nothing to multiply in {org_id}")
    return list(told.values())


class _Columns:
    """Where in a row of a table stands what differs from one event to the next."""

    def __init__(self, table: Table) -> None:
        names = [column.name for column in table.columns]
        self.insert = BulkInsert(table, names)
        self.index = {name: number for number, name in enumerate(names)}
        self.times = [i for name, i in self.index.items() if name.endswith("_at")]
        if table is events:
            self.times.append(self.index["timestamp"])
        sealed = table in (events, attempts)
        self.sealed = [
            (column.name, self.index[column.name])
            for column in table.columns
            if sealed and isinstance(column.type, LargeBinary)
        ]
        self.position = self.index.get("position")


_COLUMNS: Final = {table.name: _Columns(table) for table in _TABLES}


def _sealed_as(table: str, row: Row) -> str:
    """The name of the row under which its fields are sealed."""
    return str(row[0]) if table == "events" else f"{row[0]}|{row[1]}"


def _opened(table: Table, cipher: Cipher, row: Row) -> Row:
    for name, index in _COLUMNS[table.name].sealed:
        if row[index] is not None:
            row[index] = cipher.open(_sealed_as(table.name, row), name, row[index])
    return row


async def _write(tx: Transaction, cipher: Cipher, chosen: Sequence[tuple[Told, int]]) -> None:
    """Writes these events anew, each at its time."""
    size = sum(1 + len(told.rows["deliveries"]) for told, _ in chosen)
    positions = iter(range(first := await tx.positions.take(tx, size), first + size))
    made: dict[str, list[tuple[Any, ...]]] = {table.name: [] for table in _TABLES}
    for told, at in chosen:
        _tell(told, at, positions, cipher, made)
    for name, rows in made.items():
        if tx.conn.dialect.name == "sqlite":
            await _COLUMNS[name].insert(tx.conn, rows)
        else:
            raw = await tx.conn.get_raw_connection()
            driver: Any = raw.driver_connection
            await driver.copy_records_to_table(name, records=rows, columns=_COLUMNS[name].insert.columns)


def _tell(
    told: Told, at: int, positions: Iterator[int], cipher: Cipher, made: dict[str, list[tuple[Any, ...]]]
) -> None:
    """Adds the rows of one event at another time."""
    shift = at - told.at
    event_id = new_id("evt", at)
    target, ids = _COLUMNS["deliveries"].index["target_id"], dict[str, str]()
    for table, rows in told.rows.items():
        columns = _COLUMNS[table]
        for before in rows:
            row = before.copy()
            if table == "events":
                row[0] = event_id
            elif table == "attempts":
                row[0] = ids[before[0]]
            else:
                row[columns.index["event_id"]] = event_id
            if table == "deliveries":
                row[0] = ids[before[0]] = delivery_id(event_id, row[target])
            if columns.position is not None:
                row[columns.position] = next(positions)
            for index in columns.times:
                if row[index] is not None:
                    row[index] += shift
            if table == "attempts":
                row[columns.index["timestamp"]] = row[columns.index["started_at"]] // 1000
            for name, index in columns.sealed:
                if row[index] is not None:
                    row[index] = cipher.seal(_sealed_as(table, row), name, row[index])
            made[table].append(tuple(row))


class _Earlier(SystemClock):
    """A clock that is late."""

    def __init__(self, late_ms: int) -> None:
        self._late = late_ms

    def now(self) -> int:
        return super().now() - self._late


async def _partitions_of_the_past(store: Store, span_ms: int) -> None:
    """The partitions that a gateway which had run all that time would have made."""
    for late in range(span_ms, -1, -partitions.WEEK_MS):
        store.clock = _Earlier(late)
        await partitions.make_ahead(store)
    store.clock = SystemClock()


async def _settle(store: Store, url: str) -> None:
    """What time would have done: the WAL written back; on PostgreSQL statistics and the first vacuum, which
    else would come amid the measurement."""
    if store.database.is_sqlite:
        await store.database.checkpoint()
        return
    conn = await asyncpg.connect(url)
    await conn.execute("VACUUM ANALYZE")
    await conn.close()

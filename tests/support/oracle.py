"""The oracle for "nothing lost": compares what was acknowledged with what arrived and what is still owed.

lost = acknowledged − (received ∪ pending ∪ in flight ∪ failed), counted in deliveries: an event whose 202
promised three deliveries must have three, each of them at the receiver or waiting in the database. What the
gateway calls delivered counts only if the receiver has it. Knows nothing of the gateway's code: it reads the
tables with plain SQL, on SQLite from a copy of the files, so that recovery stays the gateway's own work.

    crashes = []
    ... a Load runs against a gateway that sends to a Sink; the gateway dies ...
    crashes.append((await read_state(url)).in_flight)
    ... it is started again; the load finishes ...
    await sink.wait_until(settled(load, sink, crashes), timeout=60)
    ... the gateway is stopped ...
    verdict = judge(load, sink, await read_state(url), crashes)
    print(verdict)
    verdict.check()

`under_load.Stage` does these steps. Each kind of fault it must find has its test in `acceptance/test_oracle`.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from tests.support.load import Load
from tests.support.sink import Sink

_EVENTS = "SELECT id, deliveries FROM events"
_DELIVERIES = "SELECT id, event_id, status, queue FROM deliveries"
_NEWEST_LEASE = "SELECT max(id) FROM node_leases"  # their ids sort by time
_INTEGRITY = "PRAGMA integrity_check"
_TABLES_SQLITE = "SELECT name FROM sqlite_master WHERE type = 'table'"
_TABLES_POSTGRESQL = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
_BROKEN = {
    "deliveries of no event": "SELECT id FROM deliveries WHERE event_id NOT IN (SELECT id FROM events)",
    "attempts of no delivery": "SELECT delivery_id FROM attempts"
    " WHERE delivery_id NOT IN (SELECT id FROM deliveries)",
    "deliveries whose attempts were half recorded": "SELECT d.id FROM deliveries d LEFT JOIN"
    " (SELECT delivery_id, count(*) AS n FROM attempts GROUP BY delivery_id) a ON a.delivery_id = d.id"
    " WHERE coalesce(a.n, 0) <> d.attempts_made",
    "delivered without a success": "SELECT id FROM deliveries WHERE status = 'delivered' AND id NOT IN"
    " (SELECT delivery_id FROM attempts WHERE status_code BETWEEN 200 AND 299)",
}
_STILL_OWED = frozenset({"pending", "failed"})


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery as the database has it; one whose `queue` is a node's lease, the API calls in flight."""

    id: str
    event_id: str
    status: str
    queue: str | None


@dataclass(frozen=True, slots=True)
class State:
    """What the database says: event id → number of deliveries it was written with; all deliveries; the node
    lease that was taken last; and whatever is wrong with the database itself."""

    events: Mapping[str, int]
    deliveries: Mapping[str, DeliveryRow]
    newest_lease: str | None
    unsound: Sequence[str]

    @property
    def in_flight(self) -> frozenset[str]:
        """What the node that started last has in its hands."""
        held = (row for row in self.deliveries.values() if row.status == "pending")
        return frozenset(row.id for row in held if row.queue == self.newest_lease)


async def read_state(database_url: str) -> State:
    """Reads the database, whether or not a gateway has died on it a moment ago. On SQLite no gateway may be
    writing meanwhile."""
    found = await _read(database_url, [_EVENTS, _DELIVERIES, _NEWEST_LEASE, *_BROKEN.values()])
    unsound = [row[0] for row in found.get(_INTEGRITY, ()) if row[0] != "ok"]
    for what, sql in _BROKEN.items():
        unsound += [f"{what}: {row[0]}" for row in found[sql]]
    rows = (DeliveryRow(*row) for row in found[_DELIVERIES])
    return State(
        dict(map(tuple, found[_EVENTS])), {row.id: row for row in rows}, found[_NEWEST_LEASE][0][0], unsound
    )


async def read_tables(database_url: str) -> set[str]:
    """The names of all tables there are."""
    sql = _TABLES_SQLITE if database_url.startswith("sqlite") else _TABLES_POSTGRESQL
    return {row[0] for row in (await _read(database_url, [sql]))[sql]}


async def _read(database_url: str, queries: Sequence[str]) -> dict[str, Any]:
    """The rows of each query, all as of one moment."""
    if database_url.startswith("sqlite"):
        return await asyncio.to_thread(_read_sqlite, Path(database_url.removeprefix("sqlite:///")), queries)
    conn = await asyncpg.connect(database_url)
    try:
        async with conn.transaction(isolation="repeatable_read", readonly=True):
            return {sql: await conn.fetch(sql) for sql in queries}
    finally:
        await conn.close()


def _read_sqlite(path: Path, queries: Sequence[str]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory) / "copy.db"
        for suffix in ("", "-wal"):
            if path.with_name(path.name + suffix).exists():
                shutil.copy(path.with_name(path.name + suffix), copy.with_name(copy.name + suffix))
        db = sqlite3.connect(copy)
        try:
            return {sql: db.execute(sql).fetchall() for sql in (_INTEGRITY, *queries)}
        finally:
            db.close()


@dataclass(slots=True)
class Verdict:
    """`lost`: event id → deliveries missing. `halved`: stored events with another number of deliveries than
    they were written with. `unexpected`: what arrived or is stored and nobody sent. `twofold`: numbers of
    payloads that became two events. `duplicates`: deliveries that arrived again, by cause: in flight at a
    `crash`, so that their outcome was not recorded, or `unexplained`."""

    acknowledged: int = 0
    received: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    halved: dict[str, str] = field(default_factory=dict)
    unexpected: list[str] = field(default_factory=list)
    twofold: list[str] = field(default_factory=list)
    duplicates: Counter[str] = field(default_factory=Counter)
    unexplained: list[str] = field(default_factory=list)
    in_flight_at_crashes: int = 0
    unsound: Sequence[str] = ()

    def check(self) -> None:
        """Asserts the whole claim: nothing lost, nothing half, nothing invented, duplicates accounted for."""
        assert not self.unsound, self.unsound[:10]
        assert not self.lost, f"{len(self.lost)} of {self.acknowledged} lost: {list(self.lost.items())[:10]}"
        assert not self.halved, list(self.halved.items())[:10]
        assert not self.unexpected, self.unexpected[:10]
        assert not self.twofold, self.twofold[:10]
        assert not self.unexplained, self.unexplained[:10]
        assert self.duplicates.total() <= self.in_flight_at_crashes, self.duplicates

    def __str__(self) -> str:
        causes = ", ".join(f"{cause} {count}" for cause, count in sorted(self.duplicates.items()))
        return (
            f"acknowledged={self.acknowledged} received={self.received} lost={len(self.lost)}"
            f" half={len(self.halved)} unexpected={len(self.unexpected)}"
            f" duplicates={self.duplicates.total()}{f' ({causes})' if causes else ''}"
            f" of {self.in_flight_at_crashes} in flight at crashes"
        )


def judge(load: Load, sink: Sink, state: State, crashes: Sequence[Collection[str]] = ()) -> Verdict:
    """The verdict over a whole run. `crashes` has, for each crash, the deliveries then in flight."""
    verdict = Verdict(len(load.acknowledged), len(sink.accepted), unsound=state.unsound)
    verdict.in_flight_at_crashes = sum(map(len, crashes))
    _find_lost(verdict, load, sink, state)
    _find_unexpected(verdict, load, sink, state)
    _count_duplicates(verdict, sink, crashes)
    return verdict


def settled(load: Load, sink: Sink, crashes: Sequence[Collection[str]] = ()) -> Callable[[], bool]:
    """A condition for `Sink.wait_until`: every acknowledged event has arrived as often as was promised, and
    so has everything that was in flight at a crash. For a load that has finished."""
    events = [(event_id, accepted.deliveries) for event_id, accepted in load.acknowledged.items()]
    deliveries = [delivery_id for crash in crashes for delivery_id in crash]

    def condition() -> bool:
        events[:] = [(id_, count) for id_, count in events if len(sink.deliveries_of.get(id_, ())) < count]
        deliveries[:] = [id_ for id_ in deliveries if id_ not in sink.accepted]
        return not events and not deliveries

    return condition


def _find_lost(verdict: Verdict, load: Load, sink: Sink, state: State) -> None:
    owed: dict[str, set[str]] = {event_id: set() for event_id in state.events}
    written: Counter[str] = Counter()
    for row in state.deliveries.values():
        written[row.event_id] += 1
        if row.status in _STILL_OWED:
            owed.setdefault(row.event_id, set()).add(row.id)
    for event_id, accepted in load.acknowledged.items():
        there = sink.deliveries_of.get(event_id, set()) | owed.get(event_id, set())
        if event_id not in state.events or len(there) < accepted.deliveries:
            verdict.lost[event_id] = max(accepted.deliveries - len(there), 1)
        elif written[event_id] != accepted.deliveries:
            verdict.halved[event_id] = f"{written[event_id]} of {accepted.deliveries} promised"
    for event_id, count in state.events.items():  # also those whose sender never got an answer
        if written[event_id] != count:
            verdict.halved.setdefault(event_id, f"{written[event_id]} of {count} written")


def _find_unexpected(verdict: Verdict, load: Load, sink: Sink, state: State) -> None:
    if sink.forged:
        verdict.unexpected.append(f"{sink.forged} requests whose signatures do not verify")
    ids: dict[int, set[str]] = {}
    for delivery_id, receipts in sink.accepted.items():
        row = state.deliveries.get(delivery_id)
        for receipt in receipts[:1]:
            if row is None or row.event_id != receipt.event_id:
                verdict.unexpected.append(f"{delivery_id} of {receipt.event_id} is not in the database")
            if receipt.index is not None:
                ids.setdefault(receipt.index, set()).add(receipt.event_id)
    for event_id, accepted in load.acknowledged.items():
        ids.setdefault(accepted.index, set()).add(event_id)
    known = {accepted.index for accepted in load.acknowledged.values()} | load.unknown
    verdict.unexpected += [f"number {index} was never sent" for index in ids if index not in known]
    verdict.twofold = [
        f"{index}: {', '.join(sorted(found))}" for index, found in ids.items() if len(found) > 1
    ]
    verdict.twofold += load.disagreeing
    extra = len(state.events) - len(load.acknowledged) - len(load.unknown)
    if extra > 0:
        verdict.unexpected.append(f"{extra} events more in the database than were sent")


def _count_duplicates(verdict: Verdict, sink: Sink, crashes: Sequence[Collection[str]]) -> None:
    at_crashes = Counter(delivery_id for crash in crashes for delivery_id in crash)
    for delivery_id, receipts in sink.accepted.items():
        again = len(receipts) - 1
        by_crash = min(again, at_crashes[delivery_id])
        verdict.duplicates["crash"] += by_crash
        if again > by_crash:
            verdict.duplicates["unexplained"] += again - by_crash
            attempts = [receipt.attempt for receipt in receipts]
            verdict.unexplained.append(f"{delivery_id}: attempts {attempts}, {by_crash} by crashes")

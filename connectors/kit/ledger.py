"""Which call became which activity, which request made which contact: a SQLite file that survives a restart.

    async with ledger.claim(f"call {call.id}"):      one at a time, over all processes on the file
        done = await ledger.call(call.id)            before the CRM is asked
        …
        await ledger.record_call(call.id, Done(…))   on disk when it returns

Several processes may share the file, on one machine. It is written through a rollback journal with full
synchronization: SQLite's write-ahead log has a race between two writing processes in the versions that most
systems ship.

Calls are kept 400 days after their last change, and no word of them: ids, revision, a hash. Creations, which
hold the contact that was answered, are kept one day. The files are readable to their owner only.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from connectors.kit.claims import Claims

CALLS_KEPT: Final = 400 * 86_400  # seconds; longer than HUM keeps anything that it could send again
CREATIONS_KEPT: Final = 86_400
_CLEANING: Final = 3_600  # seconds between two looks for what is too old
_VERSION: Final = 1

_SCHEMA: Final = (
    """CREATE TABLE calls (
        call_id TEXT PRIMARY KEY, activity_id TEXT NOT NULL, revision INTEGER NOT NULL, updated_at TEXT,
        content BLOB NOT NULL, recorded_at REAL NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX calls_by_age ON calls (recorded_at)",
    """CREATE TABLE creations (
        delivery TEXT PRIMARY KEY, phone TEXT NOT NULL, status INTEGER NOT NULL, answer BLOB NOT NULL,
        recorded_at REAL NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX creations_by_phone ON creations (phone, recorded_at)",
    f"PRAGMA user_version = {_VERSION}",
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Done:
    """What the CRM has of a call: the activity, and the state it was last told. `content` is a hash of it."""

    activity_id: str
    revision: int
    updated_at: str | None
    content: bytes


@dataclass(frozen=True, slots=True)
class Creation:
    """The answer that a request to create a contact got."""

    status: int
    answer: bytes


class Ledger:
    """Without a `path`, everything is forgotten at the end: for tests. `clock` gives seconds since 1970."""

    def __init__(self, path: str | Path | None, clock: Callable[[], float] = time.time) -> None:
        self._path = Path(path) if path is not None else None
        self._clock = clock
        self._claims = Claims(self._path.with_name(self._path.name + ".claims") if self._path else None)
        self._thread: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None
        self._cleaned = 0.0

    async def open(self) -> None:
        """Makes the file if there is none. Raises sqlite3.Error or OSError, which name the path."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
            try:
                await self._run(self._connect)
            except BaseException:
                await self.close()
                raise

    async def close(self) -> None:
        if self._thread is not None:
            await self._run(self._disconnect)
            self._thread.shutdown()
            self._thread = None

    def claim(self, name: str) -> AbstractAsyncContextManager[None]:
        """Held by one at a time. Nobody may hold two at once (`kit.claims`)."""
        return self._claims.hold(name)

    async def call(self, call_id: str) -> Done | None:
        row = await self._run(
            lambda: self._one(
                "SELECT activity_id, revision, updated_at, content FROM calls WHERE call_id = ?", call_id
            )
        )
        return None if row is None else Done(*row)

    async def record_call(self, call_id: str, done: Done) -> None:
        """On disk when it returns."""
        values = (call_id, done.activity_id, done.revision, done.updated_at, done.content, self._clock())
        await self._run(
            lambda: self._write("INSERT OR REPLACE INTO calls VALUES (?, ?, ?, ?, ?, ?)", *values)
        )

    async def creation(self, delivery: str) -> Creation | None:
        """What the request of this `X-HUM-Delivery` was answered."""
        row = await self._run(
            lambda: self._one(
                "SELECT status, answer FROM creations WHERE delivery = ? AND recorded_at > ?",
                delivery,
                self._clock() - CREATIONS_KEPT,
            )
        )
        return None if row is None else Creation(*row)

    async def created_lately(self, phone: str, seconds: float) -> Creation | None:
        """The youngest creation for a number, if it is younger than this."""
        row = await self._run(
            lambda: self._one(
                "SELECT status, answer FROM creations WHERE phone = ? AND recorded_at > ? AND status < 300"
                " ORDER BY recorded_at DESC LIMIT 1",
                phone,
                self._clock() - seconds,
            )
        )
        return None if row is None else Creation(*row)

    async def record_creation(self, delivery: str, phone: str, creation: Creation) -> None:
        """On disk when it returns."""
        values = (delivery, phone, creation.status, creation.answer, self._clock())
        await self._run(
            lambda: self._write("INSERT OR REPLACE INTO creations VALUES (?, ?, ?, ?, ?)", *values)
        )

    async def _run(self, work: Callable[[], T]) -> T:
        """In the ledger's thread, and to its end: no claim is given back while its row is being written."""
        if self._thread is None:
            raise sqlite3.ProgrammingError("the ledger is not open")
        job = asyncio.get_running_loop().run_in_executor(self._thread, work)
        try:
            return await asyncio.shield(job)
        except asyncio.CancelledError:
            await asyncio.wait([job])
            raise

    def _connect(self) -> None:
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._claims.open()
        connection = sqlite3.connect(self._path or ":memory:", timeout=5, isolation_level=None)
        self._connection = connection
        for pragma in ("journal_mode = TRUNCATE", "synchronous = FULL", "secure_delete = ON"):
            connection.execute(f"PRAGMA {pragma}")
        self._prepare(connection)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")  # another process may be preparing the same file
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            raise sqlite3.DatabaseError(f"{self._path} was made by a newer version of the kit")
        for statement in _SCHEMA if version == 0 else ():
            connection.execute(statement)
        connection.execute("COMMIT")

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._claims.close()

    def _one(self, statement: str, *values: object) -> tuple[Any, ...] | None:
        assert self._connection is not None
        row: tuple[Any, ...] | None = self._connection.execute(statement, values).fetchone()
        return row

    def _write(self, statement: str, *values: object) -> None:
        assert self._connection is not None
        self._connection.execute(statement, values)
        now = self._clock()
        if now - self._cleaned >= _CLEANING:
            self._cleaned = now
            self._connection.execute("DELETE FROM calls WHERE recorded_at <= ?", (now - CALLS_KEPT,))
            self._connection.execute("DELETE FROM creations WHERE recorded_at <= ?", (now - CREATIONS_KEPT,))

"""The database: one URL, two kinds, opened safely.

SQLite: one writing connection, which also does the checkpoints, some reading ones; WAL, `synchronous=FULL`.
Two connections that write at once can corrupt a WAL in SQLite before 3.51.3, so there is only ever one.
PostgreSQL: a pool; `synchronous_commit` must be on, and a forgotten transaction is ended by the server.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from gateway.errors import Overloaded, StartupError

_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA busy_timeout=500",
    "PRAGMA foreign_keys=ON",
    "PRAGMA secure_delete=ON",
    "PRAGMA cache_size=-32768",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA wal_autocheckpoint=2000",
)
_PG_SETTINGS = {
    "application_name": "hum-gateway",
    "idle_in_transaction_session_timeout": "30000",
    "statement_timeout": "30000",
    "lock_timeout": "10000",
    "jit": "off",
    # A plan made while a table was empty must not be kept for when it is full.
    "plan_cache_mode": "force_custom_plan",
}


class Database:
    """Connections and transactions; what is in them is the business of the other modules of `store`."""

    def __init__(self, url: str, *, count: Callable[[], None] = lambda: None) -> None:
        """`count` is called once for each call to the driver: the figure "SQL statements per event"."""
        self.url = normalize_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._write_lock = asyncio.Lock()
        if self.is_sqlite:
            self._writer = _sqlite_engine(self.url, read_only=False, size=1)
            self._reader = _sqlite_engine(self.url, read_only=True, size=8)
        else:
            self._writer = self._reader = _postgresql_engine(self.url)
        for engine in {self._writer, self._reader}:
            _count_statements(engine, count)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection for reading; on SQLite a snapshot of its own beside the writer."""
        with _database_problems():
            async with self._reader.connect() as conn:
                yield conn

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: committed at the end, rolled back by an exception.

        On SQLite one at a time, in the order in which they were asked for.
        """
        with _database_problems():
            if self.is_sqlite:
                async with self._write_lock, self._writer.begin() as conn:
                    yield conn
            else:
                async with self._writer.begin() as conn:
                    yield conn

    async def check(self) -> None:
        """Refuses a database on which an acknowledged event could be lost."""
        if self.is_sqlite:
            _check_sqlite_file(Path(self.url.database or ""))
        try:
            async with self.write() as conn:  # a directory or file that cannot be written shows here
                if self.is_sqlite:
                    return
                setting = (await conn.execute(text("SHOW synchronous_commit"))).scalar_one()
        except (Overloaded, OSError, DBAPIError) as error:
            raise StartupError(
                f"the database cannot be reached: {_where(self.url)}{_reason(error)}"
            ) from error
        if setting == "off":
            raise StartupError("PostgreSQL runs with synchronous_commit=off, which loses acknowledged events")

    async def checkpoint(self) -> bool:
        """Writes the whole WAL into the SQLite file and truncates it; False when somebody was reading it just
        then. Nothing on PostgreSQL."""
        if not self.is_sqlite:
            return True
        with _database_problems():
            async with self._write_lock, self._writer.connect() as conn:
                # On the driver's own connection: a checkpoint cannot run inside a transaction.
                raw = await conn.get_raw_connection()
                driver: Any = raw.driver_connection
                cursor = await driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                (busy, _, _) = await cursor.fetchone()
                await cursor.close()
                return not busy

    async def close(self) -> None:
        await self._reader.dispose()
        await self._writer.dispose()


async def execute_many(conn: AsyncConnection, statement: str, rows: Sequence[tuple[Any, ...]]) -> int:
    """One statement for many rows on SQLite; returns how many it changed.

    Straight to the driver: one call to its thread, where a cursor of SQLAlchemy's takes three.
    """
    assert conn.sync_connection is not None
    connection = conn.sync_connection.connection
    driver = connection.driver_connection
    assert driver is not None
    connection.info["count"]()
    cursor = await driver.executemany(statement, rows)
    return int(cursor.rowcount)


class DirectRead:
    """A statement that reads, for those who have no time: straight to the driver, without a transaction
    around it. One call to SQLite's thread or one round trip, where SQLAlchemy takes several.

    `sqlite` with `?` for its parameters, `postgresql` with `$1`; rows are tuples in the order of the columns.
    """

    def __init__(self, sqlite: str, postgresql: str) -> None:
        self._sqlite = sqlite
        self._postgresql = postgresql

    async def __call__(self, conn: AsyncConnection, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        assert conn.sync_connection is not None
        connection = conn.sync_connection.connection
        driver: Any = connection.driver_connection
        connection.info["count"]()
        try:
            if conn.dialect.name == "sqlite":
                return [tuple(row) for row in await driver.execute_fetchall(self._sqlite, parameters)]
            return [tuple(row) for row in await driver.fetch(self._postgresql, *parameters)]
        except BaseException as error:
            await conn.invalidate(error)  # nobody knows what state it is in
            raise


def normalize_url(url: str) -> URL:
    """`sqlite:///f` and `postgresql://…` with the asynchronous drivers that this gateway uses."""
    parsed = make_url(url)
    backend = parsed.get_backend_name()
    if backend == "postgres":
        backend = "postgresql"
    driver = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}.get(backend)
    if driver is None:
        raise StartupError(f"the database must be SQLite or PostgreSQL, not {backend}")
    return parsed.set(drivername=driver)


def _check_sqlite_file(path: Path) -> None:
    """Whether the file can be a database; asked plainly first, for a clear answer."""
    if path.is_dir():
        raise StartupError(f"the database {path} is a directory")
    if path.exists() and path.stat().st_size and path.open("rb").read(16) != b"SQLite format 3\0":
        raise StartupError(f"{path} is not a database: it holds something else")


def _sqlite_engine(url: URL, *, read_only: bool, size: int) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=size,
        max_overflow=0,
        pool_timeout=5,
        pool_reset_on_return=None,
        hide_parameters=True,  # they are personal data, and error texts go into logs
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _on_connect(connection: Any, _: Any) -> None:
        # The driver's own transaction handling is off: BEGIN IMMEDIATE below says when one starts.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in _SQLITE_PRAGMAS:
            cursor.execute(pragma)
        if read_only:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    begin = "BEGIN" if read_only else "BEGIN IMMEDIATE"

    @event.listens_for(engine.sync_engine, "begin")
    def _on_begin(conn: Any) -> None:
        # One call to the driver's thread, where a cursor would take three.
        try:
            conn.connection.dbapi_connection.run_async(lambda driver: driver.execute(begin))
        except BaseException as error:
            conn.invalidate(error)  # when it was cancelled, it may have begun all the same
            raise

    return engine


def _postgresql_engine(url: URL) -> AsyncEngine:
    # asyncpg reads the URL itself, so that everything libpq knows (sslmode, host=/socket/directory, …) works.
    dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)

    async def connect(*_: Any, **__: Any) -> Any:
        return await asyncpg.connect(dsn, server_settings=_PG_SETTINGS, timeout=5)

    return create_async_engine(
        url.set(query={}),
        async_creator=connect,
        hide_parameters=True,
        pool_size=12,
        max_overflow=8,
        pool_timeout=5,
    )


def _count_statements(engine: AsyncEngine, count: Callable[[], None]) -> None:
    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def _on_statement(*_: Any) -> None:
        count()

    @event.listens_for(engine.sync_engine, "connect")
    def _on_connect(_: Any, record: Any) -> None:
        record.info["count"] = count

    @event.listens_for(engine.sync_engine, "commit")
    def _on_commit(_: Any) -> None:
        count()


# SQLite's words for a wrong statement, and for a file that may not be written (primary result codes).
_OUR_SQLITE_MISTAKES = frozenset({sqlite3.SQLITE_ERROR, sqlite3.SQLITE_READONLY})
_OUR_MISTAKES = ("not a database", "invalid input for query argument", "Error binding parameter")


class _database_problems:  # noqa: N801 - reads as a statement
    """Turns what drivers raise when a database is away or busy into a 503; lets our own mistakes pass."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if error is not None and is_unavailable(error):
            raise Overloaded(
                "the database is not available at the moment", code="database_unavailable", retry_after=1
            ) from error


def is_unavailable(error: BaseException) -> bool:
    """Whether trying again later can help: connection lost, locked, starting, no connection free."""
    if isinstance(error, PoolTimeout | OSError):  # refused, timed out, no such socket or host
        return True
    if isinstance(error, sqlite3.OperationalError):  # from where the driver is called without SQLAlchemy
        return not _is_our_mistake(error)
    if isinstance(error, asyncpg.InterfaceError) and not isinstance(error, ValueError):
        return True  # from where the driver is called without SQLAlchemy: the connection is gone
    if isinstance(error, asyncpg.PostgresError):
        return _says_later(error.sqlstate)
    if isinstance(error, DBAPIError):
        if error.connection_invalidated or isinstance(error, OperationalError | InterfaceError):
            return not _is_our_mistake(error.orig)
        return _says_later(getattr(error.orig, "sqlstate", None))
    return False


def _says_later(state: str | None) -> bool:
    """Whether PostgreSQL's SQLSTATE is about its own condition."""
    state = state or ""
    return state[:2] in {"08", "53", "57", "40"} or state in {"55P03", "25P03", "3D000"}


def _is_our_mistake(error: BaseException | None) -> bool:
    message = str(error)
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None and code & 0xFF in _OUR_SQLITE_MISTAKES:
        return True
    return any(mistake in message for mistake in _OUR_MISTAKES)


def _where(url: URL) -> str:
    """`PostgreSQL at db.example:5432: `, for the message of a server that does not answer."""
    if url.get_backend_name() == "sqlite":
        return ""
    host = url.query.get("host") or url.host or "localhost"
    port = url.query.get("port") or url.port or 5432
    return f"PostgreSQL at {host}:{port}: "


def _reason(error: BaseException) -> str:
    cause = error.__cause__ if isinstance(error, Overloaded) else error
    if isinstance(cause, DBAPIError):
        return str(cause.orig)
    return str(cause or error)

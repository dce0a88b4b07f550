"""Connections to the database: a piece of work in one transaction, within a time limit.

Asynchronous where the driver is, in threads of its own where it is not. What goes wrong becomes a Failure
without a word of statement, values or server: they may hold a name, a number or the password.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from connectors.kit.failures import Failure, Refused, Unavailable

T = TypeVar("T")
Work = Callable[[sa.Connection], T]

CONNECTIONS: Final = 5
_STEPS: Final = 10_000  # of SQLite's virtual machine, a millisecond or so
_DRIVERS: Final = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
# Of SQLSTATE: connection lost, insufficient resources, operator intervention (a statement that took too
# long, a server that goes down), system error, rolled back for another's sake.
_PASSING: Final = ("08", "53", "57", "58", "40", "55")


class Database:
    """`url` as SQLAlchemy writes it; without a driver in it, the asynchronous one of SQLite and PostgreSQL is
    taken. Raises ValueError for one that cannot be used."""

    def __init__(self, url: str, timeout: float) -> None:
        self._timeout = timeout
        self._url = _usable(url)
        self._threads: ThreadPoolExecutor | None = None
        options = {
            "hide_parameters": True,
            "pool_pre_ping": True,
            "pool_size": CONNECTIONS,
            "max_overflow": 0,
            "pool_timeout": timeout,
            "connect_args": {"timeout": timeout} if self._url.get_backend_name() == "sqlite" else {},
        }
        self._asynchronous: AsyncEngine | None = None
        try:
            if self._url.get_dialect().is_async:
                self._asynchronous = create_async_engine(self._url, **options)
                self._engine = self._asynchronous.sync_engine
            else:
                self._engine = sa.create_engine(self._url, **options)
        except ModuleNotFoundError as error:
            raise ValueError(f"the driver is not installed: {error.name}") from None
        self.dialect = self._engine.dialect.name
        if self.dialect == "sqlite":
            sa.event.listen(self._engine, "connect", _break_off_when_late)

    async def close(self) -> None:
        if self._asynchronous is not None:
            await self._asynchronous.dispose()
        else:
            self._engine.dispose()
        if self._threads is not None:
            self._threads.shutdown(wait=False)
            self._threads = None

    async def read(self, work: Work[T]) -> T:
        """Changes nothing, and on PostgreSQL cannot."""
        readonly = {"postgresql_readonly": True} if self.dialect == "postgresql" else {}
        return await self._within(work, readonly, to_its_end=False)

    async def write(self, work: Work[T]) -> T:
        """Committed when it returns. Raises sqlalchemy's IntegrityError for the caller to judge."""
        return await self._within(work, {}, to_its_end=True)

    async def _within(self, work: Work[T], options: dict[str, Any], *, to_its_end: bool) -> T:
        bounded = self._bounded(work)
        try:
            async with asyncio.timeout(self._timeout):
                if self._asynchronous is not None:
                    return await _run(self._asynchronous, bounded, options)
                return await self._run_in_thread(bounded, options, to_its_end)
        except sa.exc.IntegrityError:
            raise
        except (sa.exc.SQLAlchemyError, OSError) as error:  # a TimeoutError is an OSError
            raise failure_of(error) from None

    async def _run_in_thread(self, work: Work[T], options: dict[str, Any], to_its_end: bool) -> T:
        """`to_its_end`: also when nobody waits any more, since a thread cannot be broken off and the next one
        must not begin before it knows what became of this one."""

        def transaction() -> T:
            with self._engine.connect() as connection:
                with connection.execution_options(**options).begin():
                    return work(connection)

        if self._threads is None:
            self._threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="sql")
        job = asyncio.get_running_loop().run_in_executor(self._threads, transaction)
        job.add_done_callback(lambda job: job.cancelled() or job.exception())  # nobody may be left to hear it
        try:
            return await asyncio.shield(job)
        except asyncio.CancelledError:
            if to_its_end:
                await asyncio.wait([job])
            raise

    def _bounded(self, work: Work[T]) -> Work[T]:
        """The work, with a limit that the database itself keeps, where it can."""

        def bounded(connection: sa.Connection) -> T:
            if self.dialect == "postgresql":
                limit = str(round(self._timeout * 1000))
                connection.execute(sa.select(sa.func.set_config("statement_timeout", limit, True)))
            if self.dialect == "sqlite":
                connection.info["deadline"].at = time.monotonic() + self._timeout
            return work(connection)

        return bounded


async def _run(engine: AsyncEngine, work: Work[T], options: dict[str, Any]) -> T:
    async with engine.connect() as connection:
        await connection.execution_options(**options)
        async with connection.begin():
            return await connection.run_sync(work)


@dataclass(slots=True)
class _Deadline:
    at: float = math.inf


def _break_off_when_late(connection: Any, record: Any) -> None:
    """SQLite asks every so often whether it shall go on."""
    deadline = record.info["deadline"] = _Deadline()

    def late() -> bool:
        return time.monotonic() > deadline.at

    if hasattr(connection, "run_async"):
        connection.run_async(lambda driver: driver.set_progress_handler(late, _STEPS))
    else:
        connection.set_progress_handler(late, _STEPS)


def failure_of(error: Exception) -> Failure:
    """What HUM hears of it."""
    if isinstance(error, TimeoutError | sa.exc.TimeoutError):
        return Unavailable("the database does not answer in time")
    if isinstance(error, OSError):
        return Unavailable(f"the database cannot be reached: {type(error).__name__}")
    state = _state(error)
    said = f"{type(error).__name__}{f' {state}' if state else ''}"
    passing = isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError) and not state
    if passing or state[:2] in _PASSING or getattr(error, "connection_invalidated", False):
        return Unavailable(f"the database cannot answer: {said}")
    return Refused(f"the database refuses the statement: {said}")


def _state(error: Exception) -> str:
    origin = getattr(error, "orig", None)
    state = getattr(origin, "sqlstate", None) or getattr(origin, "pgcode", None) or ""
    return state if isinstance(state, str) and state.isalnum() else ""


def _usable(text: str) -> URL:
    try:
        url = make_url(text)
        url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
        url.get_dialect()
    except (sa.exc.ArgumentError, ValueError):
        raise ValueError(
            "not an address of a database, such as postgresql://user:password@host/name"
        ) from None
    if url.get_backend_name() == "sqlite":
        _check_file(url)
    if "sslmode" in url.query and url.get_driver_name() == "asyncpg":  # libpq's name for it
        mode = url.query["sslmode"]
        url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
    return url


def _check_file(url: URL) -> None:
    """SQLite would make an empty file for a mistyped name."""
    if not url.database or url.database == ":memory:":
        raise ValueError("a file is needed: a database in memory is empty")
    if not url.database.startswith("file:") and not Path(url.database).is_file():
        raise ValueError("the file does not exist")

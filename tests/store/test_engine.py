"""The database opened safely, and what happens when it is locked, busy or gone."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import Overloaded, StartupError
from gateway.store.engine import Database, DirectRead, normalize_url

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(empty_database: str) -> AsyncIterator[Database]:
    async with opened(empty_database) as database:
        yield database


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    async with database.write() as conn:
        await conn.execute(text("CREATE TABLE IF NOT EXISTS notes (n INTEGER)"))
    yield database
    await database.close()


async def one(conn: AsyncConnection, sql: str) -> object:
    return (await conn.execute(text(sql))).scalar()


async def note(database: Database, n: int = 1) -> None:
    async with database.write() as conn:
        await conn.execute(text("INSERT INTO notes VALUES (:n)"), {"n": n})


async def notes(database: Database) -> list[int]:
    async with database.read() as conn:
        return list((await conn.execute(text("SELECT n FROM notes ORDER BY n"))).scalars())


@pytest.mark.parametrize(
    ("given_url", "expected"),
    [
        ("sqlite:///a.db", "sqlite+aiosqlite:///a.db"), ("sqlite+aiosqlite:////b", "sqlite+aiosqlite:////b"),
        ("postgresql://u:p@h/d", "postgresql+asyncpg://u:p@h/d"), ("postgres://h/d", "postgresql+asyncpg://h/d"),
        ("postgresql+psycopg://h/d", "postgresql+asyncpg://h/d"),
    ],
)  # fmt: skip
def test_urls_of_both_kinds(given_url: str, expected: str) -> None:
    assert normalize_url(given_url).render_as_string(hide_password=False) == expected
    with pytest.raises(StartupError, match="SQLite or PostgreSQL"):
        normalize_url("mysql://h/d")


async def test_the_file_is_opened_for_durability(sqlite_database: str) -> None:
    async with opened(sqlite_database) as database:
        for connection in (database.write, database.read):
            async with connection() as conn:
                found = {
                    name: await one(conn, f"PRAGMA {name}")
                    for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
                }
            assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}


async def test_reading_connections_cannot_write(sqlite_database: str) -> None:
    async with opened(sqlite_database) as database:
        with pytest.raises(Exception, match="readonly") as caught:
            async with database.read() as conn:
                await conn.execute(text("INSERT INTO notes VALUES (1)"))
        assert not isinstance(
            caught.value, Overloaded
        )  # that is our own mistake, and trying again is no help


async def test_one_writer_at_a_time_in_the_order_of_asking(sqlite_database: str) -> None:
    inside: list[int] = []
    order: list[int] = []
    async with opened(sqlite_database) as database:

        async def write(n: int) -> None:
            async with database.write() as conn:
                inside.append(n)
                assert len(inside) == 1
                await conn.execute(text("INSERT INTO notes VALUES (1)"))
                order.append(n)
                inside.remove(n)

        await asyncio.gather(*map(write, range(30)))
        assert order == list(range(30))
        assert database._writer.pool.size() == 1  # type: ignore[attr-defined]


async def test_reading_goes_on_beside_a_writer_and_sees_one_moment(database: Database) -> None:
    async with database.write() as conn:
        await conn.execute(text("INSERT INTO notes VALUES (1)"))
        assert await asyncio.create_task(notes(database)) == []
    assert await notes(database) == [1]
    if database.is_sqlite:
        async with database.read() as conn:
            assert await one(conn, "SELECT count(*) FROM notes") == 1
            await note(database)
            assert await one(conn, "SELECT count(*) FROM notes") == 1


async def test_an_exception_rolls_back(database: Database) -> None:
    with pytest.raises(KeyError):
        async with database.write() as conn:
            await conn.execute(text("INSERT INTO notes VALUES (1)"))
            raise KeyError
    await note(database, 2)
    assert await notes(database) == [2]
    await database.check()  # which refuses a database that loses what was acknowledged


async def test_a_checkpoint_empties_the_wal(sqlite_database: str, tmp_path: Path) -> None:
    async with opened(sqlite_database) as database:
        await note(database)
        wal = tmp_path / "gateway.db-wal"
        assert wal.stat().st_size > 0
        await database.checkpoint()
        assert wal.stat().st_size == 0
        await note(database, 2)
        assert await notes(database) == [1, 2]


@pytest.mark.parametrize("setting", ["off", "local"])
async def test_synchronous_commit_off_is_refused(postgres_database: str, setting: str) -> None:
    async with opened(postgres_database) as database, database.write() as conn:
        name = await one(conn, "SELECT current_database()")
        await conn.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = '{setting}'"))
    async with opened(postgres_database) as database:
        if setting == "off":
            with pytest.raises(StartupError, match="synchronous_commit=off"):
                await database.check()
        else:
            await database.check()


@pytest.mark.parametrize("place", ["no/such/directory/gateway.db", "file/gateway.db"])
async def test_a_file_that_cannot_be_opened_stops_the_start(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    database = Database(f"sqlite:///{tmp_path / place}")
    with pytest.raises(StartupError, match="cannot be reached: unable to open"):
        await database.check()
    await database.close()
    with pytest.raises(StartupError, match="is a directory"):
        await Database(f"sqlite:///{tmp_path}").check()
    while any("_connection_worker" in thread.name for thread in threading.enumerate()):
        await asyncio.sleep(0)  # the driver's thread ends by itself


_HOLDER = """
import sqlite3, sys
conn = sqlite3.connect(sys.argv[1], isolation_level=None)
conn.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def write_lock_held(file: Path) -> Iterator[None]:
    """Another process has the file's write lock."""
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with holder:
        yield
        holder.kill()


@pytest.mark.proof
async def test_a_foreign_write_lock_is_an_answer_within_two_seconds(
    sqlite_database: str, tmp_path: Path
) -> None:
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.005)
            longest = max(longest, time.monotonic() - before - 0.005)

    async with opened(sqlite_database) as database:
        await note(database)
        with write_lock_held(tmp_path / "gateway.db"):
            watcher = asyncio.create_task(watch())
            started = time.monotonic()
            with pytest.raises(Overloaded) as caught:
                await note(database, 2)
            took = time.monotonic() - started
            assert await notes(database) == [1]  # reading does not need the lock
            watcher.cancel()
        assert caught.value.code == "database_unavailable"
        assert caught.value.retry_after == 1
        assert 0.3 < took < 2  # it does wait for a moment
        assert longest < 1  # the event loop; `make prove` is stricter
        await note(database, 3)
        assert await notes(database) == [1, 3]
    print(
        f"foreign write lock: refused after {took:.2f} s, event loop held up {longest * 1000:.0f} ms at most"
    )


async def kill_backend(database: Database, by: Database) -> None:
    async with database.write() as conn:
        pid = await one(conn, "SELECT pg_backend_pid()")
        async with by.write() as other:
            await other.execute(text(f"SELECT pg_terminate_backend({pid}, 5000)"))
        await conn.execute(text("INSERT INTO notes VALUES (99)"))


async def test_a_killed_backend_is_a_503_and_then_all_is_well(postgres_database: str) -> None:
    async with opened(postgres_database) as database, opened(postgres_database) as killer:
        for n in range(3):
            with pytest.raises(Overloaded):
                await kill_backend(database, killer)
            await note(database, n)
        assert await notes(database) == [0, 1, 2]


async def test_connections_that_died_in_the_pool_cost_one_answer(postgres_database: str) -> None:
    async with opened(postgres_database) as database, opened(postgres_database) as killer:
        await asyncio.gather(*(note(database, n) for n in range(6)))
        async with killer.write() as conn:
            mine = "datname = current_database() AND pid <> pg_backend_pid()"
            await conn.execute(
                text(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {mine}")
            )
        with pytest.raises(Overloaded):
            await note(database, 6)
        for n in (7, 8, 9):
            await note(database, n)
        assert await notes(database) == [0, 1, 2, 3, 4, 5, 7, 8, 9]


async def refusing_server(sqlstate: str) -> tuple[asyncio.Server, str]:
    """Speaks PostgreSQL just far enough to turn everybody away."""

    async def turn_away(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(await reader.read(1000)) == 8:  # asks for TLS first
            writer.write(b"N")
            await reader.read(1000)
        if sqlstate:
            body = b"SFATAL\0C" + sqlstate.encode() + b"\0Mnot now\0\0"
            writer.write(b"E" + (len(body) + 4).to_bytes(4, "big") + body)
        writer.close()

    server = await asyncio.start_server(turn_away, "127.0.0.1", 0)
    return server, f"postgresql://u:p@127.0.0.1:{server.sockets[0].getsockname()[1]}/d"


@pytest.mark.parametrize(
    ("sqlstate", "for_now"),
    [("57P03", True), ("53300", True), ("57P01", True), ("", True), ("3D000", True), ("28P01", False)],
    ids=["starting", "full", "stopping", "hangs up", "no such database", "wrong password"],
)
async def test_a_server_that_turns_us_away(sqlstate: str, for_now: bool) -> None:
    server, url = await refusing_server(sqlstate)
    database = Database(url)
    with pytest.raises(Exception, match=r".") as caught:
        await note(database)
    assert isinstance(caught.value, Overloaded) is for_now
    with pytest.raises(
        StartupError, match="cannot be reached: .*not now" if sqlstate else "cannot be reached"
    ):
        await database.check()
    await database.close()
    server.close()


async def test_a_server_that_is_down_is_a_503(tmp_path: Path) -> None:
    for url in ("postgresql://u:p@127.0.0.1:1/d", f"postgresql://u@/d?host={tmp_path}"):
        database = Database(url)  # nobody listens; no such socket
        with pytest.raises(Overloaded):
            await note(database)
        await database.close()


async def test_our_own_mistakes_are_not_called_an_outage(database: Database) -> None:
    """Whoever waits for the database to come back would wait for ever."""
    for sql, values in (
        ("SELECT nonsense FROM notes", {}),
        ("SELEC 1", {}),
        ("INSERT INTO nowhere VALUES (1)", {}),
        ("INSERT INTO notes VALUES (:n)", {"n": 2**80}),
        ("INSERT INTO notes VALUES (:n)", {"n": object()}),
    ):
        with pytest.raises(Exception, match=r".") as caught:
            async with database.write() as conn:
                await conn.execute(text(sql), values)
        assert not isinstance(caught.value, Overloaded), sql
    await note(database, 1)
    assert await notes(database) == [1]


async def test_a_direct_read_reads_and_leaves_nothing_behind(empty_database: str) -> None:
    counted = 0

    def count() -> None:
        nonlocal counted
        counted += 1

    database = Database(empty_database, count=count)
    read = DirectRead("SELECT ?, ?", "SELECT $1::text, $2::bytea")
    async with database.read() as conn:
        assert await read(conn, ("a", b"\0b")) == [("a", b"\0b")]
        assert await read(conn, (None, None)) == [(None, None)]
        assert not conn.in_transaction()
    assert counted == 2
    await database.close()


async def test_a_direct_read_that_fails_takes_its_connection_along(empty_database: str) -> None:
    """What state that is in, nobody knows; the next one is a new one, and works."""
    database = Database(empty_database)
    for _ in range(20):
        with pytest.raises(Exception, match="no_such_table"):
            async with database.read() as conn:
                await DirectRead("SELECT * FROM no_such_table", "SELECT * FROM no_such_table")(conn, ())
    async with database.read() as conn:
        assert (await conn.execute(text("SELECT 1"))).scalar_one() == 1
    await database.close()


async def test_a_direct_read_says_that_the_database_is_away(postgres_database: str) -> None:
    database = Database(postgres_database)
    slow = DirectRead("", "SELECT pg_sleep(30)")
    end = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%pg_sleep(30)%'"
    )

    async def wait() -> None:
        async with database.read() as conn:
            await slow(conn, ())

    waiting = asyncio.create_task(wait())
    async with asyncio.timeout(10), database.read() as watching:
        while not await one(watching, end):
            await asyncio.sleep(0.01)
    with pytest.raises(Overloaded):
        await waiting
    await database.close()


async def test_inside_a_transaction_no_second_connection_is_to_be_had(database: Database) -> None:
    async def asked(connection: str) -> None:
        async with getattr(database, connection)():
            pytest.fail("two connections at once")

    async with database.write() as conn:
        for connection in ("read", "write"):
            with pytest.raises(RuntimeError, match="second connection"):
                await asked(connection)
        await conn.execute(text("INSERT INTO notes VALUES (1)"))
    assert await notes(database) == [1]
    with pytest.raises(ZeroDivisionError):
        async with database.write():
            raise ZeroDivisionError
    assert await notes(database) == [1]


async def test_a_transaction_forbids_nothing_to_others(database: Database, tmp_path: Path) -> None:
    async with opened(f"sqlite:///{tmp_path / 'another.db'}") as another, database.write():
        assert await notes(another) == []
        assert await asyncio.create_task(notes(database)) == []

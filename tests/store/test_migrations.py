"""The schema by two roads: what the migrations make is what the tables declare."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, select, text

from gateway.domain.ids import new_id
from gateway.errors import StartupError
from gateway.store import partitions
from gateway.store.attempts import insert_attempts
from gateway.store.engine import Database
from gateway.store.events import insert_events
from gateway.store.migrate import head, migrate
from gateway.store.partitions import WEEK_MS
from gateway.store.store import Store
from gateway.store.tables import events, metadata
from tests.store.conftest import NOW, TurnedClock, event_row

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(empty_database: str) -> AsyncIterator[Database]:
    opened = Database(empty_database)
    yield opened
    await opened.close()


def _is_ours(name: str) -> bool:
    return name in metadata.tables


def reflected(connection: Connection) -> dict[str, Any]:
    """Everything the database says about our tables, in a form that can be compared."""
    inspector = inspect(connection)
    found: dict[str, Any] = {}
    for table in filter(_is_ours, inspector.get_table_names()):
        found[table] = {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"], _default(column["default"]))
                for column in inspector.get_columns(table)
            },
            "key": inspector.get_pk_constraint(table)["constrained_columns"],
            "indexes": sorted(
                (i["name"], i["column_names"], bool(i["unique"]), _where(i))
                for i in inspector.get_indexes(table)
                if not str(i["name"]).startswith("sqlite_autoindex")
            ),
            "unique": sorted(u["column_names"] for u in inspector.get_unique_constraints(table)),
        }
    return found


def _default(default: str | None) -> str | None:
    return None if default is None else default.strip("()").removesuffix("::text")


def _where(index: Any) -> str | None:
    found = [str(v) for k, v in index.get("dialect_options", {}).items() if k.endswith("_where")]
    return found[0] if found else None


def _partitioned(connection: Connection) -> list[str]:
    query = "SELECT relname || ' ' || pg_get_partkeydef(oid) FROM pg_class WHERE relkind = 'p' ORDER BY 1"
    return list(connection.execute(text(query)).scalars())


async def schema(database: Database) -> dict[str, Any]:
    async with database.write() as conn:
        found = await conn.run_sync(reflected)
        if not database.is_sqlite:
            found["partitioned"] = await conn.run_sync(_partitioned)
    return found


async def test_migrated_is_declared_by_alembics_comparison(database: Database) -> None:
    await migrate(database)

    def differences(connection: Connection) -> Any:
        options = {
            "compare_type": True,
            "include_name": lambda name, kind, _: kind != "table" or _is_ours(name),
        }
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)

    async with database.write() as conn:
        assert await conn.run_sync(differences) == []
        await conn.execute(text("ALTER TABLE lanes ADD COLUMN surplus TEXT"))
        assert len(await conn.run_sync(differences)) == 1  # the comparison does see


async def test_migrated_is_declared_by_reflection(database: Database) -> None:
    await migrate(database)
    migrated = await schema(database)
    async with database.write() as conn:
        await conn.run_sync(_drop_all)
        await conn.run_sync(metadata.create_all)
    declared = await schema(database)
    assert set(migrated) - {"partitioned"} == set(metadata.tables)
    for table in declared:
        assert migrated[table] == declared[table], table


def _drop_all(connection: Connection) -> None:
    for table in inspect(connection).get_table_names():
        connection.execute(
            text(f"DROP TABLE IF EXISTS {table} CASCADE" if _pg(connection) else f"DROP TABLE {table}")
        )


def _pg(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


async def test_running_it_again_changes_nothing(database: Database) -> None:
    assert await migrate(database) == (None, head())
    before = await schema(database)
    assert await migrate(database) == (head(), head())
    assert await schema(database) == before


async def test_the_schema_of_a_newer_gateway_is_refused_and_left_alone(database: Database) -> None:
    await migrate(database)
    async with database.write() as conn:
        await conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    before = await schema(database)
    with pytest.raises(StartupError, match=r"9999.*newer"):
        await migrate(database)
    assert await schema(database) == before
    async with database.read() as conn:
        assert (await conn.execute(text("SELECT version_num FROM alembic_version"))).scalar() == "9999"


async def test_a_migration_that_fails_leaves_nothing_behind(database: Database) -> None:
    async with database.write() as conn:
        await conn.execute(text("CREATE TABLE webhooks (in_the_way INTEGER)"))
    with pytest.raises(Exception, match="already exists"):
        await migrate(database)
    async with database.write() as conn:
        assert await conn.run_sync(lambda c: inspect(c).get_table_names()) == ["webhooks"]
        await conn.execute(text("DROP TABLE webhooks"))
    assert await migrate(database) == (None, head())


async def test_nodes_that_migrate_at_once_do_it_once(empty_database: str) -> None:
    nodes = [Database(empty_database) for _ in range(1 if empty_database.startswith("sqlite") else 4)]
    results = await asyncio.gather(*(migrate(node) for node in nodes for _ in range(2)))
    assert sorted(results, key=str) == [*[(head(), head())] * (len(results) - 1), (None, head())]
    for node in nodes:
        await node.close()


async def test_partitions_are_made_ahead_and_only_once(pg_store: Store) -> None:
    async def names() -> list[str]:
        async with pg_store.reading() as conn:
            query = "SELECT inhrelid::regclass::text FROM pg_inherits JOIN pg_class c ON c.oid = inhparent"
            found = await conn.execute(text(query + " WHERE c.relkind = 'p' ORDER BY 1"))
            return list(found.scalars())

    assert await names() == ["attempts_rest", "events_rest"]
    clock = pg_store.clock
    assert isinstance(clock, TurnedClock)
    await asyncio.gather(*(partitions.make_ahead(pg_store) for _ in range(3)))
    first = await names()
    assert len(first) == 2 + 2 * partitions.AHEAD
    await partitions.make_ahead(pg_store)
    assert await names() == first
    clock.time += WEEK_MS
    await partitions.make_ahead(pg_store)
    assert len(await names()) == len(first) + 2
    assert {"events_20261112", "attempts_20261112", "events_20261203"} <= set(await names())


async def test_rows_land_in_the_partition_of_their_week(pg_store: Store) -> None:
    await partitions.make_ahead(pg_store)
    monday = NOW // WEEK_MS * WEEK_MS
    moments = {
        "events_rest": monday - 1, "events_20261119": monday + WEEK_MS, "events_20261112": monday,
        "events_20261126": monday + 3 * WEEK_MS - 1,
    }  # fmt: skip
    chances = (bytes(10), b"\xff" * 10)
    wanted = {new_id("evt", at, chance): name for name, at in moments.items() for chance in chances}
    async with pg_store.transaction() as tx:
        await insert_events(tx.conn, [event_row(n, id=event) for n, event in enumerate(wanted)])
        where = await tx.conn.execute(select(events.c.id, text("tableoid::regclass::text")))
        assert {row[0]: row[1] for row in where} == wanted
        await insert_attempts(tx.conn, [_attempt(new_id("dlv", at)) for at in moments.values()])
        found = await tx.conn.execute(text("SELECT tableoid::regclass::text FROM attempts"))
        assert sorted(found.scalars()) == sorted(name.replace("events", "attempts") for name in moments)


def _attempt(delivery_id: str) -> tuple[Any, ...]:
    return (
        delivery_id, 1, "acme", "rev_1", NOW, 5, NOW // 1000, None, 200, None, False, False, None, None,
    )  # fmt: skip


async def test_a_file_needs_no_partitions(sqlite_database: str) -> None:
    database = Database(sqlite_database)
    await migrate(database)
    async with database.read() as conn:
        names = await conn.run_sync(lambda c: inspect(c).get_table_names())
    assert set(names) == {*metadata.tables, "alembic_version"}
    await database.close()

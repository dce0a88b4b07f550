"""Bulk statements do what a row-by-row reference does, on both databases, for any values."""

from __future__ import annotations

import string
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.bulk import BulkInsert, BulkUpdate
from gateway.store.engine import Database

pytestmark = pytest.mark.anyio

COLUMNS = ("id", "fence", "big", "small", "flag", "words", "raw")
things = Table(
    "things", MetaData(), Column("id", Text(), primary_key=True), Column("fence", Integer, nullable=False),
    Column("big", BigInteger), Column("small", SmallInteger), Column("flag", Boolean), Column("words", Text),
    Column("raw", LargeBinary), Column("state", Text, nullable=False, server_default="open"),
)  # fmt: skip
insert_things = BulkInsert(things, COLUMNS, ignore_conflicts=True)
update_things = BulkUpdate(
    things, ("fence", "big", "words", "raw"), ("id", "fence"), guard="things.state = 'open'"
)

# PostgreSQL keeps no NUL in text; no column of the gateway can get one.
words = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=8)
ids = st.text(string.ascii_lowercase + "é'\"%\\", min_size=1, max_size=2)
values = st.tuples(
    st.none() | st.integers(-(2**63), 2**63 - 1), st.none() | words, st.none() | st.binary(max_size=8)
)
smalls = st.none() | st.integers(-(2**15), 2**15 - 1)
flags = st.none() | st.booleans()
fences = st.integers(0, 2)
rows = st.lists(
    st.builds(
        lambda key, fence, v, small, flag: (key, fence, v[0], small, flag, v[1], v[2]),
        ids, fences, values, smalls, flags,
    ),
    max_size=12,
)  # fmt: skip
changes = st.lists(
    st.builds(lambda fence, v, key, expected: (fence, *v, key, expected), fences, values, ids, fences),
    max_size=12,
    unique_by=lambda change: change[4],
)


@pytest.fixture
async def database(any_database: str) -> AsyncIterator[Database]:
    opened = Database(any_database)
    async with opened.write() as conn:
        await conn.run_sync(things.metadata.create_all)
    yield opened
    await opened.close()


async def content(conn: AsyncConnection) -> set[tuple[Any, ...]]:
    return {tuple(row) for row in await conn.execute(select(things))}


def as_inserted(given_rows: Iterable[tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
    """The reference: the first row of an id stays."""
    kept: dict[str, tuple[Any, ...]] = {}
    for row in given_rows:
        kept.setdefault(row[0], (*row, "open"))
    return kept


database_is_kept = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@database_is_kept
@given(first=rows, second=rows)
async def test_inserting_equals_row_by_row(
    database: Database, first: list[tuple[Any, ...]], second: list[tuple[Any, ...]]
) -> None:
    async with database.write() as conn:
        await conn.execute(delete(things))
        await insert_things(conn, first)
        before = as_inserted(first)
        fresh = await insert_things.new_rows(conn, second, "id")
        after = as_inserted([*first, *second])
        assert await content(conn) == set(after.values())
        assert fresh == after.keys() - before.keys()


@database_is_kept
@given(existing=rows, wanted=changes, closed=st.sets(ids, max_size=3), repeat=st.booleans())
async def test_updating_touches_and_reports_only_rows_as_expected(
    database: Database,
    existing: list[tuple[Any, ...]],
    wanted: list[tuple[Any, ...]],
    closed: set[str],
    repeat: bool,
) -> None:
    async with database.write() as conn:
        await conn.execute(delete(things))
        await insert_things(conn, existing)
        await conn.execute(update(things).where(things.c.id.in_(closed)).values(state="closed"))
        before = await content(conn)
        model = {row[0]: list(row) for row in before}
        expected = set()
        for fence, big, text, raw, key, expected_fence in wanted:
            row = model.get(key)
            if row is not None and row[1] == expected_fence and row[7] == "open":
                row[1], row[2], row[5], row[6] = fence, big, text, raw
                expected.add(key)
        updated = await update_things(conn, wanted)
        assert await content(conn) == {tuple(row) for row in model.values()}
        # A row that is not as expected, but carries the new values all the same, may be reported on SQLite:
        # that is how a batch finds its own work after a commit whose answer was lost.
        carrying = set()
        for fence, big, text, raw, key, _ in wanted:
            if key in model and [model[key][i] for i in (1, 2, 5, 6)] == [fence, big, text, raw]:
                carrying.add(key)
        assert expected <= updated <= carrying
        if not database.is_sqlite:
            assert updated == expected
        if repeat and database.is_sqlite:
            assert await update_things(conn, wanted) >= expected


@pytest.mark.parametrize("stale", [set(), {"a"}, {"c"}, {"a", "b", "c"}])
async def test_partial_failure_is_told_row_by_row(database: Database, stale: set[str]) -> None:
    """SQLite's executemany only tells how many rows it changed; which ones is found out afterwards."""
    async with database.write() as conn:
        await insert_things(conn, [(i, 0, 1, 1, True, "old", b"") for i in "abc"])
        wanted = [(1, 2, "new", b"x", i, 7 if i in stale else 0) for i in "abc"]
        assert await update_things(conn, wanted) == {"a", "b", "c"} - stale
        assert {row[0] for row in await content(conn) if row[5] == "new"} == {"a", "b", "c"} - stale


async def test_rows_are_found_by_every_column_that_stays(database: Database) -> None:
    """`where[0]` need not be unique by itself: the keys of two organizations may have one text."""
    keep = BulkUpdate(things, ("words",), ("small", "id"))
    async with database.write() as conn:
        await insert_things(conn, [("a", 0, None, 1, None, "", None), ("b", 0, None, 1, None, "", None)])
        assert await keep(conn, [("new", 1, "a"), ("new", 2, "b")]) == {1}
        assert {row[0]: row[5] for row in await content(conn)} == {"a": "new", "b": ""}


async def test_nothing_to_do_asks_nothing(any_database: str) -> None:
    statements: list[int] = []
    database = Database(any_database, count=lambda: statements.append(1))
    async with database.write() as conn:
        before = len(statements)
        await insert_things(conn, [])
        assert await insert_things.new_rows(conn, [], "id") == set()
        assert await update_things(conn, []) == set()
        assert len(statements) == before
    await database.close()


async def test_many_rows_are_one_statement(database: Database) -> None:
    """The figure "SQL statements per event" rests on this; 5,000 rows pass every limit on parameters."""
    statements: list[int] = []
    counting = Database(
        database.url.render_as_string(hide_password=False), count=lambda: statements.append(1)
    )
    async with counting.write() as conn:
        statements.clear()
        await insert_things(conn, [(f"t{i}", 0, i, 1, None, "w", b"r") for i in range(5000)])
        changed = await update_things(conn, [(1, -i, "n", b"", f"t{i}", 0) for i in range(5000)])
        assert len(statements) == 2
        assert len(changed) == 5000
        assert {row[2] for row in await content(conn)} == {-i for i in range(5000)}
    await counting.close()


async def test_a_conflict_is_an_error_where_it_was_not_allowed(database: Database) -> None:
    strict = BulkInsert(things, COLUMNS)
    row = ("a", 0, None, None, None, None, None)
    async with database.write() as conn:
        await strict(conn, [row])
    with pytest.raises(Exception, match=r"(?i)unique"):
        async with database.write() as conn:
            await conn.execute(insert(things).values(id="b", fence=0))
            await strict(conn, [row])
    async with database.read() as conn:
        assert {found[0] for found in await content(conn)} == {"a"}

"""Lists over a long history: which index serves each, what a page may cost, and that pages lose nothing."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import events as event_rows
from gateway.store import history, scan
from gateway.store.events import insert_events
from gateway.store.history import DeliveryFilter
from gateway.store.page import PageQuery, decode_cursor
from gateway.store.scan import SLACK_MS, Effort, Scan, position_at
from gateway.store.store import Store
from gateway.store.tables import events
from tests.store.conftest import NOW, event_row, opened
from tests.support.databases import database_url
from tests.support.stock import FAILED_EVERY, STEP_MS, fill

pytestmark = pytest.mark.anyio

ROWS = 200_000
MANY = 10_000_000
ACME = DeliveryFilter("acme")
BUSY = DeliveryFilter("acme", "whk_busy")
MIDDLE = NOW + ROWS // 2 * STEP_MS


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def stock(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a database with a long history; filled by whoever opens it first."""
    with database_url(request.param, tmp_path_factory.mktemp("stock")) as url:
        yield url


@pytest.fixture
async def long(stock: str) -> AsyncIterator[Store]:
    async with opened(stock) as store:
        async with store.reading() as conn:
            empty = (await conn.execute(text("SELECT id FROM deliveries LIMIT 1"))).first() is None
        if empty:
            await fill(store, ROWS, NOW)
        yield store


@contextmanager
def statements(conn: AsyncConnection) -> Iterator[list[tuple[str, Any]]]:
    """Everything that is asked of the connection meanwhile."""
    seen: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        seen.append((statement, parameters))

    assert conn.sync_connection is not None
    event.listen(conn.sync_connection, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(conn.sync_connection, "before_cursor_execute", note)


async def plan(conn: AsyncConnection, statement: str, parameters: Any) -> str:
    """The plan of a statement, in the words of the database."""
    if conn.dialect.name == "sqlite":
        rows = await conn.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, parameters)
        return "\n".join(row[3] for row in rows)
    rows = await conn.exec_driver_sql("EXPLAIN (FORMAT JSON) " + statement, parameters)
    return json.dumps(rows.scalar_one())


CASES: list[tuple[str, DeliveryFilter, str]] = [
    ("all of an organization", ACME, "deliveries_by_org"),
    ("all organizations", DeliveryFilter(), "deliveries_by_position"),
    ("a webhook's", BUSY, "deliveries_by_target"),
    ("an event's", DeliveryFilter("acme", event_id="evt_77"), "deliveries_by_event"),
    ("an event's to a webhook", DeliveryFilter("acme", "whk_busy", "evt_77"), "deliveries_by_event"),
    ("an organization's failed", DeliveryFilter("acme", status="failed"), "deliveries_failed_by_org"),
    ("a webhook's failed", DeliveryFilter("acme", "whk_busy", status="failed"), "deliveries_failed"),
    ("pending", DeliveryFilter("acme", status="pending"), "deliveries_by_org"),
    ("in flight, of a webhook", DeliveryFilter("acme", "whk_busy", status="in_flight"),
     "deliveries_by_target"),
    ("of a type", DeliveryFilter("acme", type="sms.sent"), "deliveries_by_org"),
    ("failed everywhere", DeliveryFilter(status="failed"), "deliveries_by_position"),
    ("since", DeliveryFilter("acme", since=MIDDLE), "deliveries_by_org"),
    ("failed and of a type, in a time", DeliveryFilter("acme", "whk_busy", status="failed", type="sms.sent",
     since=MIDDLE, until=MIDDLE + 60_000), "deliveries_failed"),
    ("by status code", DeliveryFilter("acme", last_status_code=500), "deliveries_by_org"),
]  # fmt: skip


@pytest.mark.proof
@pytest.mark.parametrize("order", ["desc", "asc"])
@pytest.mark.parametrize("analyzed", [True, False], ids=["", "unknown"])
async def test_every_list_is_served_by_its_index(long: Store, order: Any, analyzed: bool) -> None:
    """Whatever the database knows of its tables: `unknown` is one that was never analysed."""
    if not analyzed and long.database.is_sqlite:
        pytest.skip("SQLite knows nothing in the other case")
    if not analyzed:
        async with long.transaction() as tx:
            await tx.conn.execute(text("DELETE FROM pg_statistic WHERE starelid = 'deliveries'::regclass"))
            await tx.conn.execute(
                text("UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE relname LIKE 'deliveries%'")
            )
    async with long.reading() as conn:
        count = 0
        for name, wanted, index in CASES:
            with statements(conn) as seen:
                await history.page(conn, wanted, PageQuery(50, order, after=150_000))
            for statement, parameters in seen:
                if "set_config" in statement:
                    continue
                found = await plan(conn, statement, parameters)
                check(found, index, f"{name}: {statement}")
                count += 1
    if not long.database.is_sqlite and not analyzed:
        async with long.transaction() as tx:
            await tx.conn.execute(text("ANALYZE deliveries"))
    kind = "SQLite" if long.database.is_sqlite else "PostgreSQL"
    print(f"lists: {count} statements of {len(CASES)} lists ({kind}, {order}): an index serves each")


def check(found: str, index: str, what: str) -> None:
    """The index, or that of positions where a time becomes a position; nothing is read whole or sorted."""
    few = "deliveries_by_event" in found  # those of one event: sorting them is nothing
    if found.startswith("["):
        names = {node["Index Name"] for node in nodes(json.loads(found)[0]["Plan"]) if "Index Name" in node}
        assert "Seq Scan" not in found, f"{what}\n{found}"
        assert few or '"Sort"' not in found, f"{what}\n{found}"
    else:
        names = {line.split("INDEX ")[1].split(" ")[0] for line in found.splitlines() if "INDEX " in line}
        assert "SCAN deliveries" not in found.replace("SCAN deliveries USING", ""), f"{what}\n{found}"
        assert few or "TEMP B-TREE" not in found, f"{what}\n{found}"
    assert names, f"{what}\n{found}"
    assert names <= {index, "deliveries_by_position"}, f"{what}\n{found}"


def nodes(plan_node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan_node
    for inner in plan_node.get("Plans", ()):
        yield from nodes(inner)


async def test_a_list_that_leaves_the_choice_to_the_database_is_found(long: Store) -> None:
    """The control: the same questions, asked plainly."""
    naive = (
        "SELECT * FROM deliveries WHERE org_id = 'acme' AND event_type = 'x' AND created_at >= 0"
        " ORDER BY created_at DESC LIMIT 51"
    )
    async with long.reading() as conn:
        found = await plan(conn, naive, ())
    with pytest.raises(AssertionError):
        check(found, "deliveries_by_org", naive)


async def walk(conn: AsyncConnection, wanted: DeliveryFilter, query: PageQuery, **kw: Any) -> list[list[int]]:
    """The positions on each page to the end."""
    pages: list[list[int]] = []
    while True:
        found = await history.page(conn, wanted, query, **kw)
        pages.append([row.position for row in found.rows])
        last = found.next_cursor is None or (query.order == "asc" and found.searched_until is None)
        if last and len(found.rows) < query.limit:
            return pages
        assert found.next_cursor is not None
        query = PageQuery(query.limit, query.order, decode_cursor(found.next_cursor, query.order))


@pytest.mark.parametrize("order", ["desc", "asc"])
async def test_short_pages_lead_to_everything_that_matches(long: Store, order: Any) -> None:
    wanted = DeliveryFilter("acme", type="call.completed", last_status_code=500)
    expected = [n for n in range(1, ROWS + 1) if n % FAILED_EVERY == 1 and n % 3 and n % 2]
    async with long.reading() as conn:
        pages = await walk(conn, wanted, PageQuery(2, order), effort=Effort(stride=1_000, most=10_000))
    found = [position for page in pages for position in page]
    assert found == (expected if order == "asc" else expected[::-1])
    assert any(not page for page in pages), "no page ended early"


async def test_a_page_that_ends_early_says_how_far_it_looked(long: Store) -> None:
    wanted = DeliveryFilter("acme", last_status_code=299)
    async with long.reading() as conn:
        with statements(conn) as seen:
            found = await history.page(conn, wanted, PageQuery(), effort=Effort(stride=1_000, most=5_000))
    assert found.rows == []
    assert found.next_cursor is not None
    assert len([one for one, _ in seen if "set_config" not in one]) == 10
    looked = [n for n in range(ROWS, 0, -1) if n % 3][:5_000]
    assert decode_cursor(found.next_cursor, "desc") == looked[-1]
    assert found.searched_until == NOW + looked[-1] * STEP_MS


async def test_times_become_positions(long: Store) -> None:
    async with long.reading() as conn:
        for number in (1, 77, ROWS // 2, ROWS):
            moment = NOW + number * STEP_MS
            assert await position_at(conn, history.scan_of(ACME), moment) == number
        assert await position_at(conn, history.scan_of(ACME), NOW + 2 * ROWS * STEP_MS) == ROWS + 1
        since, until = NOW + 100_000 * STEP_MS, NOW + 100_010 * STEP_MS
        found = await history.page(conn, DeliveryFilter(since=since, until=until), PageQuery(200))
    assert [row.position for row in found.rows] == list(range(100_009, 99_999, -1))


async def test_rows_out_of_the_order_of_their_times_are_found(store: Store) -> None:
    """Commits that came late, and nodes whose clocks differ."""
    await fill(store, 2_000, NOW)
    sign = "CASE WHEN position % 2 = 0 THEN 1 ELSE -1 END"
    moved = f"UPDATE deliveries SET created_at = created_at + ({sign}) * :by"
    async with store.transaction() as tx:
        await tx.conn.execute(text(moved), {"by": SLACK_MS // 2 - 1})
    since, until = NOW + SLACK_MS // 2 + 10_000, NOW + SLACK_MS // 2 + 18_000
    async with store.reading() as conn:
        found = await history.page(conn, DeliveryFilter(since=since, until=until), PageQuery(200))
        plain = text("SELECT position FROM deliveries WHERE created_at >= :since AND created_at < :until")
        expected = set((await conn.execute(plain, {"since": since, "until": until})).scalars())
    assert expected
    assert {row.position for row in found.rows} == expected


async def test_a_list_of_events_is_bounded_too(store: Store) -> None:
    rows = [event_row(n, type="rare.one" if n == 7 else "a.b", accepted_at=NOW + n) for n in range(1, 3_001)]
    async with store.transaction() as tx:
        await insert_events(tx.conn, rows)
    found: list[int] = []
    query, pages = PageQuery(10), 0
    async with store.reading() as conn:
        wanted = Scan(events, [events.c.position], events.c.accepted_at, [events.c.org_id == "acme"],
                      [events.c.type == "rare.one"])  # fmt: skip
        while True:
            page = await scan.scan_page(conn, wanted, query, effort=Effort(stride=100, most=500))
            found, pages = found + [row.position for row in page.rows], pages + 1
            if page.next_cursor is None:
                break
            assert page.searched_until is not None
            query = PageQuery(10, "desc", decode_cursor(page.next_cursor, "desc"))
        assert (found, pages) == ([7], 7)
        times = {"since": NOW + 10, "until": NOW + 13}
        some = await event_rows.page(conn, "acme", PageQuery(), type_=None, **times)
        assert [row.position for row in some.rows] == [12, 11, 10]


@pytest.mark.proof
async def test_pages_of_a_long_history_come_quickly(long: Store) -> None:
    await pages_come_quickly(long, ROWS)


@pytest.mark.proof
@pytest.mark.long
async def test_pages_of_ten_million_come_as_quickly(any_database: str) -> None:
    """Each page from either end and from the middle, over its index."""
    async with opened(any_database) as store:
        await fill(store, MANY, NOW)
        await pages_come_quickly(store, MANY)
        async with store.reading() as conn:
            for name, wanted, index in CASES:
                for order in ("desc", "asc"):
                    with statements(conn) as seen:
                        await history.page(conn, wanted, PageQuery(50, order, after=MANY // 2))
                    for statement, parameters in seen:
                        if "set_config" not in statement:
                            check(await plan(conn, statement, parameters), index, f"{name}: {statement}")


async def pages_come_quickly(store: Store, rows: int) -> None:
    took: dict[str, float] = {}
    async with store.reading() as conn:
        for name, wanted, _ in CASES:
            started = time.perf_counter()
            await history.page(conn, wanted, PageQuery())
            took[name] = (time.perf_counter() - started) * 1000
    slowest = max(took, key=lambda name: took[name])
    kind = "SQLite" if store.database.is_sqlite else "PostgreSQL"
    print(
        f"lists: first pages of {len(CASES)} lists over {rows:,} deliveries ({kind}): median "
        f"{sorted(took.values())[len(took) // 2]:.1f} ms, slowest {took[slowest]:.0f} ms ({slowest})"
    )
    assert took[slowest] < 5_000
    assert scan.Effort().most <= 20_000

"""Ranges of history: which rows match, and that no statement reads more than its slice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text, update

from gateway.domain.ids import first_id, new_id
from gateway.domain.job import Span
from gateway.store import ranges
from gateway.store.deliveries import cancel_of_job, insert_deliveries
from gateway.store.events import insert_events
from gateway.store.ranges import Range
from gateway.store.store import Store
from gateway.store.tables import deliveries
from tests.store.conftest import NOW, delivery_row, event_row, opened
from tests.support.databases import database_url

pytestmark = pytest.mark.anyio

EVENTS = 3_000
OTHERS = 12  # events of other organizations to each of ours
SPAN = Span(NOW - 3_600_000)


async def fill(store: Store, *, analyzed: bool = True) -> None:
    """Events of an hour, with two deliveries each; every second to `whk_1` has failed. Others have more."""
    events, made = [], []
    for n in range(EVENTS):
        at = NOW - 3_600_000 + n * 3_600_000 // EVENTS
        event_id = new_id("evt", at)
        events.append(event_row(3 * n + 1, id=event_id, accepted_at=at, timestamp=at))
        events += [
            event_row(3 * n + i, id=new_id("evt", at), accepted_at=at, org_id="other") for i in range(OTHERS)
        ]
        for offset, target in enumerate(("whk_1", "whk_2"), 2):
            status = "failed" if target == "whk_1" and n % 2 == 0 else "delivered"
            made.append(
                delivery_row(
                    new_id("dlv", at), position=3 * n + offset, event_id=event_id, target_id=target,
                    status=status, queue=None, due_at=None, created_at=at,
                )
            )  # fmt: skip
    async with store.transaction() as tx:
        await insert_events(tx.conn, events)
        await insert_deliveries(tx.conn, made)
    if analyzed and not store.database.is_sqlite:
        async with store.database.write() as conn:
            await conn.execute(text("ANALYZE"))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    async def prepare() -> None:
        async with opened(url) as store:
            await fill(store)

    with database_url(request.param, tmp_path_factory.mktemp("filled")) as url:
        asyncio.run(prepare())
        yield url


@pytest.fixture
async def filled(filled_url: str) -> AsyncIterator[Store]:
    """A store that was filled once: for tests that only read."""
    async with opened(filled_url) as store:
        yield store


async def plan(store: Store, statement: str, values: dict[str, Any]) -> str:
    explain = "EXPLAIN QUERY PLAN " if store.database.is_sqlite else "EXPLAIN "
    async with store.reading() as conn:
        rows = (await conn.execute(text(explain + statement), values)).all()
    return "\n".join(str(row[-1]) for row in rows)


def of(kind: str, **values: Any) -> Range:
    """A range of `whk_1`; fields of the span are taken as well."""
    chosen = {name: values.pop(name) for name in ("which", "status_code", "event_ids") if name in values}
    org_id = values.pop("org_id", "acme")
    return Range(kind, org_id, "whk_1", replace(SPAN, **chosen), **values)  # type: ignore[arg-type]


async def found(store: Store, range_: Range, after: int | None = None) -> list[Any]:
    return [row async for rows, _ in ranges.slices(store, range_, after) for row in rows]


@pytest.mark.parametrize(
    ("kind", "chosen", "index"),
    [
        ("redeliver", {}, "deliveries_failed"),
        ("redeliver", {"which": "all", "status_code": 200}, "deliveries_by_target"),
        ("replay", {}, "events_by_org"),
    ],
)
async def test_no_statement_reads_a_whole_table(
    filled: Store, kind: str, chosen: dict[str, Any], index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if chosen:
        monkeypatch.setattr(ranges, "SLICE", 100)  # small beside the table, as slices are
    range_ = of(kind, patterns=("call.*", "sms.received"), **chosen)
    dialect = "sqlite" if filled.database.is_sqlite else "postgresql"
    async with filled.reading() as conn:
        last = await ranges._end_of_slice(conn, range_, 0, 10**9)
    matching, types = ranges.match_statement(range_, dialect)
    match = await plan(filled, matching, {**range_.values, **types, "after": 0, "last_position": last})
    limits = {"after": 0, "end": 10**9, "count": ranges.SLICE}
    boundary = await plan(filled, ranges.boundary_statement(range_, dialect), range_.values | limits)
    assert "deliveries_by_event" in match, match
    # A partition's index has a name of its own on PostgreSQL.
    of_partition = "_org_id_position_idx"
    for shown in (match, boundary):
        # A slice is a stretch of positions: on a small table PostgreSQL finds it by these alone as well.
        others = (of_partition,) if kind == "replay" else ("deliveries_by_position",) if chosen else ()
        assert any(name in shown for name in (index, *others)), shown
        assert "Seq Scan" not in shown, shown
        assert "SCAN" not in shown, shown


@pytest.mark.parametrize("organizations", [None, ("acme", "other", "nobody")])
async def test_a_replay_over_all_organizations_reads_by_position(
    filled: Store, organizations: tuple[str, ...] | None
) -> None:
    range_ = of("replay", org_id="*", patterns=("call.*",), organizations=organizations)
    dialect = "sqlite" if filled.database.is_sqlite else "postgresql"
    async with filled.reading() as conn:
        last = await ranges._end_of_slice(conn, range_, 0, 10**9)
    assert last < 3 * EVENTS, "a slice is bounded, whosever the events are"
    matching, types = ranges.match_statement(range_, dialect)
    match = await plan(filled, matching, {**range_.values, **types, "after": 0, "last_position": last})
    limits = {"after": 0, "end": 10**9, "count": ranges.SLICE}
    boundary = await plan(filled, ranges.boundary_statement(range_, dialect), range_.values | limits)
    for shown in (match, boundary):
        assert "events_by_position" in shown or "_position_idx" in shown, shown
        assert "Seq Scan" not in shown, shown
        assert "SCAN events" not in shown.replace("SCAN e ", "SCAN events "), shown


async def test_named_events_are_looked_up_one_by_one(filled: Store) -> None:
    every = {row.event_id: row.position for row in await found(filled, of("redeliver", which="all"))}
    failed = {row.event_id for row in await found(filled, of("redeliver"))}
    named = tuple(sorted(every))[:: EVENTS // 300]
    dialect = "sqlite" if filled.database.is_sqlite else "postgresql"
    for which in ("failed", "all"):
        range_ = of("redeliver", which=which, event_ids=(*named, "evt_never"))
        statement, types = ranges.match_statement(range_, dialect)
        shown = await plan(filled, statement, {**range_.values, **types, "after": 0, "last_position": 10**9})
        if dialect == "sqlite":
            assert "deliveries_by_event (event_id=?)" in shown, shown
        assert "Seq Scan on deliveries d" not in shown, shown
        got = [row.event_id for row in await found(filled, range_)]
        wanted = [event_id for event_id in named if which == "all" or event_id in failed]
        assert got == sorted(wanted, key=every.__getitem__)


@pytest.mark.parametrize("kind", ["redeliver", "replay"])
async def test_statistics_that_are_old_lead_nowhere_else(store: Store, kind: str) -> None:
    """Of tables of which PostgreSQL believes that they are nearly empty, deliveries are found by their event
    alone, each by one look. Control: conditions that other indexes can answer, too, are answered by those."""
    await fill(store, analyzed=False)
    range_ = of(kind)
    dialect = "sqlite" if store.database.is_sqlite else "postgresql"
    statement, _ = ranges.match_statement(range_, dialect)
    values = {**range_.values, "after": 0, "last_position": 3 * EVENTS}
    shown = await plan(store, statement, values)
    assert ("deliveries_by_event" in shown, "BitmapAnd" in shown, "Hash" in shown) == (True, False, False)
    if dialect == "postgresql" and kind == "redeliver":
        careless = statement.replace("l.target_id || ''", "l.target_id").replace(
            "l.position + 0", "l.position"
        )
        assert "BitmapAnd" in await plan(store, careless, values)


@pytest.mark.parametrize("which", ["failed", "all"])
async def test_counting_finds_as_many_as_reading(filled: Store, which: str) -> None:
    range_ = of("redeliver", which=which)
    counted = sum([number async for number in ranges.counts(filled, range_)])
    assert counted == len(await found(filled, range_)) > 0


async def test_where_a_range_begins_is_found_by_one_probe(filled: Store) -> None:
    for query in (ranges._BEFORE, ranges._FROM):
        shown = await plan(filled, query.text, {"id": first_id("evt", NOW - 60_000)})
        assert not {word for word in ("Seq Scan", "Sort", "TEMP B-TREE", "SCAN") if word in shown}, shown


async def test_a_statement_without_an_index_is_found(filled: Store) -> None:
    """The control: the same condition on a column without an index reads everything."""
    dialect = "sqlite" if filled.database.is_sqlite else "postgresql"
    statement = "SELECT id FROM deliveries d WHERE d.attempts_made = 7"
    shown = await plan(filled, statement, {})
    assert ("SCAN" if dialect == "sqlite" else "Seq Scan") in shown


async def test_cancelling_what_a_job_made_reads_the_targets_latest_only(store: Store) -> None:
    await fill(store)
    async with store.transaction() as tx:
        made = {"target_id": "whk_1", "job_id": "job_1", "priority": -1}
        rows = [delivery_row(f"dlv_j{n}", position=90_000 + n, queue="later:whk_1", **made) for n in range(9)]
        await insert_deliveries(
            tx.conn, [*rows, delivery_row("dlv_l", position=90_010, queue="lse_1", **made)]
        )
        after: int | None = 89_000
        slices = 0
        while after is not None:
            after = await cancel_of_job(tx.conn, "whk_1", "job_1", after, 4, NOW)
            slices += 1
        ended = await tx.conn.execute(
            text("SELECT count(*) FROM deliveries WHERE status = 'cancelled' AND queue IS NULL")
        )
        assert (ended.scalar_one(), slices) == (9, 3)


async def test_slices_of_any_size_find_the_same(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(store)
    whole = [row.event_id for row in await found(store, of("redeliver"))]
    assert len(whole) == EVENTS / 2
    for size in (1, 7, 999, 1000, 1001, 2000, 5000):
        if size == 1:
            after = 3 * EVENTS - 300
            expected = whole[-50:]
        else:
            after, expected = None, whole
        monkeypatch.setattr(ranges, "SLICE", size)
        assert [row.event_id for row in await found(store, of("redeliver"), after)] == expected, size
    assert await found(store, of("replay")) == []
    async with store.transaction() as tx:
        gone = deliveries.c.position.in_([2, 5, 3 * EVENTS - 1])
        await tx.conn.execute(update(deliveries).where(gone).values(target_id="whk_3"))
    assert [row.position for row in await found(store, of("replay"))] == [1, 4, 3 * EVENTS - 2]
    assert [row.position for row in await found(store, of("replay", ceiling=100))] == [1, 4]


async def test_the_latest_delivery_decides(store: Store) -> None:
    rows = [
        ("evt_a", "failed", {}), ("evt_a", "delivered", {}),
        ("evt_b", "delivered", {}), ("evt_b", "failed", {}),
        ("evt_c", "failed", {}), ("evt_c", "failed", {}),
        ("evt_d", "failed", {}), ("evt_d", "pending", {}),
        ("evt_e", "failed", {}), ("evt_e", "delivered", {"target_id": "whk_2"}),
        ("evt_f", "failed", {}), ("evt_f", "delivered", {"test": True}),
        ("evt_g", "failed", {"test": True}),
        ("evt_h", "failed", {}), ("evt_h", "cancelled", {}),
        ("evt_i", "failed", {}), ("evt_i", "cancelled", {"job_id": "job_1"}),
    ]  # fmt: skip
    names = {name: new_id("evt", NOW - 1000) for name, _, _ in rows}
    async with store.transaction() as tx:
        await insert_events(
            tx.conn, [event_row(n, id=event_id) for n, event_id in enumerate(names.values(), 1)]
        )
        await insert_deliveries(
            tx.conn,
            [
                delivery_row(
                    f"dlv_{n}", position=100 + n, event_id=names[name], status=status, queue=None, **values
                )
                for n, (name, status, values) in enumerate(rows)
            ],
        )
    matched = [row.event_id for row in await found(store, of("redeliver"))]
    assert matched == [names[name] for name in ("evt_b", "evt_c", "evt_e", "evt_f", "evt_i")]
    matched = [row.event_id for row in await found(store, of("redeliver", which="all"))]
    assert matched == [names[name] for name in ("evt_a", "evt_b", "evt_c", "evt_e", "evt_f", "evt_i")]


@pytest.mark.parametrize(
    ("patterns", "types"),
    [
        (("*",), {"call.completed", "sms.sent", "sms.a.b", "smsx.y"}),
        (("sms.*",), {"sms.sent", "sms.a.b"}),
        (("sms.sent", "call.*"), {"call.completed", "sms.sent"}),
        (("none.such",), set()),
    ],
)
async def test_types_and_patterns(store: Store, patterns: tuple[str, ...], types: set[str]) -> None:
    every = ["call.completed", "sms.sent", "sms.a.b", "smsx.y"]
    async with store.transaction() as tx:
        await insert_events(tx.conn, [event_row(n, type=type_) for n, type_ in enumerate(every, 1)])
    assert {row.event_type for row in await found(store, of("replay", patterns=patterns))} == types
    span = Span(SPAN.since, types=patterns)
    assert {r.event_type for r in await found(store, Range("replay", "acme", "whk_1", span))} == types

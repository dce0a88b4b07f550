"""Retention: what is older than its organization keeps it goes, nothing else, and nobody waits for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import func, select, text, update

from gateway.domain.connector import Connector
from gateway.domain.contact import CrmContact, of_crm
from gateway.domain.ids import delivery_id, new_id
from gateway.domain.overrides import Override
from gateway.manage.removal import DAY_MS, Removal
from gateway.store import connector_contacts as contacts
from gateway.store import (
    connector_requests,
    connectors,
    contact_facts,
    erased_people,
    idempotency,
    organizations,
    partitions,
)
from gateway.store import contacts as book
from gateway.store.attempts import insert_attempts
from gateway.store.bulk import Row as Tuple
from gateway.store.connector_contacts import Answer
from gateway.store.connector_requests import Request
from gateway.store.deliveries import insert_deliveries
from gateway.store.events import insert_events, insert_people
from gateway.store.idempotency import Claim
from gateway.store.partitions import WEEK_MS
from gateway.store.store import Store
from gateway.store.tables import attempts, deliveries, event_people, events, idempotency_keys
from gateway.store.tables import connector_contacts as contacts_table
from gateway.store.tables import connector_requests as requests_table
from gateway.store.tables import contact_facts as facts_table
from gateway.store.tables import contacts as book_table
from gateway.store.tables import erased_people as erased_table
from gateway.store.tables import organizations as organizations_table
from tests.store.conftest import NOW, TurnedClock, delivery_row, event_row, make_connector, opened

pytestmark = pytest.mark.anyio


@pytest.fixture
async def removal(store: Store) -> AsyncIterator[Removal]:
    yield Removal(store, store.clock)


async def make_org(store: Store, org_id: str, days: int = 30) -> None:
    async with store.transaction() as tx:
        await organizations.create(tx, store.keys, org_id, NOW)
        await organizations.keep_for(tx, org_id, days)


async def make_event(
    store: Store, age: float, *, org: str = "acme", status: str = "delivered", ended: float | None = None
) -> str:
    """An event of that age (days) with a delivery, an attempt, a person and an external_id; its id."""
    at = NOW - round(age * DAY_MS)
    event = new_id("evt", at)
    target = delivery_id(event, "whk_1")
    pending = status == "pending"
    async with store.transaction() as tx:
        position = await tx.positions.take(tx, 2)
        claim = Claim(org, idempotency.EXTERNAL_ID, event, b"", event, NOW + 400 * DAY_MS)
        await idempotency.claim(tx.conn, [claim], at)
        row = event_row(position, id=event, org_id=org, accepted_at=at, external_id=event)
        await insert_events(tx.conn, [row])
        await insert_people(tx.conn, [(org, b"person", event)])
        made = delivery_row(
            target, position=position + 1, org_id=org, event_id=event, status=status, created_at=at,
            queue="due" if pending else None, expires_at=NOW + DAY_MS,
        )  # fmt: skip
        await insert_deliveries(tx.conn, [made])
        if not pending:
            over = at if ended is None else NOW - round(ended * DAY_MS)
            statement = update(deliveries).where(deliveries.c.id == target).values(completed_at=over)
            await tx.conn.execute(statement)
        attempt = (target, 1, org, "rev_1", at, 5, at // 1000, None, 200, None, False, False, None, b"x")
        await insert_attempts(tx.conn, [attempt])
    return event


async def kept(store: Store) -> dict[str, set[str]]:
    """The ids of the events that each table still knows."""
    async with store.reading() as conn:
        found = {
            "events": set((await conn.execute(select(events.c.id))).scalars()),
            "deliveries": set((await conn.execute(select(deliveries.c.event_id))).scalars()),
            "people": set((await conn.execute(select(event_people.c.event_id))).scalars()),
            "external_ids": set((await conn.execute(select(idempotency_keys.c.key))).scalars()),
        }
        joined = select(deliveries.c.event_id).join(attempts, attempts.c.delivery_id == deliveries.c.id)
        found["attempts"] = set((await conn.execute(joined)).scalars())
    return found


async def test_each_organization_has_its_own_retention(store: Store, removal: Removal) -> None:
    await make_org(store, "acme", 7)
    await make_org(store, "globex", 60)
    old = [await make_event(store, age) for age in (50, 9, 7.1)]
    young = [await make_event(store, age) for age in (6.9, 1)]
    longer = [await make_event(store, age, org="globex") for age in (50, 9)]
    await removal.retain()
    await removal.tidy_people()
    for table, ids in (await kept(store)).items():
        assert ids == {*young, *longer}, table
    assert not {*old} & {*young, *longer}
    assert await removal.retain() == 0


async def test_nothing_goes_while_a_delivery_of_it_is_pending(store: Store, removal: Removal) -> None:
    await make_org(store, "acme", 7)
    await make_org(store, "longest", 365)
    owed = await make_event(store, 20, status="pending")
    gone = await make_event(store, 20)
    await removal.retain()
    await removal.tidy_people()
    assert set(map(frozenset, (await kept(store)).values())) == {frozenset({owed})}
    async with store.transaction() as tx:
        ended = update(deliveries).where(deliveries.c.event_id == owed)
        await tx.conn.execute(ended.values(status="failed", queue=None, completed_at=NOW - DAY_MS))
    await removal.retain()
    found = await kept(store)
    assert found["events"] == set(), "its payload is past its retention, and nobody is owed it"
    assert found["deliveries"] == found["attempts"] == {owed}, "what ended yesterday can still be looked at"
    assert gone not in found["deliveries"]


async def test_an_external_id_is_free_again_when_its_event_is_gone(store: Store, removal: Removal) -> None:
    await make_org(store, "acme", 7)
    await make_org(store, "longest", 365)
    gone, young = await make_event(store, 8), await make_event(store, 1)
    await removal.retain()
    assert (await kept(store))["external_ids"] == {young}
    assert gone != young


async def test_people_of_events_that_are_kept_stay_findable(store: Store, removal: Removal) -> None:
    await make_org(store, "acme", 7)
    await make_org(store, "longest", 365)
    owed = await make_event(store, 20, status="pending")
    await make_event(store, 20)
    young = await make_event(store, 1)
    await removal.retain()
    assert await removal.tidy_people() == 1
    assert (await kept(store))["people"] == {owed, young}


async def _partitions(store: Store) -> set[str]:
    async with store.reading() as conn:
        names = await conn.execute(
            text("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")
        )
        return set(names.scalars())


async def test_whole_weeks_are_dropped(pg_store: Store) -> None:
    clock = pg_store.clock
    assert isinstance(clock, TurnedClock)
    await partitions.make_ahead(pg_store)
    await make_org(pg_store, "acme", 30)
    await make_org(pg_store, "short", 7)
    delivered = await make_event(pg_store, 0)
    owed = await make_event(pg_store, -7, status="pending")
    removal = Removal(pg_store, clock)
    before = await _partitions(pg_store)
    first = {"events_20261112", "attempts_20261112"}
    assert first < before
    clock.time = (NOW // WEEK_MS + 1) * WEEK_MS + 30 * DAY_MS - 1
    await removal.retain()
    assert await _partitions(pg_store) == before, "the last of the week is not old enough"
    clock.time += 2
    await removal.retain()
    assert before - await _partitions(pg_store) == first
    clock.time += WEEK_MS
    await removal.retain()
    assert before - await _partitions(pg_store) == first, "a delivery of that week is pending"
    found = await kept(pg_store)
    assert found["events"] == found["external_ids"] == {owed}
    async with pg_store.transaction() as tx:
        ended = update(deliveries).where(deliveries.c.event_id == owed)
        await tx.conn.execute(ended.values(status="failed", queue=None, completed_at=NOW))
    await removal.retain()
    assert "events_20261119" not in await _partitions(pg_store)
    await removal.tidy_people()
    assert set().union(*(await kept(pg_store)).values()) == set()
    assert delivered != owed


ROWS = 12_000
MOST_MS = 500  # generous: a tenth of this is what it takes


@pytest.mark.proof
async def test_live_traffic_hardly_waits(any_database: str) -> None:
    await _removed_beside_traffic(any_database, ROWS)


@pytest.mark.proof
@pytest.mark.long
async def test_live_traffic_hardly_waits_at_length(any_database: str) -> None:
    await _removed_beside_traffic(any_database, 100_000)


async def _removed_beside_traffic(database: str, count: int) -> None:
    """Removing `count` events, each with a delivery and an attempt, while somebody else writes."""
    async with opened(database) as store:
        await make_org(store, "acme", 7)
        await make_org(store, "longest", 365)
        await _fill(store, count)
        waits: list[float] = []
        busy = asyncio.create_task(_write_all_the_time(store, waits))
        started = time.monotonic()
        removed = await Removal(store, store.clock).retain()
        seconds = time.monotonic() - started
        busy.cancel()
        await asyncio.gather(busy, return_exceptions=True)
        async with store.reading() as conn:
            left = (await conn.execute(select(func.count()).select_from(attempts))).scalar_one()
    assert (removed, left) == (2 * count, 0)
    waits.sort()
    p99 = waits[len(waits) * 99 // 100] * 1000
    assert p99 < MOST_MS
    kind = database.partition(":")[0]
    print(
        f"retention: {count} events with deliveries and attempts in {seconds:.1f} s; {len(waits)} commits of"
        f" others meanwhile, p99 {p99:.0f} ms, longest {waits[-1] * 1000:.0f} ms ({kind})"
    )


async def _write_all_the_time(store: Store, waits: list[float]) -> None:
    while True:
        started = time.monotonic()
        async with store.transaction() as tx:
            await tx.conn.execute(update(organizations_table).values(settings="{}"))
        waits.append(time.monotonic() - started)
        await asyncio.sleep(0.005)


async def _fill(store: Store, count: int) -> None:
    at = NOW - 20 * DAY_MS
    for start in range(0, count, 2000):
        ids = [new_id("evt", at + number) for number in range(start, start + 2000)]
        async with store.transaction() as tx:
            first = await tx.positions.take(tx, 4000)
            rows: list[list[Any]] = [[], [], []]
            for number, event in enumerate(ids):
                target = delivery_id(event, "whk_1")
                rows[0].append(event_row(first + number, id=event, accepted_at=at, payload=b"p" * 500))
                rows[1].append(
                    delivery_row(
                        target, position=first + 2000 + number, event_id=event, status="delivered",
                        queue=None, created_at=at,
                    )
                )  # fmt: skip
                rows[2].append(
                    (target, 1, "acme", "rev_1", at, 5, 0, None, 200, None, False, False, None, b"r" * 300)
                )
            await insert_events(tx.conn, rows[0])
            await insert_deliveries(tx.conn, rows[1])
            await insert_attempts(tx.conn, rows[2])
    async with store.transaction() as tx:
        await tx.conn.execute(update(deliveries).values(completed_at=at))


def request_row(number: int, age: float, org: str = "acme") -> Request:
    at = NOW - round(age * DAY_MS)
    return Request(
        f"att_{number}", org, "cnr_1", "rev_1", "lookup", "dlv_1", at, 5, 200, None, b"person", b"record"
    )


async def test_requests_to_connectors_go_with_their_retention(store: Store, removal: Removal) -> None:
    for org, days in (("acme", 30), ("long", 90)):
        await make_org(store, org, days)
    old = [request_row(number, 31 + number / 1000) for number in range(250, 0, -1)]
    async with store.transaction() as tx:
        await connector_requests.write(tx, old)
        await connector_requests.write(tx, [request_row(900, 29), request_row(901, 60, "long")])
    await removal.retain()
    async with store.reading() as conn:
        left = set((await conn.execute(select(requests_table.c.id))).scalars())
    assert left == {"att_900", "att_901"}


async def test_answers_of_connectors_go_when_they_are_of_no_use(store: Store, removal: Removal) -> None:
    await make_org(store, "acme")
    kept, moved, gone = (make_connector(f"cnr_{n}", position=n) for n in (1, 2, 3))
    async with store.transaction() as tx:
        cipher = await organizations.ensure_data_key(tx.conn, store.keys, "acme", NOW)
        for connector in (kept, moved.changed(contacts_since=NOW + 5), gone):
            await connectors.add(tx, cipher, connector)
        await connectors.mark_deleted(tx, gone, NOW)

        def answered(number: int, by: Connector, at: int = NOW, until: int = NOW + DAY_MS) -> Tuple:
            person = cipher.person(f"+1317555{number:04}")
            return contacts.row(cipher, "acme", person, Answer(by.id, "found", b"x", at, until))

        rows = [answered(number, by) for number in range(120) for by in (kept, moved, gone)]
        rows += [answered(9998, moved, at=NOW + 9), answered(9999, kept, until=NOW)]
        await contacts.insert_answers(tx.conn, rows)
    assert await removal.tidy_answers() == 241
    async with store.reading() as conn:
        left = (await conn.execute(select(contacts_table.c.connector_id, contacts_table.c.person))).all()
    assert sum(row.connector_id == kept.id for row in left) == 120
    assert [row for row in left if row.connector_id != kept.id] == [(moved.id, cipher.person("+13175559998"))]
    assert await removal.tidy_answers() == 0


async def hear(store: Store, phone: str, source: str, days: float) -> None:
    """A connector said, so many days ago, who has this number."""
    async with store.transaction() as tx:
        cipher = await organizations.ensure_data_key(tx.conn, store.keys, "acme", NOW)
        at = NOW - round(days * DAY_MS)
        knowledge = of_crm(CrmContact("1", name="Ada"), source, fetched_at=at)
        fact = contact_facts.heard(cipher, "acme", phone, source, knowledge, at)
        await contact_facts.write_heard(tx, [fact], at)


async def test_the_book_keeps_what_people_wrote_and_forgets_what_others_said(
    store: Store, removal: Removal
) -> None:
    await make_org(store, "acme")
    async with store.transaction() as tx:
        cipher = await organizations.ensure_data_key(tx.conn, store.keys, "acme", NOW)
        for connector in (make_connector(), make_connector("cnr_moved", position=2, contacts_since=NOW + 1)):
            await connectors.add(tx, cipher, connector)
        await erased_people.remember(tx.conn, "acme", [b"now"], NOW)
        await erased_people.remember(tx.conn, "acme", [b"before"], NOW - erased_people.KEPT_MS)
    for phone, source, days in (
        ("+13175550101", "cnr_1", 1), ("+13175550102", "cnr_1", 31), ("+13175550103", "cnr_gone", 1),
        ("+13175550104", "cnr_moved", 1), ("+13175550104", "cnr_1", 1), ("+13175550105", "cnr_1", 31),
        ("+13175550106", "lookup", 1), ("+13175550107", "lookup", 31),
    ):  # fmt: skip
        await hear(store, phone, source, days)
    async with store.transaction() as tx:
        kept = await book.find(tx.conn, cipher, "acme", "+13175550105")
        assert kept is not None
        said = {"name": Override("Ada", NOW - 400 * DAY_MS, "key_1")}
        await book.change(tx.conn, cipher, kept, said, (), NOW - 400 * DAY_MS)
    assert await removal.tidy_book() == 6
    assert await removal.tidy_book() == 0
    async with store.reading() as conn:
        names = (await conn.execute(select(book_table.c.phone).order_by(book_table.c.phone))).scalars().all()
        facts = (await conn.execute(select(facts_table.c.phone, facts_table.c.source))).all()
        assert len((await conn.execute(select(erased_table))).all()) == 1
    assert [name[-2:] for name in names] == ["01", "04", "05", "06"]
    assert {(phone[-2:], source) for phone, source in facts} == {
        ("01", "cnr_1"), ("04", "cnr_1"), ("05", "book"), ("06", "lookup"),
    }  # fmt: skip

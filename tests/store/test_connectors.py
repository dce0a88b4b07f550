"""Connectors as rows: what was stored comes back, sealed in between; history outlives them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from gateway.domain.connector import Connector, by_precedence
from gateway.domain.rotation import Rotation
from gateway.domain.secret import Secret
from gateway.store import connectors, health, organizations, revisions, rotations, webhooks
from gateway.store.cipher import Cipher, SealBroken
from gateway.store.directory import Directory
from gateway.store.engine import Database
from gateway.store.health import Health
from gateway.store.store import Store
from gateway.store.tables import metadata
from gateway.store.tables import organizations as organizations_table
from gateway.store.tables import revisions as revisions_table
from tests.store.conftest import KEYS, NOW, make_connector, make_webhook

pytestmark = pytest.mark.anyio


@pytest.fixture
async def cipher(store: Store) -> Cipher:
    async with store.transaction() as tx:
        await organizations.create(tx, KEYS, "acme", NOW)
        return await organizations.ensure_data_key(tx.conn, KEYS, "acme", NOW)


async def add(store: Store, cipher: Cipher, *new: Connector) -> None:
    async with store.transaction() as tx:
        for connector in new:
            await connectors.add(tx, cipher, connector)


async def found(store: Store, cipher: Cipher, name: str = "cnr_1", org: str = "acme") -> Connector | None:
    async with store.reading() as conn:
        return await connectors.find(conn, cipher, org, name)


FULL = make_connector(
    name="Praxis-Kartei ☎", status="disabled", disabled_reason="gone", timeout_ms=250, create_contacts=True,
    sync_calls=False, sync_unknown=False, priority=-7, contacts_since=NOW + 3,
    secrets=(Secret("sec_b", "a foreign secret", NOW, True), Secret("sec_a", "whsec", NOW, False, NOW + 5)),
)  # fmt: skip


@pytest.mark.parametrize("connector", [make_connector(), FULL])
async def test_what_was_stored_comes_back(store: Store, cipher: Cipher, connector: Connector) -> None:
    await add(store, cipher, connector)
    assert await found(store, cipher) == connector
    async with store.reading() as conn:
        assert await connectors.of_organization(conn, cipher, "acme") == [connector]
        assert await connectors.find(conn, cipher, "acme", connector.id, lock=True) == connector
        assert await connectors.organization_of(conn, connector.id) == "acme"
        assert await connectors.organization_of(conn, "cnr_unknown") is None


async def test_nothing_confidential_stands_in_a_row(store: Store, cipher: Cipher) -> None:
    await add(store, cipher, make_connector())
    async with store.reading() as conn:
        for table in metadata.sorted_tables:
            for row in await conn.execute(select(table)):
                assert "hidden" not in repr(tuple(row))


async def test_another_organization_finds_and_opens_nothing(store: Store, cipher: Cipher) -> None:
    await add(store, cipher, make_connector())
    async with store.transaction() as tx:
        await organizations.create(tx, KEYS, "other", NOW)
        foreign = await organizations.ensure_data_key(tx.conn, KEYS, "other", NOW)
    assert await found(store, foreign, org="other") is None
    async with store.reading() as conn:
        assert await connectors.of_organization(conn, foreign, "other") == []
        assert not await connectors.existed(conn, "other", "cnr_1")
        assert await connectors.existed(conn, None, "cnr_1")
    with pytest.raises(SealBroken):
        await found(store, foreign)


async def test_webhooks_and_connectors_are_told_apart(store: Store, cipher: Cipher) -> None:
    """They share revisions and secrets, and nothing of one is found under the other."""
    await add(store, cipher, make_connector())
    async with store.transaction() as tx:
        await webhooks.add(tx, cipher, make_webhook())
    async with store.reading() as conn:
        assert await webhooks.of_organization(conn, cipher, "acme") == [make_webhook()]
        assert await connectors.of_organization(conn, cipher, "acme") == [make_connector()]
        assert await connectors.find(conn, cipher, "acme", "whk_1") is None
        assert await webhooks.find(conn, cipher, "acme", "cnr_1") is None
        assert await connectors.count(conn, "acme") == 1


async def test_a_change_on_the_wire_makes_a_revision_and_keeps_the_old_one(
    store: Store, cipher: Cipher
) -> None:
    before = make_connector()
    await add(store, cipher, before)
    fresh = Secret("sec_new", "whsec_new", NOW + 9)
    moved = before.changed(
        url="https://new.example.com", secrets=(fresh,), revision_id="rev_2", updated_at=NOW + 9
    )
    renamed = moved.changed(name="Another", priority=3)
    async with store.transaction() as tx:
        await connectors.change(tx, cipher, moved, new_revision=True, new_secrets=[fresh])
        await connectors.change(tx, cipher, renamed, new_revision=False)
        assert tx.changed == {"acme"}
    assert await found(store, cipher) == renamed
    async with store.reading() as conn:
        rows = (await conn.execute(select(revisions_table).order_by(revisions_table.c.number))).all()
        assert [(row.id, row.number) for row in rows] == [(before.revision_id, 1), ("rev_2", 2)]
        old = await revisions.find(conn, cipher, before.revision_id)
        assert old == {"url": before.url, "headers": {}, "profile": "crm"}


async def test_a_deleted_connector_is_gone_but_has_existed(store: Store, cipher: Cipher) -> None:
    await add(store, cipher, make_connector(), make_connector("cnr_2", position=2))
    async with store.transaction() as tx:
        assert await connectors.count(tx.conn, "acme") == 2
        await connectors.mark_deleted(tx, make_connector(), NOW + 1)
        assert tx.changed == {"acme"}
    assert await found(store, cipher) is None
    async with store.reading() as conn:
        assert [c.id for c in await connectors.of_organization(conn, cipher, "acme")] == ["cnr_2"]
        assert await connectors.existed(conn, "acme", "cnr_1")
        assert await connectors.organization_of(conn, "cnr_1") is None
        assert await connectors.standing(conn, "cnr_1") is None
        assert await connectors.standing(conn, "cnr_2") == ("enabled", None)
        assert await revisions.find(conn, cipher, "rev_cnr_1_1") is not None


async def test_it_is_disabled_once(store: Store, cipher: Cipher) -> None:
    off = make_connector("cnr_2", status="disabled", disabled_reason="by_user")
    await add(store, cipher, make_connector(), off)
    for name, done in (("cnr_1", True), ("cnr_1", False), ("cnr_2", False), ("cnr_unknown", False)):
        async with store.transaction() as tx:
            assert await connectors.disable(tx, "acme", name, "gone", NOW + 5) is done
            assert tx.changed == ({"acme"} if done else set())
    one = await found(store, cipher)
    assert one is not None
    assert (one.status, one.disabled_reason, one.updated_at) == ("disabled", "gone", NOW + 5)
    assert await found(store, cipher, "cnr_2") == off


async def test_health_and_rotation_come_with_it(store: Store, cipher: Cipher) -> None:
    await add(store, cipher, make_connector())
    rotation = Rotation("sec_old", "sec_new", NOW, NOW + 60_000)
    async with store.transaction() as tx:
        await rotations.start(tx, "acme", "cnr_1", rotation)
        await health.write(tx.conn, [Health("cnr_1", "acme", failing_since=NOW, failures=1, delivery_at=NOW)])
    one = await found(store, cipher)
    assert one is not None
    assert one.rotation == rotation
    assert one.failing_since == NOW


async def test_the_directory_holds_them_and_drops_them_at_a_change(store: Store, cipher: Cipher) -> None:
    directory = Directory(store)
    view = await directory.living("acme")
    assert view.connectors == {}
    await add(store, cipher, make_connector(), make_connector("cnr_2", position=2))
    view = await directory.living("acme")
    assert list(view.connectors) == ["cnr_1", "cnr_2"]
    async with store.transaction() as tx:
        await connectors.mark_deleted(tx, make_connector(), NOW)
        inside = await directory.inside(tx.conn, "acme")
        assert inside is not None
        assert list(inside.connectors) == ["cnr_2"]
    assert list((await directory.living("acme")).connectors) == ["cnr_2"]


async def test_an_organization_without_connectors_costs_one_query(
    any_database: str, store: Store, cipher: Cipher
) -> None:
    counted: list[None] = []
    database = Database(any_database, count=lambda: counted.append(None))
    async with database.read() as conn:
        await conn.execute(select(organizations_table.c.id))
        before = len(counted)
        assert await connectors.of_organization(conn, cipher, "acme") == []
        assert len(counted) - before == 1
    await database.close()


def test_the_highest_priority_goes_first_then_the_oldest() -> None:
    one, two, three = (make_connector(f"cnr_{n}", position=n) for n in (1, 2, 3))
    two = replace(two, priority=5)
    low = replace(make_connector("cnr_4", position=0), priority=-1)
    assert [c.id for c in by_precedence([low, three, two, one])] == ["cnr_2", "cnr_1", "cnr_3", "cnr_4"]

"""One look-up for both kinds of addressees: the id says where it goes."""

from __future__ import annotations

import pytest

from gateway.store import addressees, connectors, organizations, webhooks
from gateway.store.directory import Directory
from gateway.store.store import Store
from tests.store.conftest import KEYS, NOW, make_connector, make_webhook

pytestmark = pytest.mark.anyio

BOTH = (make_webhook(), make_connector())


@pytest.fixture
async def filled(store: Store) -> Store:
    async with store.transaction() as tx:
        await organizations.create(tx, KEYS, "acme", NOW)
        cipher = await organizations.ensure_data_key(tx.conn, KEYS, "acme", NOW)
        await webhooks.add(tx, cipher, make_webhook())
        await connectors.add(tx, cipher, make_connector())
    return store


async def test_each_is_found_under_its_id(filled: Store) -> None:
    view = await Directory(filled).living("acme")
    async with filled.reading() as conn:
        for one in BOTH:
            assert await addressees.find(conn, view.organization.cipher, "acme", one.id) == one
            assert view.addressee(one.id) == one
            assert addressees.kind_of(one.id) == one.kind
            assert await addressees.existed(conn, "acme", one.id)
            assert not await addressees.existed(conn, "other", one.id)
        assert await addressees.find(conn, view.organization.cipher, "acme", "cnr_unknown") is None
    assert view.addressee("whk_unknown") is None


async def test_each_is_disabled_where_it_stands(filled: Store) -> None:
    for one in BOTH:
        async with filled.transaction() as tx:
            assert await addressees.disable(tx, "acme", one.id, "failing", NOW)
            assert await addressees.standing(tx.conn, one.id) == ("disabled", "failing")
            assert not await addressees.disable(tx, "acme", one.id, "gone", NOW)

"""Searching contacts: how often everything is looked at, whatever is asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import insert

from gateway.domain import contact_search as wording
from gateway.store import contact_search
from gateway.store import contacts as book
from gateway.store.tables import contact_facts
from tests.support.node import Node, running_node

pytestmark = pytest.mark.anyio

ADA, BERT = "+13175550142", "+13175550143"
SOURCES = 3_000


class Counting:
    """A connection that counts what it is asked."""

    def __init__(self, conn: Any) -> None:
        self.conn = conn
        self.asked = 0

    async def execute(self, query: Any) -> Any:
        self.asked += 1
        return await self.conn.execute(query)


@pytest.fixture
async def node(any_database: str) -> AsyncIterator[Node]:
    async with running_node(any_database) as made:
        yield made


async def test_one_contact_with_very_many_facts_is_found_in_few_looks(node: Node) -> None:
    view, _ = await node.gateway.directory.ensure("acme")
    cipher, now = view.organization.cipher, node.gateway.clock.now()
    facts = [
        {"org_id": "acme", "phone": ADA, "source": f"cnr_{n}", "search": "needle", "said": b"x", "at": now}
        for n in range(SOURCES)
    ]
    async with node.gateway.store.transaction() as tx:
        ada = await book.add(tx, cipher, "acme", ADA, now)
        bert = await book.add(tx, cipher, "acme", BERT, now)
        await tx.conn.execute(insert(contact_facts), facts)
        last = {**facts[0], "phone": BERT, "source": "cnr_b", "search": "needle z"}
        await tx.conn.execute(insert(contact_facts), [last])
    async with node.gateway.store.reading("acme") as conn:
        counting: Any = Counting(conn)
        found = await contact_search.find(counting, "acme", wording.wanted("needle"), 1)
        assert (found.ids, found.more) == ([ada.id], True)
        assert counting.asked <= 4
        both = await contact_search.find(counting, "acme", wording.wanted("needle"), 5)
    assert both.ids == [ada.id, bert.id]

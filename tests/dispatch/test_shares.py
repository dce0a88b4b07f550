"""One organization's slow receivers, and the gateway's own shortages, are not the others' trouble."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from gateway.dispatch import places
from gateway.egress.failure import not_connected
from gateway.errors import Conflict
from gateway.store.engine import Database
from gateway.store.group_commit import MOST_ROUNDS, GroupCommit, Kind, RefusedItems
from gateway.store.transaction import Transaction
from tests.support.node import running_node
from tests.support.receiver import Receiver, silence

pytestmark = pytest.mark.anyio


async def test_slow_receivers_of_one_organization_leave_places_to_another(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "MOST_PER_ORGANIZATION", 2)
    monkeypatch.setattr(places, "MOST_SLOW_PER_ORGANIZATION", 0)
    monkeypatch.setattr(places, "MOST_IN_FLIGHT", 3)
    async with running_node(sqlite_database) as node, Receiver() as slow, Receiver() as quick:
        slow.behave(silence())
        for number in range(4):
            await node.webhook(f"{slow.url()}{number}")
        await node.send()
        await slow.wait_for(2, timeout=10)
        body = {"url": quick.url(), "events": ["*"]}
        assert (await node.call("POST", "/api/webhooks", org="beta", json=body)).status_code == 201
        event = {"type": "a.b", "data": {}}
        assert (await node.call("POST", "/api/events", org="beta", json=event)).status_code == 202
        await quick.wait_for(1, timeout=10)
        assert len(slow.requests) == 2


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_our_own_shortage_is_not_booked_on_the_receiver(number: int) -> None:
    assert not_connected(OSError(number, "none left"), literal=False)[0] == "aborted"


async def test_a_chain_of_refusals_takes_few_shared_transactions() -> None:
    """Each refusal brings the next to light: rounds with everybody must not go on until the last."""
    sizes: list[int] = []

    @asynccontextmanager
    async def transaction() -> AsyncIterator[Transaction]:
        yield cast(Transaction, None)

    async def refuse_the_first(_: Transaction, items: list[Any]) -> list[Any]:
        sizes.append(len(items))
        if len(items) > 1:
            raise RefusedItems({0: Conflict("taken")})
        return items

    commits = GroupCommit(transaction, {"x": Kind(refuse_the_first, patience=1)})
    waiting = [commits.submit("x", number) for number in range(1500)]
    commits.start()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    await commits.close()
    assert sum(size > 1 for size in sizes) == MOST_ROUNDS
    assert sum(isinstance(result, Conflict) for result in results) == MOST_ROUNDS
    assert [result for result in results if isinstance(result, int)] == list(range(MOST_ROUNDS, 1500))


async def test_errors_of_the_database_do_not_carry_what_was_written(any_database: str) -> None:
    database = Database(any_database)
    with pytest.raises(DBAPIError) as failed:
        async with database.write() as conn:
            await conn.execute(text("INSERT INTO nowhere VALUES (:who)"), {"who": "Jane Doe 3175550123"})
    assert "Jane" not in str(failed.value)
    await database.close()

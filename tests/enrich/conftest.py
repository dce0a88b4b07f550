"""A gateway on each database, CRMs on loopback, and callers asked for over the API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from sqlalchemy import select, text

from gateway.store.tables import connector_contacts, connector_creates, connector_requests
from tests.support.clock import until
from tests.support.crm import Crm
from tests.support.node import Node, running_node
from tests.support.receiver import Receiver

PHONE = "+13175550142"
OTHER = "+13175550143"


@pytest.fixture
async def node(any_database: str) -> AsyncIterator[Node]:
    async with running_node(any_database) as made:
        yield made


@pytest.fixture
async def lite(sqlite_database: str) -> AsyncIterator[Node]:
    """For what does not depend on the database."""
    async with running_node(sqlite_database) as made:
        yield made


@pytest.fixture
async def new_crm() -> AsyncIterator[Callable[[], Awaitable[Crm]]]:
    async with AsyncExitStack() as stack:

        async def make() -> Crm:
            return Crm(await stack.enter_async_context(Receiver()))

        yield make


@pytest.fixture
async def crm(new_crm: Callable[[], Awaitable[Crm]]) -> Crm:
    return await new_crm()


async def resolve(node: Node, phone: str = PHONE, *, org: str = "acme", **fields: Any) -> dict[str, Any]:
    answer = await node.call("POST", "/api/callers/resolve", json={"phone": phone, **fields}, org=org)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert found["elapsed_ms"] <= fields.get("deadline_ms", 900) + 1_000  # a busy machine; a wait is longer
    return found


def errors(found: dict[str, Any]) -> list[str]:
    """Of all but the address book, which on a busy machine may not have answered by a short deadline."""
    return [one["error"] for one in found["errors"] if one["source"] != "book"]


async def rows(node: Node, table: Any) -> list[Any]:
    async with node.gateway.store.reading() as conn:
        return list((await conn.execute(select(table))).all())


async def settled(node: Node) -> None:
    """What is under way has ended, and is written."""
    gateway = node.gateway
    await until(lambda: not gateway.callers.open, "late answers are in")
    await until(lambda: not len(gateway.connectors._lookups), "lookups are over")
    await until(lambda: not gateway.connectors.questions.open, "second questions are over")
    await until(lambda: not gateway.creates._tasks, "creates are over")
    await until(lambda: not gateway.keeping._waiting, "all is written")


async def kept(node: Node) -> list[Any]:
    await settled(node)
    return await rows(node, connector_contacts)


async def logged(node: Node) -> list[Any]:
    await settled(node)
    return sorted(await rows(node, connector_requests), key=lambda row: row.position)


async def creates(node: Node) -> list[Any]:
    await settled(node)
    return await rows(node, connector_creates)


async def age(node: Node, seconds: int) -> None:
    """What is kept was said so much earlier."""
    await settled(node)
    change = "UPDATE connector_contacts SET fetched_at = fetched_at - :ms, expires_at = expires_at - :ms"
    async with node.gateway.store.transaction() as tx:
        await tx.conn.execute(text(change), {"ms": seconds * 1000})

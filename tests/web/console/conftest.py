"""A node, somebody inside with an admin's key, and a receiver."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.inside import Visitor, sign_in
from tests.support.node import Node, running_node
from tests.support.receiver import Receiver


@pytest.fixture
async def node(sqlite_database: str) -> AsyncIterator[Node]:
    async with running_node(sqlite_database) as running:
        yield running


@pytest.fixture
async def ada(node: Node) -> AsyncIterator[Visitor]:
    visitor = await sign_in(node, await node.new_key("admin"))
    yield visitor
    await visitor.aclose()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as running:
        yield running

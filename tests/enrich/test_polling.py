"""Waiting for answers of other nodes, or for what is made up: it costs calls nothing, and others little."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.domain.ids import first_id
from gateway.enrich.polling import MOST_LOOKED_FOR
from tests.enrich.conftest import resolve
from tests.support.node import Node

pytestmark = pytest.mark.anyio


async def look(node: Node, resolution_id: str, **query: Any) -> int:
    path = f"/api/callers/resolutions/{resolution_id}"
    return (await node.call("GET", path, params=query, timeout=30)).status_code


def made_up(node: Node, number: int, ahead_ms: int = 0) -> str:
    return f"{first_id('res', node.gateway.clock.now() + ahead_ms)[:-4]}{number:04}"


@pytest.fixture
def looks(node: Node, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids that were looked for in the database."""
    resolutions, made = node.gateway.callers.resolutions, []
    read = resolutions._read

    async def counted(org: Any, resolution_id: str) -> Any:
        made.append(resolution_id)
        return await read(org, resolution_id)

    monkeypatch.setattr(resolutions, "_read", counted)
    return made


async def test_what_is_from_the_future_is_not_waited_for(node: Node, looks: list[str]) -> None:
    await resolve(node)
    assert await look(node, made_up(node, 1, ahead_ms=1_500), wait_ms=20_000) == 404
    assert len(looks) == 1


async def test_all_who_wait_for_one_id_share_its_looks(node: Node, looks: list[str]) -> None:
    await resolve(node)
    wanted = made_up(node, 1)
    told = await asyncio.gather(*(look(node, wanted, wait_ms=1_000) for _ in range(40)))
    assert set(told) == {404}
    assert len(looks) <= 40 + 50  # each when it comes, and then once for all: for 2.5 seconds


async def test_one_organization_waits_for_so_many_at_once(
    node: Node, looks: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await resolve(node)
    at_once, most, polling = 0, 0, node.gateway.callers.resolutions._polling
    sleep = polling._clock.sleep

    async def counted(seconds: float) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await sleep(seconds)
        at_once -= 1

    monkeypatch.setattr(polling._clock, "sleep", counted)
    told = await asyncio.gather(*(look(node, made_up(node, n), wait_ms=600) for n in range(150)))
    assert set(told) <= {404, 429}
    assert most <= MOST_LOOKED_FOR / 2 + 20  # the gateway's own loops sleep, too

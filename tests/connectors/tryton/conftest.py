"""One Tryton server for each worker; every test begins without parties."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from connectors.tryton.connector import TrytonConnector
from tests.connectors.tryton.server import MADE_BY, Crm, serving


@pytest.fixture(scope="session")
def tryton(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crm]:
    cache = request.config.cache.mkdir(f"tryton-{MADE_BY}")
    with serving(cache, tmp_path_factory.mktemp("tryton")) as crm:
        yield crm
        crm.client.close()


@pytest.fixture
def crm(tryton: Crm) -> Iterator[Crm]:
    yield tryton
    tryton.empty()


@pytest.fixture
async def connector(crm: Crm) -> AsyncIterator[TrytonConnector]:
    built = crm.connector()
    await built.open()
    yield built
    await built.close()

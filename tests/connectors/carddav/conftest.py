"""One server of each kind for the run, an empty address book for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from connectors.carddav.connector import CardDavConnector
from tests.connectors.carddav.servers import KINDS, Book, Server, serving


@pytest.fixture(scope="session", params=KINDS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(request.param, tmp_path_factory.mktemp(request.param)) as started:
        yield started


@pytest.fixture
def book(server: Server) -> Iterator[Book]:
    made = server.book()
    yield made
    made.client.close()


@pytest.fixture
async def connector(book: Book) -> AsyncIterator[CardDavConnector]:
    """Every lookup asks the server what has changed."""
    built = book.connector(fresh_seconds="0")
    await built.open()
    yield built
    await built.close()

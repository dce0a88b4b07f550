"""What every test may ask for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.egress import client
from tests.support.databases import database_url

if TYPE_CHECKING:
    from playwright.async_api import Browser


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def roots_read_once() -> Iterator[None]:
    """Reading the system's certificates takes as long as the rest of a node's start; they stay the same."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(client, "tls_context", lru_cache(client.tls_context))
        yield


@pytest.fixture(params=["sqlite", "postgresql"])
def any_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with nothing in it but the schema: the test runs once on each kind."""
    with database_url(request.param, tmp_path) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database that was never used: on SQLite there is no file yet."""
    with database_url(request.param, tmp_path, empty=True) as url:
        yield url


@pytest.fixture
def sqlite_database(tmp_path: Path) -> Iterator[str]:
    with database_url("sqlite", tmp_path) as url:
        yield url


@pytest.fixture
def postgres_database(tmp_path: Path) -> Iterator[str]:
    with database_url("postgresql", tmp_path) as url:
        yield url


@pytest.fixture(scope="module")
def chromium() -> Path:
    from tests.support.browser import find_chromium  # Playwright is loaded only where a browser is asked for

    found = find_chromium()
    if found is None:
        pytest.skip("no Chromium here")
    return found


@pytest.fixture(scope="module")
async def browser(chromium: Path) -> AsyncIterator[Browser]:
    """One process for a module, whose asynchronous tests therefore share an event loop. Each test opens a
    context of its own: tests/support/browser.py."""
    from tests.support.browser import running_browser

    async with running_browser(chromium) as browser:
        yield browser


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What the proofs print, together, also when they ran in several processes."""
    said = {
        report.nodeid: [line for line in report.capstdout.splitlines() if line.strip()]
        for report in terminalreporter.getreports("passed")
        if "proof" in report.keywords and report.when == "call"
    }
    if said:
        terminalreporter.section("proofs")
        for nodeid, lines in sorted(said.items()):
            terminalreporter.line(nodeid.removeprefix("tests/"))
            for line in lines:
                terminalreporter.line(f"    {line}")

"""Both clients behind one face, so that one suite tests both: `connect(url).do(lambda c: c.get_event(…))`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gateway.client import AsyncClient, Client
from tests.cli.conftest import FakeGateway


class Waits:
    """Stands for the clock: remembers every wait, and time passes by waiting alone."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.now = 1000.0

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.now += seconds

    async def later(self, seconds: float) -> None:
        self(seconds)

    def monotonic(self) -> float:
        return self.now


class Blocking:
    """A `Client`."""

    kind = "sync"

    def __init__(self, url: str, *args: Any, waits: Waits | None = None, **options: Any) -> None:
        if waits is not None:
            options = {"sleep": waits, "monotonic": waits.monotonic} | options
        self.client = Client(url, *args, **options)

    def do(self, call: Callable[[Any], Any]) -> Any:
        return call(self.client)

    def rows(self, call: Callable[[Any], Any], most: int | None = None) -> list[Any]:
        found: list[Any] = []
        for row in call(self.client):
            found.append(row)
            if len(found) == most:
                break
        return found

    def close(self) -> None:
        self.client.close()


class Awaited:
    """An `AsyncClient`, in an event loop of its own."""

    kind = "async"

    def __init__(self, url: str, *args: Any, waits: Waits | None = None, **options: Any) -> None:
        if waits is not None:
            options = {"sleep": waits.later, "monotonic": waits.monotonic} | options
        self.client = AsyncClient(url, *args, **options)
        self._runner = asyncio.Runner()

    def do(self, call: Callable[[Any], Any]) -> Any:
        async def run() -> Any:
            return await call(self.client)

        return self._runner.run(run())

    def rows(self, call: Callable[[Any], Any], most: int | None = None) -> list[Any]:
        async def run() -> list[Any]:
            found: list[Any] = []
            rows = call(self.client)
            async for row in rows:
                found.append(row)
                if len(found) == most:
                    break
            await rows.aclose()
            return found

        return self._runner.run(run())

    def close(self) -> None:
        self._runner.run(self.client.close())
        self._runner.close()


Driver = Blocking | Awaited
Connect = Callable[..., Driver]


@pytest.fixture(params=[Blocking, Awaited], ids=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Makes a client of one kind; the test runs once with each."""
    made: list[Driver] = []

    def make(*args: Any, **options: Any) -> Driver:
        made.append(request.param(*args, **options))
        return made[-1]

    yield make
    for driver in made:
        driver.close()


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def waits() -> Waits:
    return Waits()

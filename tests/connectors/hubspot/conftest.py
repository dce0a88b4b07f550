"""The double, and a connector that talks to it on the double's clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from connectors.hubspot.client import Client
from connectors.hubspot.connector import HubSpot as Connector
from connectors.hubspot.connector import Options
from connectors.hubspot.mapping import Links
from tests.connectors.hubspot.double import TOKEN, HubSpot, Line

Connect = Callable[..., Connector]


@pytest.fixture
def hubspot() -> Iterator[HubSpot]:
    double = HubSpot()
    yield double
    assert double.complaints == [], "HubSpot's own documents object"


@pytest.fixture
def line(hubspot: HubSpot) -> Line:
    return hubspot.line()


@pytest.fixture
def connect(hubspot: HubSpot, line: Line) -> Connect:
    """A new connector process: it remembers nothing of an earlier one."""

    def connected(**options: Any) -> Connector:
        clock = hubspot.clock
        client = Client(
            "https://hubspot.test", TOKEN, transport=line, timeout=30,
            monotonic=clock.monotonic, sleep=clock.sleep,
        )  # fmt: skip
        settings = Options(**{"links": Links("48"), **options})
        return Connector(client, settings, clock=clock.wall, monotonic=clock.monotonic)

    return connected


@pytest.fixture
def connector(connect: Connect) -> Connector:
    return connect()

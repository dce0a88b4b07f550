"""The databases that measurements begin with: empty, or with much in them; made when asked for."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from bench import fill
from bench.peers import load
from bench.rig import SETTINGS, Gateway
from bench.sizes import Sizes
from tests.support.databases import database_url

PATTERNS = 400  # events that a real gateway writes, to be multiplied
SILENT_TARGETS = 20
CLOSED_PORT = 9


class Place(NamedTuple):
    """A database, and the directory for what a gateway writes beside it."""

    url: str
    directory: Path

    @property
    def environ(self) -> dict[str, str]:
        return {**SETTINGS, "HUM_GATEWAY_DATABASE_URL": self.url}


class Stock:
    """Databases of one kind. The one with much pending is made once and kept, for it takes the longest."""

    def __init__(self, kind: str, sizes: Sizes) -> None:
        self.kind = kind
        self._sizes = sizes
        self._kept = ExitStack()
        self._pending: Place | None = None

    def __enter__(self) -> Stock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kept.close()

    @contextmanager
    def empty(self, port: int | None = None) -> Iterator[Place]:
        """A new database; with `port`, one webhook of the organization `bench` is registered in it."""
        with tempfile.TemporaryDirectory(prefix="hum-bench-") as name:
            with database_url(self.kind, Path(name)) as url:
                place = Place(url, Path(name))
                if port is not None:
                    fill.webhooks(place.environ, ["bench"], _at(port), ["bench.*"])
                yield place

    @contextmanager
    def history(self, port: int) -> Iterator[Place]:
        """Delivered events of the organization itself."""
        with self.empty(port) as place:
            with Gateway(*place) as gateway:
                load(gateway.port, gateway.key, events=PATTERNS, batch=100, connections=1)
                gateway.wait_until_delivered(PATTERNS)
            fill.history(place.environ, "bench", self._sizes.history)
            yield place

    @contextmanager
    def pending(self, port: int = CLOSED_PORT) -> Iterator[Place]:
        """Events of another organization, whose twenty receivers refuse every connection."""
        if self._pending is None:
            self._pending = self._kept.enter_context(self._make_pending(port))
        yield self._pending

    @contextmanager
    def _make_pending(self, port: int) -> Iterator[Place]:
        with self.empty(port) as place:
            with Gateway(*place) as gateway:
                types = [f"silent.n{number}" for number in range(SILENT_TARGETS)]
                for type_ in types:
                    gateway.webhook(CLOSED_PORT, type_, org="silent")
                # The first ones open the breakers, what comes then waits for its target in the database.
                for _ in range(2):
                    events = PATTERNS * 2
                    load(gateway.port, gateway.key, events=events, orgs="silent", types=",".join(types))
            fill.pending(place.environ, "silent", self._sizes.pending)
            yield place

    @contextmanager
    def webhooks(self, port: int) -> Iterator[Place]:
        """Webhooks of many other organizations, as many each as the limit's default lets them have."""
        with self.empty(port) as place:
            patterns = [f"use.n{number}" for number in range(self._sizes.webhooks_each)]
            fill.webhooks(place.environ, self.organizations, _at(port), patterns)
            yield place

    @contextmanager
    def webhooks_in_one(self, port: int) -> Iterator[Place]:
        """As many webhooks in the organization itself, for other types: where the limit was raised."""
        with self.empty(port) as place:
            count = self._sizes.organizations * self._sizes.webhooks_each
            patterns = [f"other.n{number}" for number in range(count)]
            fill.webhooks(place.environ, ["bench"], _at(port), patterns)
            yield place

    @property
    def organizations(self) -> list[str]:
        return [f"org{number}" for number in range(self._sizes.organizations)]


def _at(port: int) -> str:
    return f"http://127.0.0.1:{port}/"

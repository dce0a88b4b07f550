"""Connections that wait for their next request, newest used first, for a few seconds."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable
from typing import Final

from gateway.egress.connection import Connection

# Below the 5 s after which Node and uvicorn close an idle connection: a POST that meets a closing one fails.
IDLE_SECONDS: Final = 4.0
_LOOK_EVERY: Final = 0.5
MOST_KEPT: Final = 2_000


class Pool:
    """Keeps connections by key; whoever takes one has it alone."""

    def __init__(self) -> None:
        self._by_key: dict[Hashable, deque[Connection]] = {}
        self._oldest_first: dict[Connection, Hashable] = {}
        self._sweep: asyncio.TimerHandle | None = None

    def take(self, key: Hashable) -> Connection | None:
        """One that is still open, or None."""
        kept = self._by_key.get(key)
        while kept:
            connection = kept.pop()
            del self._oldest_first[connection]
            connection.lost = None
            if connection.reusable:
                return connection
            connection.abort()
        return None

    def keep(self, key: Hashable, connection: Connection) -> None:
        """Takes it back; when there are too many, the one that has waited longest goes."""
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        connection.lost = self._forget
        kept = self._by_key.get(key)
        if kept is None:
            kept = self._by_key[key] = deque()
        kept.append(connection)
        self._oldest_first[connection] = key
        if len(self._oldest_first) > MOST_KEPT:
            self._close_oldest()
        if self._sweep is None:
            self._sweep = loop.call_later(_LOOK_EVERY, self._close_idle)

    def close(self) -> None:
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        while self._oldest_first:
            self._close_oldest()

    def _close_idle(self) -> None:
        loop = asyncio.get_running_loop()
        limit = loop.time() - IDLE_SECONDS + _LOOK_EVERY
        while self._oldest_first and next(iter(self._oldest_first)).idle_since <= limit:
            self._close_oldest()
        self._sweep = loop.call_later(_LOOK_EVERY, self._close_idle) if self._oldest_first else None

    def _close_oldest(self) -> None:
        connection = next(iter(self._oldest_first))
        self._forget(connection)
        connection.close()

    def _forget(self, connection: Connection) -> None:
        connection.lost = None
        key = self._oldest_first.pop(connection)
        kept = self._by_key[key]
        kept.remove(connection)
        if not kept:
            del self._by_key[key]

"""Pinging a connector because a person asked for it: one signed request now, whatever the connector's state.

It stands in the connector's log like any direct call, and tells as much of a rotation as any.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from gateway.crm import log
from gateway.crm.answers import Failed
from gateway.crm.wire import Calls, PingResult
from gateway.domain.connector import Connector
from gateway.domain.pace import Pace
from gateway.domain.room import Room
from gateway.errors import RateLimited
from gateway.store import connector_requests, organizations, rotations
from gateway.store.cipher import Cipher
from gateway.store.store import Store

MOST_PER_SECOND: Final = 5
MOST_AT_ONCE: Final = 32


class Pings:
    """On this node one at a time to a connector, a few a second for an organization, and never so many at
    once for one that the others find no place."""

    def __init__(self, store: Store, calls: Calls) -> None:
        self._store = store
        self._calls = calls
        self._under_way: set[str] = set()
        self._room = Room(MOST_AT_ONCE)
        self._pace = Pace(MOST_PER_SECOND, store.clock.monotonic)

    async def send(self, connector: Connector, cipher: Cipher) -> tuple[PingResult, str]:
        """What came of it, and the id of its entry in the log. Returns when the connector has answered, or
        its time is over. Raises RateLimited."""
        with self._place(connector):
            result = await self._calls.ping(connector, connector.org_id)
        return result, await self._write(connector, cipher, result)

    async def _write(self, connector: Connector, cipher: Cipher, result: PingResult) -> str:
        failed = Failed(result.error, result.detail) if result.error is not None else None
        rows = log.rows(cipher, connector, result.said, failed, None)
        async with self._store.transaction() as tx:
            if result.said.accepted is not None:
                await organizations.lock(tx.conn, connector.org_id)
                await rotations.accepted(tx, [result.said.accepted])
            await connector_requests.write(tx, rows)
        return rows[-1].id

    @contextmanager
    def _place(self, connector: Connector) -> Iterator[None]:
        if connector.id in self._under_way:
            raise RateLimited("a ping to this connector is under way", retry_after=1)
        with self._room.place(connector.org_id) as there_is:
            if not there_is or not self._pace.allows(connector.org_id):
                raise RateLimited("too many pings at once", retry_after=1)
            self._under_way.add(connector.id)
            try:
                yield
            finally:
                self._under_way.discard(connector.id)

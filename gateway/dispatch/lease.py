"""This node's right to send: one row, renewed every few seconds, expired by the database's clock."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Final

from gateway.clock import Clock
from gateway.domain.delivery import LEASE_PREFIX
from gateway.domain.ids import new_id
from gateway.errors import Overloaded
from gateway.store import leases
from gateway.store.store import Store

log = logging.getLogger("gateway.lease")

RENEW_SECONDS: Final = 3.0
FRESH_SECONDS: Final = 8.0
# Less than the lease itself, so that a node that is cut off falls silent before another may take over.
TRUSTED_SECONDS: Final = leases.LEASE_MS / 1000 - 2.0
NEVER: Final = -1e9


class NodeLease:
    """`id` is the queue name of what this node holds; `holds()` is asked before every attempt."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._renewed = NEVER
        self.id = ""
        self.node = f"{socket.gethostname()}:{os.getpid()}"

    async def take(self) -> None:
        """A new lease; the one before is left to run out."""
        lease = new_id(LEASE_PREFIX, self._clock.now())
        asked = self._clock.monotonic()
        async with self._store.transaction() as tx:
            await leases.create(tx.conn, lease, self.node, self._clock.now())
        self.id, self._renewed = lease, asked

    def holds(self) -> bool:
        """Whether the lease is certainly still ours, whatever stopped this process meanwhile."""
        return self._clock.monotonic() - self._renewed < TRUSTED_SECONDS

    def fresh(self) -> bool:
        """Whether the latest renewals went through: what readiness asks, well before the lease runs out."""
        return self._clock.monotonic() - self._renewed < FRESH_SECONDS

    async def keep(self, lost: Callable[[], Awaitable[None]]) -> None:
        """Renews until cancelled. When the lease is lost, `lost` forgets what it covered, then a new one is
        taken."""
        while True:
            await self._clock.sleep(RENEW_SECONDS)
            asked = self._clock.monotonic()
            try:
                async with self._store.transaction() as tx:
                    renewed = await leases.renew(tx.conn, self.id, self._clock.now())
                if renewed:
                    self._renewed = asked
                    continue
                log.warning("lease lost, taking a new one", extra={"lease": self.id})
                self._renewed = NEVER
                await lost()
                await self.take()
            except Overloaded as problem:
                log.warning("lease not renewed: %s", problem.message, extra={"lease": self.id})
            except Exception:
                log.exception("lease not renewed", extra={"lease": self.id})

    async def end(self) -> None:
        async with self._store.transaction() as tx:
            await leases.end(tx.conn, self.id)

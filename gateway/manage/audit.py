"""Keeping the audit log: what changes something is written with it, who read payloads shortly afterwards.

Reading is frequent and must not wait for a commit. Its entries gather for a second at most and are written
together; a node that is killed loses that second. One that stops in order writes them before it ends.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from gateway.clock import Clock
from gateway.domain.audit import Chain, Deed, Finding, Who
from gateway.errors import Overloaded
from gateway.store import audit
from gateway.store.store import Store
from gateway.store.transaction import Transaction

log = logging.getLogger("gateway.audit")

GATHER_SECONDS: Final = 1.0
MOST_WAITING: Final = 10_000
OPERATOR: Final = Who("operator", "key_local", None)


class PayloadReads:
    """Entries of reading that wait to be written. `run` writes them, `flush` at once."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._waiting: list[tuple[str, Deed]] = []
        self._writing = asyncio.Lock()

    def make_room(self) -> None:
        """Raises Overloaded when so many wait that what is read next could not be written down."""
        if len(self._waiting) >= MOST_WAITING:
            raise Overloaded("the audit log cannot be written at the moment", retry_after=1)

    def note(self, org_id: str, deed: Deed) -> None:
        self._waiting.append((org_id, deed))

    async def run(self) -> None:
        """Until cancelled. What could not be written waits for the next turn."""
        while True:
            await self._clock.sleep(GATHER_SECONDS)
            try:
                await self.flush()
            except Overloaded as problem:
                log.warning("%d entries wait: %s", len(self._waiting), problem.message)
            except Exception:
                log.exception("%d entries could not be written", len(self._waiting))

    async def flush(self) -> None:
        """Writes what waits, a transaction for each organization."""
        async with self._writing:
            waiting, self._waiting = self._waiting, []
            by_org: dict[str, list[Deed]] = {}
            for org_id, deed in waiting:
                by_org.setdefault(org_id, []).append(deed)
            try:
                while by_org:
                    org_id, deeds = next(iter(by_org.items()))
                    async with self._store.transaction() as tx:
                        await audit.append(tx, org_id, deeds)
                    del by_org[org_id]
            finally:
                self._waiting = [
                    (org, deed) for org, deeds in by_org.items() for deed in deeds
                ] + self._waiting


async def verify_all(store: Store) -> list[Finding]:
    """Follows every chain to the hash that its organization holds."""
    found = []
    async with store.reading() as conn:
        for org_id in await audit.organizations_with_entries(conn):
            chain = Chain(org_id, await audit.head(conn, org_id))
            async for entry in audit.chain(conn, org_id):
                chain.follow(entry)
            found.append(chain.end())
    return found


async def note_operator(
    tx: Transaction, org_id: str | None, action: str, object_type: str, object_id: str, now: int
) -> None:
    """What the operator does on the database itself, without the API. No organization: the platform's."""
    deed = Deed(OPERATOR, action, object_type, object_id, now)
    await audit.append(tx, org_id or audit.PLATFORM, [deed])

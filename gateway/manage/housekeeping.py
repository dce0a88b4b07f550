"""What is done every so often: forgetting expired keys, ending overdue deliveries, making room ahead."""

from __future__ import annotations

import logging
from typing import Final

from gateway.clock import Clock
from gateway.domain.event_types import is_reserved
from gateway.errors import Overloaded
from gateway.manage.telling import expired_delivery
from gateway.store import console, deliveries, idempotency, partitions, stats
from gateway.store.store import Store
from gateway.store.transaction import AnnounceAll

log = logging.getLogger("gateway.housekeeping")

EVERY_SECONDS: Final = 60.0
PARTITIONS_EVERY: Final = 3600.0


async def run(store: Store, clock: Clock, announce: AnnounceAll) -> None:
    """Until cancelled. A database that is away is tried again at the next turn."""
    next_partitions = 0.0
    while True:
        try:
            if clock.monotonic() >= next_partitions:
                await partitions.make_ahead(store)
                next_partitions = clock.monotonic() + PARTITIONS_EVERY
            await expire(store, clock.now(), announce)
        except Overloaded as problem:
            log.warning("put off: %s", problem.message)
        except Exception:
            log.exception("housekeeping failed")
        await clock.sleep(EVERY_SECONDS)


async def expire(store: Store, now: int, announce: AnnounceAll) -> int:
    """Ends pending deliveries that have expired and forgets idempotency keys, links and sessions that are
    over; how many deliveries."""
    async with store.looking_up() as conn:
        overdue = await deliveries.overdue(conn, now)
    async with store.transaction() as tx:
        await idempotency.forget_expired(tx.conn, now)
        await console.forget_expired(tx.conn, now)
        await stats.forget(tx.conn, now)
        ended = await deliveries.expire(tx.conn, overdue, now)
        await announce(tx, [expired_delivery(row) for row in ended if not is_reserved(row.event_type)])
    return len(ended)

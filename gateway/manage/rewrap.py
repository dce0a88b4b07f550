"""Changing the master key: while several are given, whatever an older one wraps is wrapped with the newest.

It runs beside normal work, in small transactions, and begins anew after a restart. Nodes that make new data
keys with an older master key are seen to as well, as long as this one runs.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from gateway.clock import Clock
from gateway.errors import Overloaded
from gateway.store import rewrap
from gateway.store.store import Store

log = logging.getLogger("gateway.rewrap")

LOOK_AGAIN_SECONDS: Final = 60.0


async def run(store: Store, clock: Clock) -> None:
    """Until cancelled; at once over when there is one master key."""
    while store.keys.several:
        try:
            await all_of_them(store)
        except Overloaded as problem:
            log.warning("put off: %s", problem.message)
        except Exception:
            log.exception("rewrapping failed")
        await clock.sleep(LOOK_AGAIN_SECONDS)


async def all_of_them(store: Store) -> int:
    """Wraps every data key with the newest master key; how many that were."""
    count = 0
    while True:
        async with store.transaction() as tx:
            done = await rewrap.rewrap_some(tx.conn, store.keys)
        count += done
        if not done:
            break
        await asyncio.sleep(0)
    if count:
        log.info("%d data keys rewrapped: the newest master key wraps them all", count)
    return count

"""The gateway's own store, opened by the bench while nobody serves: for keys, and to fill a database.

Rows come to be through the gateway's own functions, so that they are what it would have written.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from gateway.app import open_migrated_store
from gateway.clock import Clock, SystemClock
from gateway.config import Settings
from gateway.metrics import Metrics
from gateway.process import offline
from gateway.store.store import Store


def make_key(environ: Mapping[str, str]) -> str:
    """A new platform key with every scope."""

    async def run() -> str:
        async with offline(Settings.load(environ)) as operator:
            made = await operator.create_key(
                platform=True, org=None, role=None, scopes=["all"], expires_in=None, name="bench"
            )
        return str(made["key"])

    return asyncio.run(run())


@asynccontextmanager
async def opened(environ: Mapping[str, str], clock: Clock | None = None) -> AsyncIterator[Store]:
    """The store of a database, migrated."""
    store = await open_migrated_store(Settings.load(environ), Metrics(), clock or SystemClock())
    try:
        yield store
    finally:
        await store.close()

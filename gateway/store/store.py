"""The open store: database, keys and clock together, and the transactions that everything runs in."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock
from gateway.errors import Overloaded, StartupError
from gateway.store import organizations, rewrap
from gateway.store.cipher import Cipher, MasterKeys
from gateway.store.engine import Database
from gateway.store.tables import (
    api_keys,
    connector_requests,
    connectors,
    contacts,
    deliveries,
    events,
    install,
    webhooks,
)
from gateway.store.transaction import Positions, Transaction

_ADVISORY_LOCK = 7_160_554_323


PEOPLE_READING: Final = 5
SEARCHES_WAITING: Final = 5


class Store:
    """What the nouns of this package work on."""

    def __init__(
        self,
        database: Database,
        keys: MasterKeys,
        clock: Clock,
        positions: Positions,
        install_id: str,
        platform_cipher: Cipher,
    ) -> None:
        self.database = database
        self.keys = keys
        self.clock = clock
        self.positions = positions
        self.install_id = install_id
        self.platform_cipher = platform_cipher
        self._people = asyncio.Semaphore(PEOPLE_READING)
        self._searching = asyncio.Semaphore(1)
        self._want_to_search = 0
        self._listeners: list[Callable[[set[str | None]], None]] = []

    def on_change(self, listener: Callable[[set[str | None]], None]) -> None:
        """Calls `listener` with the organizations (None: the platform) whose configuration a commit of this
        process has changed."""
        self._listeners.append(listener)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Commits at the end and then runs what waits for the commit; an exception rolls back."""
        tx: Transaction | None = None
        try:
            async with self.database.write() as conn:
                tx = Transaction(conn, self.positions)
                yield tx
                await tx.announce()
        except BaseException:
            if tx is not None:
                tx.rolled_back()
            raise
        tx.committed()
        if tx.changed:
            for listener in self._listeners:
                listener(tx.changed)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection for what people ask to see. Only so many at once: whoever asks for much must not keep
        the gateway itself from its look-ups."""
        async with self._people, self.database.read() as conn:
            yield conn

    @asynccontextmanager
    async def searching(self) -> AsyncIterator[AsyncConnection]:
        """A connection for reading that takes long: one at a time, so that lists find theirs free. Raises
        Overloaded when too many wait for it already."""
        if self._want_to_search > SEARCHES_WAITING:
            raise Overloaded("others are searching already", retry_after=5)
        self._want_to_search += 1
        try:
            async with self._searching, self.reading() as conn:
                yield conn
        finally:
            self._want_to_search -= 1

    @asynccontextmanager
    async def looking_up(self) -> AsyncIterator[AsyncConnection]:
        """A connection for what the gateway itself must know: keys, organizations, what is due."""
        async with self.database.read() as conn:
            yield conn

    async def close(self) -> None:
        await self.database.close()


async def open_store(database: Database, keys: MasterKeys, clock: Clock) -> Store:
    """Opens a migrated database. Raises StartupError when the master key is not this database's."""
    async with database.write() as conn:
        if not database.is_sqlite:
            # Nodes that start together must come to the same base of positions.
            await conn.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
        row = (await conn.execute(select(install))).one_or_none()
        if row is None:
            # ON CONFLICT: two nodes may start on a new database together.
            await conn.execute(
                text(
                    "INSERT INTO install"
                    " (singleton, id, created_at, key_check, position_base, config_version)"
                    " VALUES (1, :id, :now, :check, 0, 0) ON CONFLICT DO NOTHING"
                ),
                {
                    "id": "in_" + os.urandom(8).hex(),
                    "now": clock.now(),
                    "check": keys.check_value(),
                },
            )
            row = (await conn.execute(select(install))).one()
        await _check_keys(conn, keys, row.key_check)
        base = row.position_base if database.is_sqlite else await _postgresql_base(conn, row.position_base)
        cipher = await organizations.ensure_platform(conn, keys, clock.now())
    return Store(database, keys, clock, Positions(database, base), row.id, cipher)


_STILL_NEEDED: Final = (
    "{} data keys are still wrapped by a master key that is not given: put it back, after the new one"
    " (HUM_GATEWAY_MASTER_KEY=new,old), and leave it there until the log says that all are rewrapped"
)


async def _check_keys(conn: AsyncConnection, keys: MasterKeys, check: bytes) -> None:
    """Raises StartupError for a wrong master key, and when an older one was taken away too early."""
    wrapped = await rewrap.wrapped_by(conn)
    missing = sum(count for key, count in wrapped.items() if key not in keys.ids)
    if missing and (keys.accepts(check) or missing < sum(wrapped.values())):
        raise StartupError(_STILL_NEEDED.format(missing))
    if keys.accepts(check):
        return
    if missing or not wrapped:
        raise StartupError(
            "the master key is not the one this database was written with (HUM_GATEWAY_MASTER_KEY)"
        )
    # All are wrapped by keys that are given; only the last step of the change was missing.
    await conn.execute(update(install).values(key_check=keys.check_value()))


async def _postgresql_base(conn: AsyncConnection, base: int) -> int:
    """A database restored into a new cluster starts its transaction numbers anew: lift them above what is
    stored, so that positions keep growing."""
    highest = 0
    for table in (events, deliveries, webhooks, connectors, connector_requests, contacts, api_keys):
        highest = max(highest, (await conn.execute(select(func.max(table.c.position)))).scalar() or 0)
    current = (await conn.execute(text("SELECT pg_current_xact_id()::text::bigint"))).scalar_one()
    needed = (highest >> 24) + 1 - current
    if needed > base:
        await conn.execute(update(install).values(position_base=needed))
        return int(needed)
    return base

"""Payloads of deliveries that were claimed, not handed over: read together, opened one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from gateway.domain.event import Event
from gateway.domain.owed import Owed
from gateway.store import events
from gateway.store.directory import Directory
from gateway.store.store import Store


class Payloads:
    """Reads events; all that are asked for in one turn of the loop come with one statement."""

    def __init__(self, store: Store, directory: Directory) -> None:
        self._store = store
        self._directory = directory
        self._asked: dict[str, asyncio.Future[Event | None]] = {}
        self._reading: set[asyncio.Task[None]] = set()

    async def get(self, event_id: str) -> Event | None:
        """The event; None when its payload is gone (retention, erasure of a person or an organization)."""
        future = self._asked.get(event_id)
        if future is None:
            if not self._asked:
                task = asyncio.create_task(self._read(), name="read payloads")
                self._reading.add(task)
                task.add_done_callback(self._reading.discard)
            future = asyncio.get_running_loop().create_future()
            self._asked[event_id] = future
        return await asyncio.shield(future)

    async def read_for(self, owed: Sequence[Owed]) -> None:
        """Reads the events of all these at once. One that cannot be read now is read for its attempt."""
        found = await asyncio.gather(*(self.get(one.event_id) for one in owed), return_exceptions=True)
        for one, event in zip(owed, found, strict=True):
            one.event = event if isinstance(event, Event) else None

    async def _read(self) -> None:
        await asyncio.sleep(0)
        asked, self._asked = self._asked, {}
        try:
            async with self._store.looking_up() as conn:
                rows = await events.payloads(conn, asked)
        except Exception as error:  # noqa: BLE001 - everybody who asked must hear of it
            for future in asked.values():
                if not future.done():
                    future.set_exception(error)
            return
        found = {row.id: row for row in rows}
        for event_id, future in asked.items():
            if future.done():
                continue
            try:
                future.set_result(await self._open(found[event_id]) if event_id in found else None)
            except Exception as error:  # noqa: BLE001 - the trouble of this one alone
                future.set_exception(error)

    async def _open(self, row: Any) -> Event | None:
        sealed = row.payload
        view = await self._directory.organization(row.org_id)
        if sealed is None or view is None or view.organization.erased_at is not None:
            return None
        data = view.organization.cipher.open(row.id, "payload", sealed)
        return Event(row.id, row.org_id, row.type, row.timestamp, data, row.traceparent)

"""What callers were resolved to, for whoever asks again by the id: known on its node at once, written behind,
and read from the database by all others.

Answers that are complete gather for a moment before they are written: nobody waits for that. While sources
are still being asked, whoever wants to waits here for what they say.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import msgspec

from gateway.clock import Clock
from gateway.domain.ids import first_id
from gateway.domain.resolution import Resolution
from gateway.enrich.polling import NoRoom, Polling
from gateway.enrich.told import KIND, Told
from gateway.errors import Overloaded
from gateway.store import resolutions as rows
from gateway.store.directory import OrgView
from gateway.store.group_commit import GroupCommit
from gateway.store.store import Store

log = logging.getLogger("gateway.callers")

GATHER_SECONDS: Final = 0.5
MOST_GATHERED: Final = 500
MOST_WAITING: Final = 20_000

POLL_SECONDS: Final = 0.2
"""How often another node's answer is looked for."""

UNWRITTEN_MS: Final = 2_000
"""For how long an answer may not be in the database yet."""

CLOCKS_DIFFER_MS: Final = 500
"""By how much another node's clock may be ahead; what is of later still is made up."""

_decode: Final = msgspec.msgpack.Decoder(Resolution).decode


@dataclass(slots=True, eq=False)
class _Open:
    """The newest form of one that is not written yet, or not complete; `changed` is for those who wait."""

    told: Told
    changed: asyncio.Event | None


class Resolutions:
    """Those of this node in memory, all in the database."""

    def __init__(self, store: Store, commits: GroupCommit, clock: Clock) -> None:
        self._store = store
        self._commits = commits
        self._clock = clock
        self._open: dict[str, _Open] = {}
        self._gathered: list[Told] = []
        self._timer: asyncio.TimerHandle | None = None
        self._polling: Polling[Resolution | None] = Polling(clock)
        self.waiting = 0

    def put(self, told: Told) -> None:
        """Keeps an answer that was given, or a later form of it."""
        resolution = told.resolution
        before = self._open.get(resolution.id)
        self._open[resolution.id] = _Open(told, asyncio.Event() if resolution.pending else None)
        if before is not None and before.changed is not None:
            before.changed.set()
        if resolution.pending or resolution.revision:
            self._write([told])
            return
        self._gathered.append(told)
        if len(self._gathered) >= MOST_GATHERED:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_SECONDS, self.flush)

    def flush(self) -> None:
        """Has written what has gathered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._gathered:
            some, self._gathered = self._gathered, []
            self._write(some)

    async def find(self, org: OrgView, resolution_id: str, *, wait: float, after: int) -> Resolution | None:
        """The resolution; None when there is none. Waits up to `wait` seconds for one that says more than
        revision `after`, unless all sources have answered; and a moment, whatever `wait` is, for one that
        another node may not have written yet. Where too many are waited for, it does not."""
        ends, seen = self._clock.monotonic() + wait, False
        found: Resolution | None = None
        while True:
            held = self._held(org, resolution_id)
            if held is not None:
                found = held.told.resolution
            elif not seen:
                found, seen = await self._read(org, resolution_id), True
            left = ends - self._clock.monotonic()
            if (found is not None and left <= 0) or not self._may_say_more(resolution_id, found, after):
                return found
            if held is not None and held.changed is not None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await held.changed.wait()
                continue
            try:
                patience = POLL_SECONDS / 2 if found is None else min(POLL_SECONDS, left)
                found = await self._next(org, resolution_id, patience)
            except NoRoom:
                return found

    async def stop(self) -> None:
        """Breaks off what is under way."""
        await self._polling.stop()

    def _write(self, some: Sequence[Told]) -> None:
        if self.waiting + len(some) > MOST_WAITING:
            log.warning("%d answers are not written down: the database does not keep up", len(some))
            self._let_go(some)
            return
        try:
            written = self._commits.submit(KIND, some, len(some))
        except Overloaded:  # the gateway is stopping
            self._let_go(some)
            return
        self.waiting += len(some)
        written.add_done_callback(partial(self._written, some))

    def _written(self, some: Sequence[Told], done: asyncio.Future[Any]) -> None:
        self.waiting -= len(some)
        self._let_go(some)
        if (problem := done.exception()) is not None:
            log.warning("%d answers are not written down: %s", len(some), type(problem).__name__)

    def _let_go(self, some: Sequence[Told]) -> None:
        """The database has them, or never will; one that is not complete is held until it is."""
        for told in some:
            held = self._open.get(told.resolution.id)
            if held is not None and held.told is told and not told.resolution.pending:
                del self._open[told.resolution.id]

    def _held(self, org: OrgView, resolution_id: str) -> _Open | None:
        """What this node has in memory of this organization; not what may be of a person erased since."""
        held = self._open.get(resolution_id)
        if held is None or held.told.org.id != org.id or org.organization.outdated(held.told.asked_at):
            return None
        return held

    async def _read(self, org: OrgView, resolution_id: str) -> Resolution | None:
        now = self._clock.now()
        async with self._store.reading(org.id) as conn:
            found = await rows.find(conn, org.organization.cipher, org.id, resolution_id, now)
        if found is None:
            return None
        resolution = _decode(found.answer)
        if found.open_until is not None and found.open_until < now:
            # Whoever asked has gone away over it: nothing more will come.
            return replace(resolution, pending=())
        return resolution

    async def _next(self, org: OrgView, resolution_id: str, seconds: float) -> Resolution | None:
        return await self._polling.next(
            org.id, resolution_id, seconds, lambda: self._read(org, resolution_id)
        )

    def _may_say_more(self, resolution_id: str, found: Resolution | None, after: int) -> bool:
        """Whether a later form than this may come; of one that is not there, whether it is so young that
        another node may not have written it yet."""
        if found is not None:
            return bool(found.pending) and found.revision <= after
        now = self._clock.now()
        return first_id("res", now - UNWRITTEN_MS) <= resolution_id < first_id("res", now + CLOCKS_DIFFER_MS)

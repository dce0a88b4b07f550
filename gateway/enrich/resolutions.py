"""What callers were resolved to, for whoever asks again by the id: known on its node at once, written behind,
and read from the database by all others.

While sources are still being asked, whoever wants to waits here for what they say.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from gateway.clock import Clock
from gateway.domain.ids import first_id
from gateway.domain.resolution import Resolution
from gateway.enrich.keeping import Keeping, Note, Told
from gateway.store import resolutions as rows
from gateway.store.directory import OrgView
from gateway.store.store import Store

POLL_SECONDS: Final = 0.2
"""How often another node's answer is looked for."""

UNWRITTEN_MS: Final = 2_000
"""For how long an answer may not be in the database yet."""

_decode: Final = msgspec.msgpack.Decoder(Resolution).decode


@dataclass(slots=True, eq=False)
class _Open:
    """The newest form of one that is not written yet, or not complete."""

    told: Told
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Resolutions:
    """Those of this node in memory, all in the database."""

    def __init__(self, store: Store, keeping: Keeping, clock: Clock) -> None:
        self._store = store
        self._keeping = keeping
        self._clock = clock
        self._open: dict[str, _Open] = {}

    def put(self, told: Told) -> None:
        """Keeps an answer that was given, or a later form of it."""
        resolution = told.resolution
        before = self._open.get(resolution.id)
        self._open[resolution.id] = _Open(told)
        if before is not None:
            before.changed.set()
        written = self._keeping.note(Note(told.org.id, told.asked_at, told.person or b"", told=told))
        if resolution.pending:
            return
        if written is None:  # it never will be
            self._open.pop(resolution.id, None)
        else:
            written.add_done_callback(lambda _: self._open.pop(resolution.id, None))

    async def find(self, org: OrgView, resolution_id: str, *, wait: float, after: int) -> Resolution | None:
        """The resolution; None when there is none. Waits up to `wait` seconds for one that says more than
        revision `after`, unless all sources have answered."""
        ends = self._clock.monotonic() + wait
        while True:
            held = self._held(org, resolution_id)
            found = held.told.resolution if held is not None else await self._read(org, resolution_id)
            left = ends - self._clock.monotonic()
            if found is None:
                if not self._may_come(resolution_id):
                    return None
                await self._clock.sleep(POLL_SECONDS / 2)
            elif not found.pending or found.revision > after or left <= 0:
                return found
            elif held is not None:
                await _changed(held, left)
            else:
                await self._clock.sleep(min(POLL_SECONDS, left))

    def _held(self, org: OrgView, resolution_id: str) -> _Open | None:
        """What this node has in memory of this organization; not what may be of a person erased since."""
        held = self._open.get(resolution_id)
        if held is None or held.told.org.id != org.id or org.organization.outdated(held.told.asked_at):
            return None
        return held

    async def _read(self, org: OrgView, resolution_id: str) -> Resolution | None:
        now = self._clock.now()
        async with self._store.looking_up() as conn:
            found = await rows.find(conn, org.organization.cipher, org.id, resolution_id, now)
        if found is None:
            return None
        resolution = _decode(found.answer)
        if found.open_until is not None and found.open_until < now:
            # Whoever asked has gone away over it: nothing more will come.
            return replace(resolution, pending=())
        return resolution

    def _may_come(self, resolution_id: str) -> bool:
        """Whether it is so young that another node may not have written it yet."""
        now = self._clock.now()
        return first_id("res", now - UNWRITTEN_MS) <= resolution_id < first_id("res", now + UNWRITTEN_MS)


async def _changed(held: _Open, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await held.changed.wait()
    except TimeoutError:
        pass

"""`q`: which deliveries' payloads hold a text. Payloads are sealed: each has to be opened to be looked into.

That is work in the middle of everybody else's: so much and no more, and never for long without letting the
others have their turn.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock, Slices
from gateway.store import events
from gateway.store.cipher import Cipher, SealBroken
from gateway.store.directory import Directory
from gateway.store.scan import Effort

MOST: Final = 5_000
SECONDS: Final = 2.0
# Rows of the list at a time; how far it goes when other filters leave few payloads to open.
EFFORT: Final = Effort(stride=200, most=20_000, seconds=SECONDS)
LONGEST: Final = 200  # characters of what is looked for
_AT_ONCE: Final = 25  # payloads in memory


class Needle:
    """A text that is looked for in JSON, whatever its case, also where the JSON has it in escapes."""

    def __init__(self, text: str) -> None:
        # As a part of the JSON itself, and as what a string in it says.
        forms = {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
        self._plain = [form.lower().encode() for form in forms if form.isascii()]
        self._folded = [form.casefold() for form in forms if not form.isascii()]

    def inside(self, data: bytes) -> bool:
        lowered = data.lower()
        if any(form in lowered for form in self._plain):
            return True
        if not self._folded:
            return False
        folded = data.decode().casefold()
        return any(form in folded for form in self._folded)


class Search:
    """Keeps the deliveries whose event's data holds the text (`store.scan.Keep`)."""

    def __init__(self, text: str, directory: Directory, clock: Clock) -> None:
        self._needle = Needle(text)
        self._directory = directory
        self._clock = clock
        self._begun = clock.monotonic()
        self._slices = Slices(clock)
        self._known: dict[str, bool] = {}
        self.opened = 0

    @property
    def spent(self) -> bool:
        return self.opened >= MOST or self._clock.monotonic() - self._begun > SECONDS

    async def __call__(self, conn: AsyncConnection, rows: Sequence[Row[Any]]) -> Sequence[Row[Any]]:
        unknown = list(dict.fromkeys(row.event_id for row in rows if row.event_id not in self._known))
        for first in range(0, len(unknown), _AT_ONCE):
            for event in await events.payloads(conn, unknown[first : first + _AT_ONCE]):
                self._known[event.id] = await self._holds(event)
        return [row for row in rows if self._known.get(row.event_id)]

    async def _holds(self, event: Any) -> bool:
        if event.payload is None:  # past its retention, or erased
            return False
        cipher = await self._cipher(event.org_id)
        if cipher is None:
            return False
        await self._slices.rest()
        self.opened += 1
        try:
            return self._needle.inside(cipher.open(event.id, "payload", event.payload))
        except SealBroken:
            return False

    async def _cipher(self, org_id: str) -> Cipher | None:
        org = self._directory.known(org_id) or await self._directory.organization(org_id)
        if org is None or org.organization.erased_at is not None:
            return None
        return org.organization.cipher


def is_text_to_look_for(text: str) -> bool:
    return 0 < len(text) <= LONGEST

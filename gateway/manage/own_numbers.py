"""An organization's own numbers are never erased as a person's: those that it lists in its settings, and
those that events show to be its own side of a call or a message.
"""

from __future__ import annotations

from typing import Final

from gateway.domain.own_number import shows_own
from gateway.errors import Conflict
from gateway.store import people
from gateway.store.organizations import Organization
from gateway.store.store import Store

NEWEST: Final = 200
MOST_BYTES: Final = 8 * 1024 * 1024


async def refuse_own(store: Store, org: Organization, phone: str, *, force: bool) -> None:
    """Raises Conflict `own_number` for one of them. `force` is for a number that events take for the
    organization's own although it is not; one that is listed must be taken off the list first."""
    if org.settings.is_own(phone):
        raise Conflict(
            "this is one of the organization's own numbers: it is listed in own_numbers", code="own_number"
        )
    if not force and await _seen_as_own(store, org, phone):
        raise Conflict(
            "events show this to be one of the organization's own numbers; force erases it all the same",
            code="own_number",
        )


async def _seen_as_own(store: Store, org: Organization, phone: str) -> bool:
    """Whether one of the newest events shows it; an office's number shows in nearly all of them."""
    async with store.reading(org.id) as conn:
        rows = await people.newest_events(conn, org.id, org.cipher.person(phone), NEWEST)
    left = MOST_BYTES
    for row in rows:
        data = org.cipher.open(row.id, "payload", row.payload)
        left -= len(data)
        if shows_own(row.type, data, phone):
            return True
        if left < 0:
            break
    return False

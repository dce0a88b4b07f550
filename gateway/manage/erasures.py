"""Erasing a person: whatever names the number goes, in small transactions, and is answered when it is gone.

The index of people is the list of what is left to do, and an entry goes with what it points at. So a request
that was broken off, by a crash too, is simply made again and goes on where it was.

What connectors were asked and have answered about the person goes first, in one transaction: an answer that
comes later to a question from before is not kept (`organizations.people_erased_at`).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from gateway.clock import Clock
from gateway.domain.ids import new_id
from gateway.errors import Overloaded
from gateway.store import (
    connector_contacts,
    connector_creates,
    connector_requests,
    erased_people,
    number_lookups,
    organizations,
    people,
    resolutions,
)
from gateway.store.organizations import Organization
from gateway.store.people import Forgotten
from gateway.store.store import Store
from gateway.store.transaction import Announce

T = TypeVar("T")

BATCH: Final = 50
TRIES: Final = 5
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}\Z")


def _e164(text: str) -> str:
    if not _E164.match(text):
        raise ValueError("must be a number in E.164, such as +13175550142")
    return text


class ErasureCreate(BaseModel):
    """`POST /api/erasures`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    phone: Annotated[str, AfterValidator(_e164)]
    reason: Annotated[str, StringConstraints(max_length=500)] = ""
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Erasure:
    """What it came to; `id` None for a dry run."""

    id: str | None
    matched: int
    events: int = 0
    cancelled: int = 0


def person_of(org: Organization, request: ErasureCreate) -> str:
    """The keyed hash under which the audit log remembers whom it was about: useless without the
    organization's key."""
    return org.cipher.person(request.phone).hex()


async def preview(store: Store, org: Organization, request: ErasureCreate) -> Erasure:
    """What would be erased."""
    async with store.reading() as conn:
        return Erasure(None, await people.count(conn, org.id, org.cipher.person(request.phone)))


async def erase(
    store: Store, clock: Clock, announce: Announce, org: Organization, request: ErasureCreate, actor: str
) -> Erasure:
    """Erases the person. Nodes that hold deliveries in memory read them anew from the first commit on."""
    matched = (await preview(store, org, request)).matched
    await _again(lambda: _at_connectors(store, clock, org, request))
    total = Forgotten()
    while True:
        found = await _some(store, clock, org, request)
        if found is None:
            break
        total.events += found.events
        total.cancelled += found.cancelled
        await asyncio.sleep(0)
    now = clock.now()
    job_id, matched = new_id("job", now), max(matched, total.events)
    async with store.transaction() as tx:
        params = {"person": person_of(org, request), "reason": request.reason}
        await people.keep_record(tx, org, job_id, params, matched=matched, found=total, actor=actor, now=now)
        await announce(tx, org.id, "contact.erased", {"id": job_id, "person": params["person"]})
    return Erasure(job_id, matched, total.events, total.cancelled)


async def _some(store: Store, clock: Clock, org: Organization, request: ErasureCreate) -> Forgotten | None:
    """The next events; None when there are none left. On PostgreSQL it may meet the recording of outcomes
    and be told to try again."""
    return await _again(lambda: _once(store, clock, org, request))


async def _again(work: Callable[[], Awaitable[T]]) -> T:
    for left in reversed(range(TRIES)):
        try:
            return await work()
        except Overloaded:
            if not left:
                raise
            await asyncio.sleep(0.1)
    raise AssertionError("unreachable")


async def _once(store: Store, clock: Clock, org: Organization, request: ErasureCreate) -> Forgotten | None:
    person, now = org.cipher.person(request.phone), clock.now()
    async with store.transaction() as tx:
        await organizations.lock_living(tx.conn, org.id)
        ids = await people.some_events(tx.conn, org.id, person, BATCH)
        if not ids:
            return None
        found = await people.forget(tx.conn, org.id, person, request.phone, ids, now)
        await organizations.people_erased(tx, org.id, now)
    return found


async def _at_connectors(store: Store, clock: Clock, org: Organization, request: ErasureCreate) -> None:
    person = org.cipher.person(request.phone)
    async with store.transaction() as tx:
        await organizations.lock_living(tx.conn, org.id)
        await connector_requests.forget_person(tx.conn, org.id, person)
        await connector_contacts.forget_person(tx.conn, org.id, person)
        await connector_creates.forget_person(tx.conn, org.id, person)
        await number_lookups.forget_person(tx.conn, org.id, person)
        await resolutions.forget_person(tx.conn, org.id, [person])
        now = clock.now()
        await erased_people.remember(tx.conn, org.id, [person], now)
        await organizations.people_erased(tx, org.id, now)

"""Erasing a person: whatever names the number goes, in small transactions, and is answered when it is gone.

The index of people is the list of what is left to do, and an entry goes with what it points at. So a request
that was broken off, by a crash too, is simply made again and goes on where it was.

Whom the address book has under several numbers is erased under all of them. What connectors were asked and
have answered about the person goes first, in one transaction that also remembers who it was: an answer that
comes later to a question from before is not kept (`store.erased_people`). The contact goes last: it knows the
other numbers.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from gateway.clock import Clock
from gateway.domain.ids import new_id
from gateway.errors import Overloaded
from gateway.manage.own_numbers import refuse_own
from gateway.store import contacts, erased_people, idempotency, kept_of_people, organizations, people
from gateway.store.organizations import Organization
from gateway.store.people import Forgotten
from gateway.store.store import Store
from gateway.store.transaction import Announce

T = TypeVar("T")

BATCH: Final = 50
TRIES: Final = 5
MOST_COUNTED: Final = 10_000  # events of whose calls a count reads the payloads
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
    force: bool = False


@dataclass(frozen=True, slots=True)
class Erasure:
    """What it came to; `id` None for a dry run. `numbers`: under how many numbers; `found`: what there was of
    the person, by kind."""

    id: str | None
    numbers: int
    found: Mapping[str, int]
    events: int = 0
    cancelled: int = 0


@dataclass(frozen=True, slots=True)
class _Person:
    """One of the numbers of whoever is erased."""

    phone: str
    hash: bytes


def person_of(org: Organization, request: ErasureCreate) -> str:
    """The keyed hash under which the audit log remembers whom it was about: useless without the
    organization's key."""
    return org.cipher.person(request.phone).hex()


async def preview(store: Store, org: Organization, request: ErasureCreate) -> Erasure:
    """What would be erased. Raises Conflict for a number of the organization's own."""
    await refuse_own(store, org, request.phone, force=request.force)
    numbers = await _numbers(store, org, request)
    return Erasure(None, len(numbers), await _count(store, org, numbers))


async def erase(
    store: Store, clock: Clock, announce: Announce, org: Organization, request: ErasureCreate, actor: str
) -> Erasure:
    """Erases the person. Nodes that hold deliveries in memory read them anew from the first commit on. Raises
    Conflict for a number of the organization's own."""
    await refuse_own(store, org, request.phone, force=request.force)
    numbers = await _numbers(store, org, request)
    counted = await _count(store, org, numbers)
    gone = await _again(lambda: _what_is_kept(store, clock, org, numbers))
    total = Forgotten()
    for person in numbers:
        await _events(store, clock, org, person, total)
    gone |= {"events": total.events, "deliveries": total.cancelled}
    found = {name: max(number, gone[name]) for name, number in counted.items()}
    job_id, now = new_id("job", clock.now()), clock.now()
    async with store.transaction() as tx:
        await organizations.lock_living(tx.conn, org.id)
        contact = await contacts.find(tx.conn, org.cipher, org.id, request.phone)
        if contact is not None:
            await contacts.remove(tx.conn, org.cipher, contact)
        # Until here one could be told of, and the answer kept for the request to be repeated.
        await idempotency.forget_people(tx.conn, org.id)
        await organizations.people_erased(tx, org.id, now)
        params = {"person": person_of(org, request), "reason": request.reason}
        matched = found["events"]
        await people.keep_record(tx, org, job_id, params, matched=matched, found=total, actor=actor, now=now)
        for person in numbers:
            await announce(tx, org.id, "contact.erased", {"id": job_id, "person": person.hash.hex()})
    return Erasure(job_id, len(numbers), found, total.events, total.cancelled)


async def _numbers(store: Store, org: Organization, request: ErasureCreate) -> Sequence[_Person]:
    """All numbers of whoever has this one; the one that was asked for is the first."""
    async with store.reading(org.id) as conn:
        contact = await contacts.find(conn, org.cipher, org.id, request.phone)
    phones = () if contact is None else contact.phones
    return [_Person(phone, org.cipher.person(phone)) for phone in dict.fromkeys((request.phone, *phones))]


async def _count(store: Store, org: Organization, numbers: Sequence[_Person]) -> Counter[str]:
    """How much there is, by kind."""
    async with store.reading(org.id) as conn:
        hashes = [person.hash for person in numbers]
        found = await kept_of_people.count(conn, org.id, hashes)
        reached = await people.reached(conn, org.cipher, org.id, hashes, MOST_COUNTED)
        found["events"], found["deliveries"] = reached.events, reached.deliveries
        contact = await contacts.id_of(conn, org.id, numbers[0].phone)
    found["contacts"] = int(contact is not None)
    return found


async def _what_is_kept(
    store: Store, clock: Clock, org: Organization, numbers: Sequence[_Person]
) -> Counter[str]:
    """Takes away what is kept of the person apart from events and the address book, and remembers who it
    was."""
    hashes = [person.hash for person in numbers]
    async with store.transaction() as tx:
        await organizations.lock_living(tx.conn, org.id)
        gone = await kept_of_people.forget(tx.conn, org.id, hashes)
        now = clock.now()
        await erased_people.remember(tx.conn, org.id, hashes, now)
        await idempotency.forget_people(tx.conn, org.id)
        await organizations.people_erased(tx, org.id, now)
    return gone


async def _events(store: Store, clock: Clock, org: Organization, person: _Person, total: Forgotten) -> None:
    """Takes the person out of events until there are none left. On PostgreSQL it may meet the recording of
    outcomes and be told to try again."""
    while (found := await _again(lambda: _once(store, clock, org, person))) is not None:
        total.events += found.events
        total.cancelled += found.cancelled
        await asyncio.sleep(0)


async def _again(work: Callable[[], Awaitable[T]]) -> T:
    for left in reversed(range(TRIES)):
        try:
            return await work()
        except Overloaded:
            if not left:
                raise
            await asyncio.sleep(0.1)
    raise AssertionError("unreachable")


async def _once(store: Store, clock: Clock, org: Organization, person: _Person) -> Forgotten | None:
    """The next events; None when there are none left."""
    now = clock.now()
    async with store.transaction() as tx:
        await organizations.lock_living(tx.conn, org.id)
        ids = await people.some_events(tx.conn, org.id, person.hash, BATCH)
        if not ids:
            return None
        ids = await people.of_their_calls(tx.conn, org.cipher, org.id, ids)
        found = await people.forget(tx.conn, org.id, person.hash, person.phone, ids, now)
        await organizations.people_erased(tx, org.id, now)
    return found

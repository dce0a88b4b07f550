"""Filling the address book: what is missing in it is asked for, number by number, by a job.

What it costs is estimated first and confirmed by whoever orders it; the job never goes beyond that. It goes
slowly, so that calls find the provider and the connectors free. A number that a job has asked for it does not
ask for again, whatever came of it and whoever takes the job over.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Protocol

import msgspec
from sqlalchemy.engine import Row

from gateway.clock import Clock
from gateway.domain import lookup_account
from gateway.domain.backfill import KIND, Backfill, BackfillSource, Estimate, Filled, Order, amount_text
from gateway.domain.errand import Errand
from gateway.domain.ids import new_id
from gateway.domain.number_lookup import Lifetimes, Prices, missing
from gateway.errors import Conflict, InvalidRequest, Overloaded
from gateway.manage.jobs import Part, Work
from gateway.store import backfills, jobs, number_lookups, organizations
from gateway.store.directory import Directory, OrgView
from gateway.store.number_lookups import NOTHING
from gateway.store.store import Store
from gateway.store.transaction import Transaction

READ_AT_ONCE: Final = 200
PART: Final = 10
PER_SECOND: Final = 10.0
HIGHEST: Final = 2**63 - 1
MICROS: Final = 1_000_000

Fill = Callable[[OrgView, str, Errand], Any]


class Filling(Protocol):
    """Who asks: handed in by `app`."""

    async def at_provider(self, org: OrgView, phone: str, errand: Errand) -> Filled: ...

    async def at_connectors(self, org: OrgView, phone: str, errand: Errand) -> Filled: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """A contact's place, as it was read at `read_at` (ms), and what is to be asked for of its numbers at
    which price."""

    position: int
    read_at: int
    prices: dict[str, Decimal]

    @property
    def cost(self) -> Decimal:
        return sum(self.prices.values(), Decimal(0))


@dataclass(frozen=True, slots=True)
class Wanting:
    """Which numbers of an organization are meant: decided here, for the job and its estimate alike."""

    store: Store
    org: OrgView
    source: BackfillSource
    since: int | None
    prices: Prices
    lifetimes: Lifetimes
    below: int = HIGHEST

    async def slices(self, after: int) -> AsyncGenerator[list[Wanted], None]:
        while True:
            read_at = self.store.clock.now()
            async with self.store.looking_up() as conn:
                some = await backfills.contacts_after(conn, self.org.id, after, self.below, READ_AT_ONCE)
                own = self.org.organization.settings
                phones = [phone for one in some for phone in one.phones if not own.is_own(phone)]
                prices = await self._prices(conn, phones) if phones else {}
            if not some:
                return
            yield [Wanted(one.position, read_at, _only(prices, one.phones)) for one in some]
            after = some[-1].position

    async def estimate(self) -> Estimate:
        matched, amount = 0, Decimal(0)
        async for some in self.slices(-1):
            matched += sum(len(one.prices) for one in some)
            amount += sum((one.cost for one in some), Decimal(0))
        return Estimate(matched, amount)

    async def _prices(self, conn: Any, phones: Sequence[str]) -> dict[str, Decimal]:
        if self.source == "connectors":
            asked = [one.id for one in self.org.connectors.values() if one.enabled]
            told = await backfills.told_of(conn, self.org.id, phones, asked, self.since)
            return {phone: Decimal(0) for phone in phones if phone not in told}
        cipher, now = self.org.organization.cipher, self.store.clock.now()
        people = {phone: cipher.person(phone) for phone in phones}
        kept = await number_lookups.read_some(conn, cipher, self.org.id, list(people.values()))
        found = {}
        for phone, person in people.items():
            record = kept.get(person, NOTHING).record
            if packages := missing(record, phone, now, self.lifetimes, self.since):
                found[phone] = self.prices.of(packages)
        return found


class BackfillWork:
    """The work of one such job. It stands at a contact's position and what was spent until then (millionths
    of a dollar), which name nobody."""

    def __init__(self, wanting: Wanting, job: Row[Any], most: Decimal, parent: Backfills) -> None:
        self._wanting = wanting
        self._job = job
        self._most = most
        self._parent = parent

    async def count(self) -> int:
        return (await self._wanting.estimate()).matched

    async def parts(self, cursor: str | None) -> AsyncGenerator[Part, None]:
        after, micros = (-1, 0) if cursor is None else map(int, cursor.split())
        spent = Decimal(micros) / MICROS
        async for some in self._wanting.slices(after):
            for group in _groups(some):
                cost = sum((one.cost for one in group), Decimal(0))
                if spent + cost > self._most:
                    return  # what has become missing meanwhile was not confirmed
                spent += cost
                yield await self._fill(group, spent)

    async def write(self, tx: Transaction, part: Part) -> None:
        """What was told is written where it was asked for."""

    def written(self, part: Part) -> None:
        """Nothing waits for it."""

    async def _fill(self, group: Sequence[Wanted], spent: Decimal) -> Part:
        clock, begun = self._parent.clock, self._parent.clock.monotonic()
        fill, org = self._parent.fill(self._wanting.source), self._wanting.org
        errands = [
            (phone, Errand(one.read_at, self._job.id, self._wanting.since))
            for one in group
            for phone in one.prices
        ]
        filled: list[Filled] = await asyncio.gather(*(fill(org, *errand) for errand in errands))
        hopeless = next((one.error for one in filled if one.hopeless), None)
        if hopeless is not None:
            raise Conflict(f"nothing can be asked for: {hopeless}", code=f"backfill_{hopeless}")
        later = next((one.error for one in filled if one.later), None)
        if later is not None:
            raise Overloaded(f"the backfill waits: {later}")
        failed = sum(1 for one in filled if one.error is not None)
        await clock.sleep(max(len(filled) / self._parent.per_second - (clock.monotonic() - begun), 0))
        cursor = f"{group[-1].position} {int(spent * MICROS)}"
        return Part(cursor, (), len(filled) - failed, failed)


class Backfills:
    """Estimates, orders, and the kind of job that does it. `wake_jobs` is called when there is one."""

    def __init__(
        self,
        store: Store,
        directory: Directory,
        filling: Filling,
        prices: Prices,
        lifetimes: Lifetimes,
        clock: Clock,
    ) -> None:
        self.clock = clock
        self.per_second = PER_SECOND
        self.wake_jobs: Callable[[], None] = lambda: None
        self._store = store
        self._directory = directory
        self._filling = filling
        self._prices = prices
        self._lifetimes = lifetimes

    def fill(self, source: BackfillSource) -> Fill:
        return self._filling.at_provider if source == "twilio" else self._filling.at_connectors

    def refuse(self, org: OrgView, source: BackfillSource, *, platform: bool) -> None:
        """Raises Forbidden or Conflict when it would be charged to an account that is not to be charged."""
        if source == "twilio":
            budget = org.organization.settings.lookup_budget
            lookup_account.refuse_backfill(budget, own_account=_pays(org), platform=platform)

    async def estimate(self, org: OrgView, request: Backfill) -> Estimate:
        """What a job ordered now would be about. Reads in slices, outside of any transaction."""
        return await self._wanting(org, request.source, self._since(request)).estimate()

    async def order(
        self, tx: Transaction, org: OrgView, request: Backfill, now: Estimate, actor: str
    ) -> Row[Any]:
        """A job, when what it costs is what was confirmed. Raises InvalidRequest and Conflict."""
        shown = amount_text(now.amount)
        if request.confirm_cost is None and request.source == "twilio":
            raise InvalidRequest.field("confirm_cost", f"must be the amount that dry_run shows: {shown}")
        if request.confirm_cost is not None and Decimal(request.confirm_cost) != now.amount:
            raise Conflict(f"it costs {shown} by now, and something else was confirmed", code="cost_changed")
        await organizations.lock_living(tx.conn, org.id)
        other = await backfills.running(tx.conn, org.id)
        if other is not None:
            raise Conflict(f"the job {other} is at work on the address book", code="job_running")
        at = self.clock.now()
        job_id, order = new_id("job", at), Order(
            request.source, self._since(request), str(now.amount), _pays(org)
        )  # fmt: skip
        job = await jobs.add(
            tx, id=job_id, org_id=org.id, kind=KIND, object_id=None, matched=now.matched,
            params=org.organization.cipher.seal(job_id, "params", msgspec.json.encode(order)),
            actor=actor, created_at=at,
        )  # fmt: skip
        tx.on_commit(self.wake_jobs)
        return job

    async def open(self, job: Row[Any]) -> Work:
        org = await self._directory.living(job.org_id)
        sealed = org.organization.cipher.open(job.id, "params", job.params)
        order = msgspec.json.decode(sealed, type=Order)
        if order.own_account and not _pays(org):
            raise Conflict("what was to be paid by the organization would not be", code=lookup_account.CODE)
        self.refuse(org, order.source, platform=True)  # who ordered it was asked then
        wanting = self._wanting(org, order.source, order.since, job.position)
        return BackfillWork(wanting, job, Decimal(order.amount), self)

    async def undo(self, job: Row[Any]) -> None:
        """What was learned stays: it is paid for."""

    def _wanting(
        self, org: OrgView, source: BackfillSource, since: int | None, below: int = HIGHEST
    ) -> Wanting:
        return Wanting(self._store, org, source, since, self._prices, self._lifetimes, below)

    def _since(self, request: Backfill) -> int | None:
        return None if request.only_missing else self.clock.now()


def _pays(org: OrgView) -> bool:
    """Whether lookups are charged to an account of the organization's own."""
    return org.organization.lookup_credentials is not None


def _only(prices: dict[str, Decimal], phones: Sequence[str]) -> dict[str, Decimal]:
    return {phone: prices[phone] for phone in phones if phone in prices}


def _groups(some: Sequence[Wanted]) -> list[list[Wanted]]:
    """Contacts together, with about PART numbers; all of a contact's in one."""
    groups: list[list[Wanted]] = [[]]
    count = 0
    for one in some:
        if groups[-1] and count + len(one.prices) > PART:
            groups.append([])
            count = 0
        groups[-1].append(one)
        count += len(one.prices)
    return groups

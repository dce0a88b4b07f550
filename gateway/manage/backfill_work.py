"""The work of a job that fills the address book: which numbers are meant, and how they are asked for. It goes
slowly, so that calls find the provider and the connectors free.

At the beginning of each turn one number is asked for alone: when the provider does not take the account, that
is known before the others are asked for in vain. A job that is to end does not wait for questions that are
out; their answers are kept when they come. What is ordered, and what that may cost, is in `manage.backfills`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Protocol

from sqlalchemy.engine import Row

from gateway.domain.backfill import BackfillSource, Estimate, Filled
from gateway.domain.errand import Errand
from gateway.domain.number_lookup import Lifetimes, Prices, missing
from gateway.errors import Conflict, Overloaded, Problem
from gateway.manage.jobs import NotOurs, Part
from gateway.store import backfills, jobs, number_lookups
from gateway.store.directory import OrgView
from gateway.store.number_lookups import NOTHING
from gateway.store.store import Store
from gateway.store.transaction import Transaction

READ_AT_ONCE: Final = 200
PART: Final = 10
PER_SECOND: Final = 10.0
LOOK_SECONDS: Final = 0.5
"""How often a job looks, while questions are out, whether it is to end."""

HIGHEST: Final = 2**63 - 1
MICROS: Final = 1_000_000

Fill = Callable[[OrgView, str, Errand], Coroutine[Any, Any, Filled]]


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


class Asking:
    """How jobs ask: at what pace, and until when."""

    def __init__(self, store: Store, filling: Filling) -> None:
        self.per_second = PER_SECOND
        self.clock = store.clock
        self._store = store
        self._filling = filling
        self._paced: dict[str, float] = {}

    def fill(self, source: BackfillSource) -> Fill:
        return self._filling.at_provider if source == "twilio" else self._filling.at_connectors

    async def is_to_end(self, job_id: str) -> bool:
        """Whether somebody has asked for the end of the job; not so while the database cannot say."""
        try:
            async with self._store.looking_up() as conn:
                return await jobs.is_to_end(conn, job_id)
        except Problem:
            return False

    async def rest(self, wanting: Wanting, job_id: str, begun: float, count: int) -> None:
        """Until so many, asked for since `begun` (monotonic seconds), were not too many in a second for whom
        they were asked of: the connectors or the account of one organization, or the account of all. Raises
        NotOurs when the job is to end meanwhile."""
        now = self.clock.monotonic()
        alone = wanting.source == "connectors" or pays(wanting.org)
        name = f"{wanting.source} {wanting.org.id}" if alone else wanting.source
        ends = max(self._paced.get(name, begun), begun) + count / self.per_second
        self._paced = {other: until for other, until in self._paced.items() if until > now} | {name: ends}
        left = ends - now
        while left > 0:
            await self.clock.sleep(min(left, LOOK_SECONDS))
            left -= LOOK_SECONDS
            if left > 0 and await self.is_to_end(job_id):
                raise NotOurs


class BackfillWork:
    """The work of one such job. It stands at a contact's position and what was spent until then (millionths
    of a dollar), which name nobody."""

    def __init__(self, wanting: Wanting, job: Row[Any], most: Decimal, asking: Asking) -> None:
        self._wanting = wanting
        self._job = job
        self._most = most
        self._asking = asking
        self._answers = wanting.source != "twilio"  # whether the first of the turn has been answered

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
        begun = self._asking.clock.monotonic()
        errands = [
            (phone, Errand(one.read_at, self._job.id, self._wanting.since))
            for one in group
            for phone in one.prices
        ]
        filled: list[Filled] = []
        while len(filled) < len(errands):
            # One alone until one has told whether the others are worth asking for.
            some = errands[len(filled) :] if self._answers else [errands[len(filled)]]
            answers = await self._ask(some)
            _refuse_to_go_on(answers)
            self._answers = self._answers or not answers[0].unasked
            filled += answers
        failed = sum(1 for one in filled if one.error is not None)
        await self._asking.rest(self._wanting, self._job.id, begun, len(filled))
        cursor = f"{group[-1].position} {int(spent * MICROS)}"
        return Part(cursor, (), len(filled) - failed, failed)

    async def _ask(self, errands: Sequence[tuple[str, Errand]]) -> list[Filled]:
        """What comes of these, asked for at once. Raises NotOurs when the job is to end meanwhile: what is
        out goes on by itself, and nothing more is begun."""
        fill, org = self._asking.fill(self._wanting.source), self._wanting.org
        tasks = [asyncio.ensure_future(fill(org, *errand)) for errand in errands]
        try:
            while True:
                done, waiting = await asyncio.wait(
                    tasks, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_EXCEPTION
                )
                for task in done:
                    task.result()  # raises what it raised
                if not waiting:
                    return [task.result() for task in tasks]
                if await self._asking.is_to_end(self._job.id):
                    raise NotOurs
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _refuse_to_go_on(filled: Sequence[Filled]) -> None:
    """Raises Conflict when no other number will do better, Overloaded when they will later."""
    hopeless = next((one.error for one in filled if one.hopeless), None)
    if hopeless is not None:
        raise Conflict(f"nothing can be asked for: {hopeless}", code=f"backfill_{hopeless}")
    later = next((one.error for one in filled if one.later), None)
    if later is not None:
        raise Overloaded(f"the backfill waits: {later}")


def pays(org: OrgView) -> bool:
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

"""One number, asked for once: claimed in the database, put to the provider, and what it says kept.

Whoever wants the same number at the same time, on this node or another, gets the same answer. Nothing is
asked while the database is away: nobody could know whether it was asked already, and it would cost twice.
"""

from __future__ import annotations

import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final

from gateway.checkpoints import reached
from gateway.clock import Clock
from gateway.domain.contact import Knowledge
from gateway.domain.errand import Errand
from gateway.domain.ids import new_id
from gateway.domain.lookup_cache import lifetimes_of
from gateway.domain.number_lookup import (
    EMPTY,
    Credentials,
    Lifetimes,
    Package,
    Record,
    Report,
    added,
    daily_budget,
    failed,
    missing,
    values_of,
)
from gateway.domain.room import Room
from gateway.enrich.accounts import Accounts
from gateway.enrich.flights import Flights
from gateway.errors import Problem
from gateway.lookup.provider import Failed, Provider
from gateway.metrics import Metrics
from gateway.store import contact_facts, contacts, erased_people, organizations
from gateway.store import number_lookups as rows
from gateway.store.directory import OrgView
from gateway.store.number_lookups import BudgetSpentError, Claim, Standing
from gateway.store.store import Store
from gateway.store.transaction import Transaction

log = logging.getLogger("gateway.callers")

SOURCE: Final = "lookup"
LOOK_AGAIN_SECONDS: Final = 0.1
KEEP_TRIES: Final = 5
KEEP_AGAIN_SECONDS: Final = 0.5

UNAVAILABLE: Final = "unavailable"
LEFT_BEHIND: Final = "left_behind"
ERASED: Final = "erased"
GONE: Final = "gone"


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known by then, and why it is not more; `charged`: the failure may have cost something."""

    record: Record = EMPTY
    error: str | None = None
    charged: bool = False


@dataclass(frozen=True, slots=True)
class _Question:
    """A number that something is missing of."""

    org: OrgView
    phone: str
    person: bytes
    packages: tuple[Package, ...]
    standing: Standing
    errand: Errand

    def seen(self, error: str, *, charged: bool = False) -> Seen:
        return Seen(self.standing.record, error, charged)


class Lookups:
    """Asks for numbers. `credentials`: the installation's own account, if it has one; `usual`: for how long
    what was told is of use where an organization has not chosen."""

    def __init__(
        self,
        provider: Provider,
        credentials: Credentials | None,
        usual: Lifetimes,
        store: Store,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._usual = usual
        self.clock = clock
        self.provider = provider
        self.accounts = Accounts(metrics)
        self._credentials = credentials
        self._store = store
        self._metrics = metrics
        self._room = Room()
        self._flights: Flights[tuple[str, bytes], Seen] = Flights("look up")

    def credentials(self, org: OrgView) -> Credentials | None:
        """The account that the organization's lookups are charged to: its own before the installation's."""
        return org.organization.lookup_credentials or self._credentials

    def budget(self, org: OrgView) -> int:
        """How many lookups the organization may have in a day; 0 without an account to charge."""
        chosen = org.organization.settings.lookup_budget
        return daily_budget(chosen, has_account=self.credentials(org) is not None)

    def lifetimes(self, org: OrgView) -> Lifetimes:
        """For how long the organization uses what was told."""
        return lifetimes_of(org.organization.settings.lookup_cache_days, self._usual)

    def missing(
        self, org: OrgView, record: Record, phone: str, since: int | None = None
    ) -> tuple[Package, ...]:
        """What is to be asked of the number (`domain.number_lookup.missing`)."""
        return missing(record, phone, self.clock.now(), self.lifetimes(org), since)

    async def look(self, org: OrgView, phone: str, person: bytes, errand: Errand) -> Seen:
        """What is known of the number (E.164) when what was missing has been asked for."""
        mine = False

        def start() -> Coroutine[Any, Any, Seen]:
            nonlocal mine
            mine = True
            return self._look(org, phone, person, errand)

        while True:
            seen = await self._flights.join((org.id, person), start)
            if mine or seen.error != ERASED:  # said to another, who may have begun before the erasure
                return seen

    async def stop(self) -> None:
        """Breaks off what is under way."""
        await self._flights.stop()

    def __len__(self) -> int:
        return len(self._flights)

    async def _read(self, org: OrgView, person: bytes) -> Standing | None:
        try:
            async with self._store.looking_up() as conn:
                return await rows.read(conn, org.organization.cipher, org.id, person)
        except Problem as problem:
            log.warning("what is kept of numbers is not to be had: %s", problem.message)
            return None

    async def _look(self, org: OrgView, phone: str, person: bytes, errand: Errand) -> Seen:
        while True:
            standing = await self._read(org, person)
            if standing is None:
                return Seen(error=UNAVAILABLE)
            packages = self.missing(org, standing.record, phone, errand.since)
            if not packages:
                return Seen(standing.record)
            if self.clock.now() >= standing.claimed_until:
                seen = await self._put(_Question(org, phone, person, packages, standing, errand))
                if seen is not None:
                    return seen
            await self.clock.sleep(LOOK_AGAIN_SECONDS)  # somebody else asks

    async def _put(self, question: _Question) -> Seen | None:
        """Puts the question, unless it must not be put; None when another was first."""
        job_id = question.errand.job_id
        if job_id is not None and question.standing.claim == job_id:
            return question.seen(LEFT_BEHIND, charged=True)
        credentials = self.credentials(question.org)
        if credentials is None:
            return question.seen("no_credentials")
        with self._room.place(question.org.id) as there_is_one:
            return await self._ask(question, credentials) if there_is_one else question.seen("busy")

    async def _ask(self, question: _Question, credentials: Credentials) -> Seen | None:
        account = self.accounts.of(credentials)
        admitted = account.admit(self.clock.monotonic())
        if isinstance(admitted, str):
            return question.seen(admitted)
        answer: Report | Failed | None = None
        try:
            claim = await self._claim(question)
            if not isinstance(claim, Claim):
                return claim
            asked_at, begun = self.clock.now(), self.clock.monotonic()
            org, packages = question.org, question.packages
            answer = await self.provider.ask(credentials, org.id, question.phone, packages)
            self._measure(question, answer, self.clock.monotonic() - begun)
        finally:
            account.learn(admitted, answer, self.clock.monotonic())
        return await self._settle(question, claim, answer, asked_at)

    async def _claim(self, question: _Question) -> Claim | Seen | None:
        """The claim; why there is none; None when somebody else has it. An erasure that is under way is
        waited for; one that comes later finds the claim, and takes it away."""
        org, errand, now = question.org, question.errand, self.clock.now()
        claim = Claim(org.id, question.person, errand.job_id or new_id("lkp", now), question.standing)
        budget = self.budget(org) if errand.job_id is None else None
        try:
            async with self._store.transaction() as tx:
                refused = await self._refused(tx, question)
                if refused is not None:
                    return Seen(error=refused)
                claimed = await rows.claim(tx.conn, claim, now, budget)
        except BudgetSpentError:
            return question.seen("budget")
        except Problem as problem:
            log.warning("a number is not asked for: %s", problem.message)
            return question.seen(UNAVAILABLE)
        return claim if claimed else None

    async def _refused(self, tx: Transaction, question: _Question) -> str | None:
        """Why nobody may ask for the number any more. Locks the organization."""
        org, person, errand = question.org, question.person, question.errand
        living = await organizations.erasures(tx.conn, [org.id])
        if org.id not in living:
            return GONE
        asked = [(org.id, person, errand.begun_at)]
        until = await erased_people.among_asked(tx.conn, asked, living)
        if errand.begun_at <= until.get((org.id, person), -1):
            return ERASED
        # A job asks for what stands in the address book, and not for what was deleted from it.
        in_book = errand.job_id is None or await contacts.id_of(tx.conn, org.id, question.phone) is not None
        return None if in_book else GONE

    async def _settle(
        self, question: _Question, claim: Claim, answer: Report | Failed, asked_at: int
    ) -> Seen:
        """Writes down what came of it: until it is written nobody can ask anew. When the database stays away
        the answer counts for those who wait, and the claim ends by itself."""
        reached("lookup.before_keep")
        record = question.standing.record
        if isinstance(answer, Report):
            record = added(record, question.packages, answer, asked_at)
        for left in reversed(range(KEEP_TRIES)):
            try:
                async with self._store.transaction() as tx:
                    if isinstance(answer, Failed):
                        await self._fail(tx, question, claim, answer, asked_at)
                    else:
                        await self._keep(tx, question, claim, record, asked_at)
                break
            except Problem as problem:
                log.warning("an answer about a number is not written down: %s", problem.message)
                await self.clock.sleep(KEEP_AGAIN_SECONDS if left else 0)
        if isinstance(answer, Failed):
            return question.seen(answer.error, charged=answer.charged)
        return Seen(record)

    async def _fail(
        self, tx: Transaction, question: _Question, claim: Claim, answer: Failed, asked_at: int
    ) -> None:
        """What is paid and cannot be read is remembered, or the next call would pay it again; unless it would
        take the place of something that is of use."""
        record, packages = question.standing.record, question.packages
        lifetimes = self.lifetimes(question.org)
        if not answer.unreadable or lifetimes.in_date(record, asked_at).keys() & set(packages):
            await self._give_up(tx, question, claim, answer, asked_at)
            return
        record = failed(record, packages, answer.error, asked_at)
        org, expires_at = question.org, lifetimes.expires_at(record)
        if org.id in await organizations.erasures(tx.conn, [org.id]):
            await rows.keep(tx.conn, org.organization.cipher, claim, record, asked_at, expires_at)

    async def _give_up(
        self, tx: Transaction, question: _Question, claim: Claim, answer: Failed, asked_at: int
    ) -> None:
        job = question.errand.job_id is not None
        await rows.give_up(tx.conn, claim, stays=job and answer.charged)
        if not job and not answer.charged:
            await rows.refund(tx.conn, question.org.id, asked_at)

    async def _keep(
        self, tx: Transaction, question: _Question, claim: Claim, record: Record, asked_at: int
    ) -> None:
        org, cipher = question.org, question.org.organization.cipher
        # Locked: an erasure that is under way is waited for, and one that begins waits.
        living = await organizations.erasures(tx.conn, [org.id])
        expires_at = self.lifetimes(org).expires_at(record)
        if org.id not in living or not await rows.keep(tx.conn, cipher, claim, record, asked_at, expires_at):
            return
        values, times = values_of(record.packages.values())
        # Who has no name with the provider is nobody whom it knows: such a number makes no contact.
        if "caller_name" in values or await contacts.id_of(tx.conn, org.id, question.phone) is not None:
            knowledge = Knowledge("lookup", asked_at, values=values, times=times) if values else None
            fact = contact_facts.heard(cipher, org.id, question.phone, SOURCE, knowledge, asked_at)
            await contact_facts.write_heard(tx, [fact], self.clock.now())

    def _measure(self, question: _Question, answer: Report | Failed, seconds: float) -> None:
        outcome = answer.error if isinstance(answer, Failed) else "known" if answer.valid else "invalid"
        self._metrics.number_lookup_seconds.labels(outcome).observe(seconds)
        level = logging.INFO if isinstance(answer, Failed) else logging.DEBUG
        extra = {"org": question.org.id, "outcome": outcome, "duration_ms": round(seconds * 1000)}
        log.log(level, "number lookup", extra=extra)

"""A caller's resolution: every source is asked at once, and what is known when time is up is the answer.

There is always one, whatever sources, database or number do: it says what is known, how good that is, and why
it is not more. What comes later becomes a later form of the same answer, and is kept for the next time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from gateway.clock import Clock
from gateway.domain.phone import Phone, is_national, parse
from gateway.domain.resolution import Heard, Inquiry, Resolution
from gateway.enrich.answering import Moment, Question, answer_of, unasked, unusable
from gateway.enrich.book import SOURCE as BOOK
from gateway.enrich.creating import Creates
from gateway.enrich.hearing import Hearing
from gateway.enrich.keeping import Keeping
from gateway.enrich.resolutions import Resolutions
from gateway.enrich.sources import Ask, Source
from gateway.enrich.tallying import Tally
from gateway.enrich.told import Told
from gateway.store.directory import OrgView
from gateway.store.stats import Key

RESERVE_SECONDS: Final = 0.010
RESERVE_SHARE: Final = 0.1
"""What is left of the deadline for putting the answer together: whichever is less."""

MEMORY_SHARE: Final = 0.33
MEMORY_SECONDS: Final = 0.1
"""How long the database may take to say what is kept before connectors are asked without it: whichever is
more."""

MOST_WITHOUT_MEMORY: Final = 64
"""So many callers at once. When it is this node that is slow, CRMs must not be asked for all it knows."""

LATEST_MS: Final = 65_000
"""After so long nothing more comes: a connector's own time limit, twice, and something for the way."""


def ends_of(begun: float, deadline_ms: int) -> float:
    """Until when (monotonic seconds) a question of `begun` may be waited for."""
    seconds = deadline_ms / 1000
    return begun + seconds - min(RESERVE_SECONDS, seconds * RESERVE_SHARE)


@dataclass(slots=True)
class Callers:
    """Resolves callers. `sources` are asked in no order: who counts is decided by the rules of merging."""

    sources: Sequence[Source]
    keeping: Keeping
    resolutions: Resolutions
    creates: Creates
    clock: Clock
    tally: Tally
    _late: dict[asyncio.Task[None], Hearing] = field(default_factory=dict)
    _without_memory: int = 0

    async def resolve(self, org: OrgView, inquiry: Inquiry, *, begun: float, deadline_ms: int) -> Resolution:
        """Answers within `deadline_ms` of `begun` (monotonic seconds), whatever the inquiry's `phone` is."""
        seconds, ends = deadline_ms / 1000, ends_of(begun, deadline_ms)
        number, now = parse(inquiry.phone, org.organization.settings.region), self.clock.now()
        if not isinstance(number, Phone):
            question = Question(org, inquiry, None, begun, now)
            answer = unusable(question, number.reason, self._moment(question))
            return self._in_time(question, answer, seconds, ())
        inquiry = replace(inquiry, phone=number.e164)
        question = Question(org, inquiry, org.organization.cipher.person(number.e164), begun, now)
        hearing = Hearing(self._asks(org, inquiry, ends), self.clock, begun)
        await self._hear(question, hearing, ends)
        answer = answer_of(question, hearing.said(), hearing.pending, self._moment(question))
        self._in_time(question, answer, seconds, self.tally.sources(org.id, now, hearing))
        if hearing.waiting:
            self._leave(hearing, self._later(question, hearing, answer))
        return answer

    def unheard(self, inquiry: Inquiry, *, begun: float, deadline_ms: int) -> Resolution:
        """The answer when even the organization could not be found in time: nobody was asked."""
        seconds = self.clock.monotonic() - begun
        moment = Moment(self.clock.now(), round(seconds * 1000))
        answer = unasked(inquiry, _number_without_region(inquiry.phone), moment)
        self.tally.answer(answer, seconds, deadline_ms / 1000)
        return answer

    async def refresh(
        self, org: OrgView, phones: Sequence[str], *, begun: float, deadline_ms: int
    ) -> list[Heard]:
        """Asks every source anew for these numbers (E.164) and waits as `resolve` does; what the sources
        other than the address book have said."""
        ends = begun + deadline_ms / 1000
        found = await asyncio.gather(*(self._anew(org, phone, begun, ends) for phone in phones))
        return [heard for some in found for heard in some]

    async def stop(self) -> None:
        """Breaks off what is under way."""
        for task, hearing in self._late.items():
            hearing.stop()
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)
        await self.resolutions.stop()
        self.resolutions.flush()

    @property
    def open(self) -> int:
        """How many answers may become others yet."""
        return len(self._late)

    def _asks(self, org: OrgView, inquiry: Inquiry, ends: float) -> list[Ask]:
        return [ask for source in self.sources for ask in source.asks(org, inquiry, ends)]

    async def _hear(self, question: Question, hearing: Hearing, ends: float) -> None:
        """Until all have answered, or time is up; those who have not, go on."""
        try:
            await self._ask(question, hearing, ends)
        except asyncio.CancelledError:  # whoever asked has gone away
            if hearing.waiting:
                self._leave(hearing, hearing.finish())
            raise

    async def _ask(self, question: Question, hearing: Hearing, ends: float) -> None:
        """First those who need not be asked, then the others, as long as there is time."""
        org, inquiry, person, begun, _ = question
        assert person is not None
        memory = self.keeping.recalls.of(org, inquiry.phone, person)
        patience = max((ends - begun) * MEMORY_SHARE, MEMORY_SECONDS)
        await asyncio.wait((memory,), timeout=max(min(begun + patience, ends) - self.clock.monotonic(), 0))
        if memory.done():
            hearing.recall(self.keeping.with_recent(org, person, memory.result()))
            hearing.ask(memory)
            await hearing.wait(ends - self.clock.monotonic())
            return
        patiently = self._without_memory >= MOST_WITHOUT_MEMORY
        self._without_memory += not patiently
        try:
            hearing.ask(memory, patiently=patiently)
            await hearing.wait(ends - self.clock.monotonic())
        finally:
            self._without_memory -= not patiently

    async def _anew(self, org: OrgView, phone: str, begun: float, ends: float) -> list[Heard]:
        inquiry = Inquiry(phone, fresh=True)
        asks = [ask for ask in self._asks(org, inquiry, ends) if ask.source != BOOK]
        hearing = Hearing(asks, self.clock, begun)
        question = Question(org, inquiry, org.organization.cipher.person(phone), begun, self.clock.now())
        await self._hear(question, hearing, ends)
        if hearing.waiting:
            self._leave(hearing, hearing.finish())
        return hearing.said()

    def _leave(self, hearing: Hearing, until: Coroutine[None, None, None]) -> None:
        """Nobody waits any more; the questions go on."""
        task = asyncio.create_task(until, name="late answers")
        self._late[task] = hearing
        task.add_done_callback(lambda done: self._late.pop(done, None))

    async def _later(self, question: Question, hearing: Hearing, told: Resolution) -> None:
        """Each time that a further source has answered, the answer is made anew. Whoever waits for it hears
        when it says more, and when it is the last word."""
        while hearing.waiting:
            await hearing.next()
            later = answer_of(question, hearing.said(), hearing.pending, self._moment(question))
            if later.says_more_than(told) or not later.pending:
                told = replace(later, id=told.id, revision=told.revision + 1)
                self.tally.late(told)
                self._keep(question, told, self.tally.sources(question.org.id, question.asked_at, hearing))

    def _in_time(
        self, question: Question, answer: Resolution, deadline: float, counts: Sequence[Key]
    ) -> Resolution:
        self.tally.answer(answer, self.clock.monotonic() - question.begun, deadline)
        self._keep(question, answer, counts)
        return answer

    def _keep(self, question: Question, answer: Resolution, counts: Sequence[Key]) -> None:
        """Keeps what is answered; a stranger may be one whom somebody is to create."""
        org, inquiry, person, _, asked_at = question
        open_until = asked_at + LATEST_MS if answer.pending else None
        self.resolutions.put(Told(org, asked_at, person, answer, open_until, answer.revision > 0, counts))
        if answer.status == "not_found":
            self.creates.after_miss(org, inquiry, asked_at)

    def _moment(self, question: Question) -> Moment:
        return Moment(self.clock.now(), round((self.clock.monotonic() - question.begun) * 1000))


def _number_without_region(text: str) -> str | None:
    """The number (E.164), or why it is none; None when only the organization could say how it is meant."""
    number = parse(text)
    if isinstance(number, Phone):
        return None if is_national(text) else number.e164
    return None if is_national(text) and number.reason == "invalid" else number.reason

"""A caller's resolution: every source is asked at once, and what is known when time is up is the answer.

There is always one, whatever sources, database or number do: it says what is known, how good that is, and why
it is not more. What comes later becomes a later form of the same answer, and is kept for the next time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from gateway.clock import Clock
from gateway.domain.contact import Caller, merge
from gateway.domain.context import Policy, Setting, caller_context
from gateway.domain.ids import new_id
from gateway.domain.phone import Phone, parse
from gateway.domain.resolution import (
    Inquiry,
    Problem,
    Resolution,
    contact_id_of,
    freshness_of,
    knowledge_of,
    status_of,
)
from gateway.enrich.creating import Creates
from gateway.enrich.hearing import Hearing
from gateway.enrich.keeping import Keeping, Told
from gateway.enrich.resolutions import Resolutions
from gateway.enrich.sources import Source
from gateway.metrics import Metrics
from gateway.store.directory import OrgView

log = logging.getLogger("gateway.callers")

RESERVE_SECONDS: Final = 0.010
RESERVE_SHARE: Final = 0.1
"""What is left of the deadline for putting the answer together: whichever is less."""

MEMORY_SHARE: Final = 0.33
MEMORY_SECONDS: Final = 0.1
"""How long the database may take to say what is kept before everybody is asked without it: whichever is
more."""

MOST_WITHOUT_MEMORY: Final = 64
"""So many at once; others wait. When it is this node that is slow, CRMs must not be asked all it knows."""

LATEST_MS: Final = 65_000
"""After so long nothing more comes: a connector's own time limit, twice, and something for the way."""

PHONE: Final = "phone"


class Question(NamedTuple):
    """One caller who is asked for, and since when: monotonic seconds, and ms of the wall."""

    org: OrgView
    inquiry: Inquiry
    person: bytes | None
    begun: float
    asked_at: int


@dataclass(slots=True)
class Callers:
    """Resolves callers. `sources` are asked in no order: who counts is decided by the rules of merging."""

    sources: Sequence[Source]
    keeping: Keeping
    resolutions: Resolutions
    creates: Creates
    clock: Clock
    metrics: Metrics
    _late: dict[asyncio.Task[None], Hearing] = field(default_factory=dict)
    _without_memory: int = 0

    async def resolve(self, org: OrgView, inquiry: Inquiry, *, begun: float, deadline_ms: int) -> Resolution:
        """Answers within `deadline_ms` of `begun` (monotonic seconds), whatever the inquiry's `phone` is."""
        seconds = deadline_ms / 1000
        ends = begun + seconds - min(RESERVE_SECONDS, seconds * RESERVE_SHARE)
        number, now = parse(inquiry.phone), self.clock.now()
        if not isinstance(number, Phone):
            nobody = Question(org, inquiry, None, begun, now)
            return self._first(nobody, self._unusable(nobody, number.reason))
        inquiry = replace(inquiry, phone=number.e164)
        question = Question(org, inquiry, org.organization.cipher.person(number.e164), begun, now)
        asks = [ask for source in self.sources for ask in source.asks(org, inquiry, ends)]
        hearing = Hearing(asks, self.clock, begun)
        await self._hear(question, hearing, ends)
        answer = self._first(question, self._answer(question, hearing))
        if hearing.waiting:
            self._follow(question, hearing, answer)
        return answer

    async def stop(self) -> None:
        """Breaks off what is under way."""
        for task, hearing in self._late.items():
            hearing.stop()
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)

    @property
    def open(self) -> int:
        """How many answers may become others yet."""
        return len(self._late)

    async def _hear(self, question: Question, hearing: Hearing, ends: float) -> None:
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

    def _follow(self, question: Question, hearing: Hearing, told: Resolution) -> None:
        task = asyncio.create_task(self._later(question, hearing, told), name="late answers")
        self._late[task] = hearing
        task.add_done_callback(lambda done: self._late.pop(done, None))

    async def _later(self, question: Question, hearing: Hearing, told: Resolution) -> None:
        """Each time that a further source has answered, the answer is made anew. Whoever waits for it hears
        when it says more, and when it is the last word."""
        while hearing.waiting:
            await hearing.next()
            later = replace(self._answer(question, hearing), id=told.id, revision=told.revision + 1)
            if later.says_more_than(told) or not later.pending:
                told = self._tell(question, later)

    def _first(self, question: Question, answer: Resolution) -> Resolution:
        self.metrics.caller_resolves.labels(answer.status, answer.freshness).inc()
        self.metrics.caller_resolve_seconds.observe(self.clock.monotonic() - question.begun)
        return self._tell(question, answer)

    def _tell(self, question: Question, answer: Resolution) -> Resolution:
        """Keeps what is answered; a stranger may be one whom somebody is to create."""
        org, inquiry, person, _, asked_at = question
        open_until = asked_at + LATEST_MS if answer.pending else None
        self.resolutions.put(Told(org, asked_at, person, answer, open_until, event=answer.revision > 0))
        if answer.status == "not_found":
            self.creates.after_miss(org, inquiry)
        return answer

    def _answer(self, question: Question, hearing: Hearing) -> Resolution:
        org, inquiry, _, _, _ = question
        heard = hearing.said()
        status, freshness = status_of(heard), freshness_of(heard)
        known = knowledge_of(heard)  # of whom nobody knows, something of the number may be known
        caller = merge(known) if known else None
        context = caller_context(
            caller or Caller(), status=status, phone=inquiry.phone,
            setting=Setting(inquiry.direction, inquiry.attestation), policy=Policy(),
        )  # fmt: skip
        contact_id = contact_id_of(heard)
        if contact_id is None and status == "found":
            contact_id = org.organization.cipher.contact(inquiry.phone)
        now, elapsed_ms = self._moment(question)
        return Resolution(
            new_id("res", now), now, inquiry.phone, status, freshness, elapsed_ms, caller, context,
            tuple(Problem(one.source, one.error) for one in heard if one.error is not None),
            contact_id, inquiry.call_id, hearing.pending,
        )  # fmt: skip

    def _unusable(self, question: Question, reason: str) -> Resolution:
        inquiry = question.inquiry
        context = caller_context(
            Caller(), status="unknown", phone=reason,
            setting=Setting(inquiry.direction, inquiry.attestation), policy=Policy(),
        )  # fmt: skip
        now, elapsed_ms = self._moment(question)
        return Resolution(
            new_id("res", now), now, None, "unknown", "none", elapsed_ms, None, context,
            (Problem(PHONE, reason),), call_id=inquiry.call_id,
        )  # fmt: skip

    def _moment(self, question: Question) -> tuple[int, int]:
        """When the answer is made, and how long that took (both ms)."""
        return self.clock.now(), round((self.clock.monotonic() - question.begun) * 1000)

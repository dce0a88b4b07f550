"""A caller's resolution: every source is asked at once, and what is known when time is up is the answer.

There is always one, whatever sources, database or number do: it says what is known, how good that is, and why
it is not more. What comes later is kept for the next time.
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
from gateway.domain.phone import Phone, Unusable, parse
from gateway.domain.resolution import (
    Freshness,
    Heard,
    Inquiry,
    Status,
    contact_id_of,
    freshness_of,
    knowledge_of,
    status_of,
)
from gateway.enrich.creating import Creates
from gateway.enrich.sources import Ask, Source
from gateway.metrics import Metrics
from gateway.store.directory import OrgView

log = logging.getLogger("gateway.callers")

RESERVE_SECONDS: Final = 0.010
RESERVE_SHARE: Final = 0.1
"""What is left of the deadline for putting the answer together: whichever is less."""

PHONE: Final = "phone"


class Problem(NamedTuple):
    """Why the answer is not more: which source, and a word."""

    source: str
    error: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """The answer. `phone` is None for a number that cannot be used; `at` (ms) is when it was given;
    `contact_id` under which the address book has the caller, as soon as somebody knows them."""

    id: str
    at: int
    phone: str | None
    status: Status
    freshness: Freshness
    elapsed_ms: int
    caller: Caller | None
    context: str
    errors: tuple[Problem, ...] = ()
    contact_id: str | None = None


@dataclass(slots=True)
class Callers:
    """Resolves callers. `sources` are asked in no order: who counts is decided by the rules of merging."""

    sources: Sequence[Source]
    creates: Creates
    clock: Clock
    metrics: Metrics
    _asking: set[asyncio.Task[Heard]] = field(default_factory=set)

    async def resolve(self, org: OrgView, inquiry: Inquiry, *, begun: float, deadline_ms: int) -> Resolution:
        """Answers within `deadline_ms` of `begun` (monotonic seconds), whatever the inquiry's `phone` is."""
        seconds = deadline_ms / 1000
        ends = begun + seconds - min(RESERVE_SECONDS, seconds * RESERVE_SHARE)
        number = parse(inquiry.phone)
        if not isinstance(number, Phone):
            return self._answer(number, inquiry, [], begun, (Problem(PHONE, number.reason),))
        inquiry = replace(inquiry, phone=number.e164)
        asks = [ask for source in self.sources for ask in source.asks(org, inquiry, ends)]
        heard = await self._hear(asks, ends)
        errors = tuple(Problem(one.source, one.error) for one in heard if one.error is not None)
        contact_id = contact_id_of(heard)
        if contact_id is None and status_of(heard) == "found":
            contact_id = org.organization.cipher.contact(number.e164)
        answer = self._answer(number, inquiry, heard, begun, errors, contact_id)
        if answer.status == "not_found":
            self.creates.after_miss(org, inquiry)
        return answer

    async def stop(self) -> None:
        """Breaks off what is under way."""
        for task in self._asking:
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)

    async def _hear(self, asks: Sequence[Ask], ends: float) -> list[Heard]:
        """What each says, in the order of `asks`; in time, or cut."""
        if not asks:
            return []
        tasks = [self._start(ask) for ask in asks]
        await asyncio.wait(tasks, timeout=max(ends - self.clock.monotonic(), 0))
        return [_heard(ask, task) for ask, task in zip(asks, tasks, strict=True)]

    def _start(self, ask: Ask) -> asyncio.Task[Heard]:
        # Not broken off when the waiting ends, nor when whoever waits goes away.
        task = asyncio.create_task(ask.hear(), name="ask")
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)
        return task

    def _answer(
        self,
        number: Phone | Unusable,
        inquiry: Inquiry,
        heard: Sequence[Heard],
        begun: float,
        errors: tuple[Problem, ...],
        contact_id: str | None = None,
    ) -> Resolution:
        status, freshness = status_of(heard), freshness_of(heard)
        known = knowledge_of(heard)  # of whom nobody knows, something of the number may be known
        caller = merge(known) if known else None
        phone = number.e164 if isinstance(number, Phone) else None
        context = caller_context(
            caller or Caller(), status=status,
            phone=number.e164 if isinstance(number, Phone) else number.reason,
            setting=Setting(inquiry.direction, inquiry.attestation), policy=Policy(),
        )  # fmt: skip
        now, elapsed = self.clock.now(), self.clock.monotonic() - begun
        self.metrics.caller_resolves.labels(status, freshness).inc()
        self.metrics.caller_resolve_seconds.observe(elapsed)
        return Resolution(
            new_id("res", now), now, phone, status, freshness, round(elapsed * 1000), caller, context, errors,
            contact_id,
        )  # fmt: skip


def _heard(ask: Ask, task: asyncio.Task[Heard]) -> Heard:
    if not task.done():
        return ask.cut()
    problem = task.exception()
    if problem is None:
        return task.result()
    log.error("asking %s failed", ask.source, exc_info=problem)
    return Heard(ask.source, "failed", error="internal")

"""One question to one connector about one caller: whether it is put at all, how often, and what becomes of
its answers.

It is not put when the connector is being spared or too much is open. It is put once more beside itself when
it takes longer than nearly all before it, and after itself when the connector gave up because of the
deadline: nobody waits then, and the answer is for the next call. Every answer is written down, whichever was
waited for.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from gateway.clock import Clock
from gateway.crm import log as crm_log
from gateway.crm.answers import Failed, Found, NotFound
from gateway.crm.wire import Calls, LookupResult, Question
from gateway.domain.connector import Connector
from gateway.domain.exchange import Exchange
from gateway.domain.freshness import expires_at
from gateway.domain.lookup_breaker import Pass, Verdict, judge, slow_after_ms
from gateway.domain.resolution import Inquiry
from gateway.domain.room import Room
from gateway.enrich.endpoints import Endpoint, Endpoints
from gateway.enrich.keeping import Keeping, Note, with_answer
from gateway.enrich.recalls import Kept, Stored
from gateway.metrics import Metrics
from gateway.store.directory import OrgView

log = logging.getLogger("gateway.callers")

BUSY: Final = Failed("busy", "too many questions are open at this moment")
SPARED: Final = Failed("breaker_open", "the connector did not answer lately and is spared for some seconds")
GIVES_UP_EARLY: Final = 0.02
"""How long (seconds) before the deadline a connector may have given up because of it: it cannot know how long
the way was."""


class Subject(NamedTuple):
    """Who is asked about whom: `inquiry.phone` in E.164, `person` its keyed hash. `begun_at` (ms): when
    whoever wants to know it began; what is said of people erased since is not kept, however late the question
    is put."""

    org: OrgView
    connector: Connector
    inquiry: Inquiry
    person: bytes
    begun_at: int


@dataclass(frozen=True, slots=True)
class Said:
    """What a connector answered to a question of `asked_at` (ms); `exchange` None when it was not asked."""

    answer: Found | NotFound | Failed
    asked_at: int
    exchange: Exchange | None = None


class Questions:
    """Puts them."""

    def __init__(
        self,
        calls: Calls,
        keeping: Keeping,
        room: Room,
        clock: Clock,
        metrics: Metrics,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.room = room
        self.endpoints = Endpoints(metrics)
        self._calls = calls
        self._keeping = keeping
        self._clock = clock
        self._metrics = metrics
        self._chance = chance
        self._tasks: set[asyncio.Task[Said]] = set()

    async def put(self, subject: Subject, ends: float | None) -> Said:
        """What the connector says. `ends`: until when (monotonic seconds) somebody waits; None: nobody
        does."""
        endpoint = self.endpoints.of(subject.connector)
        begun = self._clock.monotonic()
        said = await self._hedged(subject, endpoint, ends, begun)
        if self._gave_up(said, subject.connector, ends, begun):
            said = await self._once(subject, endpoint, None)
        return said

    async def stop(self) -> None:
        """Breaks off what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def open(self) -> int:
        """How many are put beside others at this moment."""
        return len(self._tasks)

    async def _hedged(self, subject: Subject, endpoint: Endpoint, ends: float | None, begun: float) -> Said:
        """The first good answer of one question, or of two."""
        endpoint.hedging.asked()
        patience = endpoint.hedging.patience(None if ends is None else ends - begun)
        if patience is None:
            return await self._once(subject, endpoint, ends)
        first = self._start(subject, endpoint, ends)
        await asyncio.wait((first,), timeout=patience)
        if first.done() or not endpoint.breaker.closed or not endpoint.hedging.take():
            return await first
        second = self._start(subject, endpoint, ends)
        said = await self._better(first, second)
        won = second.done() and said is second.result()
        self._metrics.connector_hedges.labels("won" if won else "lost").inc()
        return said

    def _start(self, subject: Subject, endpoint: Endpoint, ends: float | None) -> asyncio.Task[Said]:
        # The one that is not waited for any more goes on to its end: broken off, it would cost its
        # connection, and nobody would know how long it takes.
        task = asyncio.create_task(self._once(subject, endpoint, ends), name="question")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _better(self, first: asyncio.Task[Said], second: asyncio.Task[Said]) -> Said:
        """Of two the one that is answered first, unless it failed and the other does not."""
        done, waiting = await asyncio.wait((first, second), return_when=asyncio.FIRST_COMPLETED)
        said = first.result() if first in done else second.result()
        if not isinstance(said.answer, Failed) or not waiting:
            return said
        other = await waiting.pop()
        return said if isinstance(other.answer, Failed) else other

    async def _once(self, subject: Subject, endpoint: Endpoint, ends: float | None) -> Said:
        org, connector, inquiry, *_ = subject
        asked_at, begun = self._clock.now(), self._clock.monotonic()
        one = endpoint.breaker.admit(begun)
        if one is None:
            return Said(SPARED, asked_at)
        with self.room.place(org.id) as there_is_one:
            if not there_is_one:
                endpoint.breaker.count(one, "neither", begun)
                return Said(BUSY, asked_at)
            watch = self._watch(connector, one, ends, begun)
            try:
                question = Question(inquiry.phone, inquiry.call_id, inquiry.direction)
                result = await self._calls.lookup(connector, org.id, question, ends=ends)
            except BaseException:
                endpoint.breaker.count(one, "neither", begun)
                raise
            finally:
                watch.cancel()
        said = Said(result.answer, asked_at, result.said.exchange)
        self._learn(subject, endpoint, one, said, ends, begun)
        self._keep(subject, result, asked_at)
        self._measure(connector, result)
        return said

    def _watch(
        self, connector: Connector, one: Pass, ends: float | None, begun: float
    ) -> asyncio.TimerHandle:
        """Counts the question as slow when it is, and not only when it is over."""
        waits = None if ends is None else round((ends - begun) * 1000)
        seconds = slow_after_ms(connector.timeout_ms, waits) / 1000

        def slow() -> None:
            self.endpoints.count(connector, one, "failed", self._clock.monotonic(), "slow")
            self.endpoints.of(connector).latest.late()

        return asyncio.get_running_loop().call_later(seconds, slow)

    def _learn(
        self,
        subject: Subject,
        endpoint: Endpoint,
        one: Pass,
        said: Said,
        ends: float | None,
        begun: float,
    ) -> None:
        """For the breaker, and for how long a question is worth waiting for."""
        assert said.exchange is not None
        now = self._clock.monotonic()
        error = said.answer.error if isinstance(said.answer, Failed) else None
        verdict = judge(error, said.exchange.status_code)
        if self._gave_up(said, subject.connector, ends, begun):
            verdict = "neither"
        self._remember(endpoint, verdict, error, late=one.counted, took=now - begun)
        self.endpoints.count(subject.connector, one, verdict, now, error or "answered")
        if error in (None, "timeout") or verdict == "neither":
            endpoint.hedging.took(now - begun)

    def _remember(
        self, endpoint: Endpoint, verdict: Verdict, error: str | None, *, late: bool, took: float
    ) -> None:
        """For people who look at the connector."""
        at = self._clock.now()
        if error is None:
            endpoint.latest.answered(at, round(took * 1000), late=late)
        elif verdict != "neither":
            endpoint.latest.failed(at, error)

    def _gave_up(self, said: Said, connector: Connector, ends: float | None, begun: float) -> bool:
        """Whether the connector failed because it was told that nobody would wait any longer, though its own
        time is not over."""
        if ends is None or said.exchange is None or not isinstance(said.answer, Failed):
            return False
        in_time = ends < begun + connector.timeout_ms / 1000
        over = self._clock.monotonic() >= ends - GIVES_UP_EARLY
        return in_time and over and (said.exchange.status_code or 0) >= 500

    def _keep(self, subject: Subject, result: LookupResult, asked_at: int) -> None:
        org, connector, answer = subject.org, subject.connector, result.answer
        kept = None
        if isinstance(answer, Found):
            stored = Stored(answer.contact, answer.matches)
            kept = Kept("found", stored, asked_at, expires_at("found", asked_at, self._chance()))
        elif isinstance(answer, NotFound):
            kept = Kept("not_found", None, asked_at, expires_at("not_found", asked_at, self._chance()))
        failed = answer if isinstance(answer, Failed) else None
        note = Note(
            org.id, subject.begun_at, subject.person, accepted=result.said.accepted,
            rows=crm_log.rows(org.organization.cipher, connector, result.said, failed, subject.person),
        )  # fmt: skip
        if kept is not None:
            note = with_answer(note, org, connector, subject.inquiry.phone, kept)
        self._keeping.note(note, kept)

    def _measure(self, connector: Connector, result: LookupResult) -> None:
        answer, said = result.answer, result.said
        if isinstance(answer, Failed):
            outcome = answer.error
        else:
            outcome = "found" if isinstance(answer, Found) else "not_found"
        self._metrics.connector_request_seconds.labels("lookup", outcome).observe(said.duration_ms / 1000)
        level = logging.INFO if isinstance(answer, Failed) else logging.DEBUG
        if log.isEnabledFor(level):
            log.log(
                level,
                "lookup",
                extra={
                    "org": connector.org_id,
                    "connector": connector.id,
                    "delivery": said.id,
                    "outcome": outcome,
                    "status": said.exchange.status_code,
                    "duration_ms": said.duration_ms,
                },
            )

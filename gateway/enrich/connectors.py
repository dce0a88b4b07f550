"""CRMs as a source: what a connector has said before, if that is still of use, else what it says now.

A question to a connector is one for all who ask for the same number at the same time, and nobody's to break
off: it goes on to the connector's own time limit, and its answer is kept. Old answers are told at once and
asked for anew behind; when asking fails, an older one still counts, with the failure beside it.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.clock import Clock
from gateway.crm import log as crm_log
from gateway.crm.answers import Failed, Found, NotFound
from gateway.crm.wire import Calls, LookupResult, Question
from gateway.domain.connector import Connector, by_precedence
from gateway.domain.contact import of_crm
from gateway.domain.exchange import Exchange
from gateway.domain.freshness import Use, expires_at, use_of
from gateway.domain.resolution import Heard, Inquiry
from gateway.enrich.flights import Flights
from gateway.enrich.keeping import Keeping, Kept, Note, Stored, with_answer
from gateway.enrich.room import Room
from gateway.enrich.sources import Ask
from gateway.metrics import Metrics
from gateway.store.directory import OrgView

log = logging.getLogger("gateway.callers")

BUSY: Final = Failed("busy", "too many questions are open at this moment")
TIMEOUT: Final = "timeout"

Flight = tuple[str, str, str]
"""Connector, its revision, number."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a connector answered to a question of `asked_at` (ms); `exchange` None when it was not asked."""

    answer: Found | NotFound | Failed
    asked_at: int
    exchange: Exchange | None = None


class Connectors:
    """Asks the organization's connectors, all at once, in the order of their priority."""

    def __init__(
        self,
        calls: Calls,
        keeping: Keeping,
        room: Room,
        clock: Clock,
        metrics: Metrics,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.keeping = keeping
        self.clock = clock
        self._calls = calls
        self._room = room
        self._metrics = metrics
        self._chance = chance
        self._lookups: Flights[Flight, Said] = Flights("lookup")

    def asks(self, org: OrgView, inquiry: Inquiry, ends: float) -> Sequence[Ask]:
        enabled = [connector for connector in org.connectors.values() if connector.enabled]
        if not enabled:
            return [NoneEnabled()] if org.connectors else []
        person = org.organization.cipher.person(inquiry.phone)
        return [
            ConnectorAsk(self, org, connector, inquiry, person, rank, ends)
            for rank, connector in enumerate(by_precedence(enabled))
        ]

    async def ask(self, ask: ConnectorAsk, deadline_ms: int | None) -> Said:
        """What the connector says now. `deadline_ms`: how long somebody waits for it; None when nobody
        does."""
        key = (ask.connector.id, ask.connector.revision_id, ask.inquiry.phone)
        return await self._lookups.join(key, lambda: self._lookup(ask, deadline_ms))

    def refresh(self, ask: ConnectorAsk) -> None:
        """Asks behind an answer that was told already."""
        key = (ask.connector.id, ask.connector.revision_id, ask.inquiry.phone)
        self._lookups.join(key, lambda: self._lookup(ask, None))

    async def stop(self) -> None:
        """Breaks off what is under way."""
        await self._lookups.stop()

    async def _lookup(self, ask: ConnectorAsk, deadline_ms: int | None) -> Said:
        org, connector, inquiry = ask.org, ask.connector, ask.inquiry
        asked_at = self.clock.now()
        with self._room.place(org.id) as there_is_one:
            if not there_is_one:
                return Said(BUSY, asked_at)
            question = Question(inquiry.phone, inquiry.call_id, inquiry.direction)
            result = await self._calls.lookup(connector, org.id, question, deadline_ms=deadline_ms)
        self._keep(ask, result, asked_at)
        self._measure(connector, result)
        return Said(result.answer, asked_at, result.said.exchange)

    def _keep(self, ask: ConnectorAsk, result: LookupResult, asked_at: int) -> None:
        org, connector, answer = ask.org, ask.connector, result.answer
        kept = None
        if isinstance(answer, Found):
            stored = Stored(answer.contact, answer.matches)
            kept = Kept("found", stored, asked_at, expires_at("found", asked_at, self._chance()))
        elif isinstance(answer, NotFound):
            kept = Kept("not_found", None, asked_at, expires_at("not_found", asked_at, self._chance()))
        failed = answer if isinstance(answer, Failed) else None
        note = Note(
            org.id, asked_at, ask.person, accepted=result.said.accepted,
            rows=crm_log.rows(org.organization.cipher, connector, result.said, failed, ask.person),
        )  # fmt: skip
        if kept is not None:
            note = with_answer(note, org, connector, ask.inquiry.phone, kept)
        self.keeping.note(note, kept)

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


class NoneEnabled:
    """In place of connectors that are all disabled: whom they know, nobody can say (`sources.Ask`)."""

    source = "connectors"

    async def hear(self) -> Heard:
        return self.cut()

    def cut(self) -> Heard:
        return Heard(self.source, "failed", error="none_enabled")


@dataclass(slots=True, eq=False)
class ConnectorAsk:
    """The question of one connector about one caller (`sources.Ask`)."""

    parent: Connectors = field(repr=False)
    org: OrgView = field(repr=False)
    connector: Connector = field(repr=False)
    inquiry: Inquiry = field(repr=False)
    person: bytes = field(repr=False)
    rank: int
    ends: float
    kept: Kept | None = field(default=None, repr=False)

    @property
    def source(self) -> str:
        return self.connector.id

    async def hear(self) -> Heard:
        recalled = await self.parent.keeping.recall(self.org, self.inquiry.phone, self.person)
        kept = recalled.answers.get(self.connector.id)
        use = Use.NONE if kept is None else self._use_of(kept)
        if kept is not None and use is not Use.NONE:
            self.kept = kept
            if use is Use.FRESH:
                return self._known(kept)
            if use is Use.STALE:
                self.parent.refresh(self)
                return self._known(kept, stale=True)
        left = self.ends - self.parent.clock.monotonic()
        said = await self.parent.ask(self, max(round(left * 1000), 0))
        return self._told(said)

    def cut(self) -> Heard:
        return self._without(TIMEOUT)

    def _use_of(self, kept: Kept) -> Use:
        return use_of(kept.state, kept.fetched_at, kept.expires_at, self.parent.clock.now())

    def _told(self, said: Said) -> Heard:
        answer = said.answer
        if isinstance(answer, Found):
            stored = Stored(answer.contact, answer.matches)
            return self._known(Kept("found", stored, said.asked_at, said.asked_at))
        if isinstance(answer, NotFound):
            return Heard(self.source, "not_found")
        return self._without(answer.error)

    def _without(self, error: str) -> Heard:
        """Without an answer: what was said before counts, as long as it is kept."""
        if self.kept is not None and self.kept.stored is not None:
            return self._known(self.kept, stale=True, error=error)
        return Heard(self.source, "failed", error=error)

    def _known(self, kept: Kept, *, stale: bool = False, error: str | None = None) -> Heard:
        if kept.stored is None:
            return Heard(self.source, "not_found")
        knowledge = of_crm(
            kept.stored.contact, self.connector.id, fetched_at=kept.fetched_at, rank=self.rank,
            matches=kept.stored.matches,
        )  # fmt: skip
        return Heard(self.source, "found", knowledge, stale=stale, error=error)

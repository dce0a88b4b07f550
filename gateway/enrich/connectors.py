"""CRMs as a source: what a connector has said before, if that is still of use, else what it says now.

A question to a connector is one for all who ask for the same number at the same time, and nobody's to break
off: it goes on to the connector's own time limit, and its answer is kept (`questions`). Old answers are told
at once and asked for anew behind; when asking fails, an older one still counts, with the failure beside it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from gateway.clock import Clock
from gateway.crm.answers import Found, NotFound
from gateway.domain.connector import Connector, by_precedence
from gateway.domain.contact import Kind, of_crm
from gateway.domain.freshness import Use, use_of
from gateway.domain.resolution import Heard, Inquiry
from gateway.enrich.flights import Flights
from gateway.enrich.questions import Questions, Said, Subject
from gateway.enrich.recalls import Kept, Recalled, Stored
from gateway.enrich.sources import Ask
from gateway.store.directory import OrgView

Flight = tuple[str, str, str]
"""Connector, its revision, number."""


class Connectors:
    """Asks the organization's connectors, all at once, in the order of their priority."""

    def __init__(self, questions: Questions, clock: Clock) -> None:
        self.questions = questions
        self.clock = clock
        self._lookups: Flights[Flight, Said] = Flights("lookup")

    def asks(self, org: OrgView, inquiry: Inquiry, ends: float) -> Sequence[Ask]:
        """Nothing about the organization's own numbers."""
        if org.organization.settings.is_own(inquiry.phone):
            return []
        enabled = [connector for connector in org.connectors.values() if connector.enabled]
        if not enabled:
            return [NoneEnabled()] if org.connectors else []
        person, now = org.organization.cipher.person(inquiry.phone), self.clock.now()
        return [
            ConnectorAsk(self, org, connector, inquiry, person, now, rank, ends)
            for rank, connector in enumerate(by_precedence(enabled))
        ]

    async def ask(self, subject: Subject, ends: float | None) -> Said:
        """What the connector says now. `ends`: until when (monotonic seconds) somebody waits for it; None
        when nobody does."""
        key = (subject.connector.id, subject.connector.revision_id, subject.inquiry.phone)
        return await self._lookups.join(key, lambda: self.questions.put(subject, ends))

    def refresh(self, subject: Subject) -> None:
        """Asks behind an answer that was told already."""
        key = (subject.connector.id, subject.connector.revision_id, subject.inquiry.phone)
        self._lookups.join(key, lambda: self.questions.put(subject, None))

    async def stop(self) -> None:
        """Breaks off what is under way."""
        await self._lookups.stop()
        await self.questions.stop()


class NoneEnabled:
    """In place of connectors that are all disabled: whom they know, nobody can say (`sources.Ask`)."""

    source = "connectors"
    kind: Final = "crm"

    def known(self, recalled: Recalled) -> Heard:
        return self.without("none_enabled")

    async def hear(self, memory: asyncio.Future[Recalled]) -> Heard:
        return self.without("none_enabled")

    def refresh(self) -> None:
        """There is nobody to ask."""

    def without(self, error: str) -> Heard:
        return Heard(self.source, "failed", error="none_enabled")


@dataclass(slots=True, eq=False)
class ConnectorAsk:
    """The question of one connector about one caller (`sources.Ask`). `begun_at` as in `Subject`; `kept` is
    what it has said before, as far as that is still of use."""

    parent: Connectors = field(repr=False)
    org: OrgView = field(repr=False)
    connector: Connector = field(repr=False)
    inquiry: Inquiry = field(repr=False)
    person: bytes = field(repr=False)
    begun_at: int
    rank: int
    ends: float
    kept: Kept | None = field(default=None, repr=False)

    kind: ClassVar[Kind] = "crm"

    @property
    def source(self) -> str:
        return self.connector.id

    @property
    def subject(self) -> Subject:
        return Subject(self.org, self.connector, self.inquiry, self.person, self.begun_at)

    def known(self, recalled: Recalled) -> Heard | None:
        kept = recalled.answers.get(self.connector.id)
        use = Use.NONE if kept is None else self._use_of(kept)
        if kept is None or use is Use.NONE:
            return None
        self.kept = kept
        if use is Use.REMNANT or self.inquiry.fresh:
            return None
        return self._known(kept, stale=use is Use.STALE)

    async def hear(self, memory: asyncio.Future[Recalled]) -> Heard:
        return self._told(await self.parent.ask(self.subject, self.ends))

    def refresh(self) -> None:
        self.parent.refresh(self.subject)

    def without(self, error: str) -> Heard:
        """What was said before counts, as long as it is kept."""
        if self.kept is not None and self.kept.stored is not None:
            return self._known(self.kept, stale=True, error=error)
        return Heard(self.source, "failed", error=error)

    def _use_of(self, kept: Kept) -> Use:
        return use_of(kept.state, kept.fetched_at, kept.expires_at, self.parent.clock.now())

    def _told(self, said: Said) -> Heard:
        answer = said.answer
        if isinstance(answer, Found):
            stored = Stored(answer.contact, answer.matches)
            return self._known(Kept("found", stored, said.asked_at, said.asked_at))
        if isinstance(answer, NotFound):
            return Heard(self.source, "not_found")
        return self.without(answer.error)

    def _known(self, kept: Kept, *, stale: bool = False, error: str | None = None) -> Heard:
        if kept.stored is None:
            return Heard(self.source, "not_found")
        knowledge = of_crm(
            kept.stored.contact, self.connector.id, fetched_at=kept.fetched_at, rank=self.rank,
            matches=kept.stored.matches,
        )  # fmt: skip
        return Heard(self.source, "found", knowledge, stale=stale, error=error)

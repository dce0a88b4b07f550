"""The address book as a source: what people have said of a caller counts before everything else.

It is read together with what connectors have answered before, at no further cost. It knows a caller only when
a person has written something down: who stands in it because a CRM knew them once is the CRM's to know. Whom
it does not know may be known to others, so it then has nothing to say, either way.
"""

from __future__ import annotations

import asyncio
from typing import Final

from gateway.domain.overrides import knowledge_of
from gateway.domain.resolution import Heard, Inquiry
from gateway.enrich.recalls import Recalled
from gateway.store.directory import OrgView
from gateway.store.recalling import Listed

SOURCE: Final = "book"


class Book:
    """The organization's address book (`sources.Source`)."""

    def asks(self, org: OrgView, inquiry: Inquiry, ends: float) -> list[BookAsk]:
        return [BookAsk()]


class BookAsk:
    """The question about one caller (`sources.Ask`): whatever there is to say is known at once."""

    source = SOURCE
    kind: Final = "override"

    def known(self, recalled: Recalled) -> Heard:
        if not recalled.reachable:
            return self.without("unavailable")
        listed = recalled.contact
        if listed is None:
            return Heard(SOURCE, "silent")
        if not _written_to(listed):
            return Heard(SOURCE, "silent", contact_id=listed.id)
        return Heard(SOURCE, "found", knowledge_of(listed.overrides, listed.tags), contact_id=listed.id)

    async def hear(self, memory: asyncio.Future[Recalled]) -> Heard:
        return self.known(await asyncio.shield(memory))

    def refresh(self) -> None:
        """Nobody says anything new behind it."""

    def without(self, error: str) -> Heard:
        return Heard(SOURCE, "failed", error=error)


def _written_to(listed: Listed) -> bool:
    return listed.by_person or bool(listed.overrides or listed.tags)

"""The address book as a source: what people have said of a caller counts before everything else.

It is read together with what connectors have answered before, at no further cost. It knows a caller only when
a person has written something down: who stands in it because a CRM knew them once is the CRM's to know. Whom
it does not know may be known to others, so it then has nothing to say, either way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from gateway.domain.overrides import knowledge_of
from gateway.domain.resolution import Heard, Inquiry
from gateway.enrich.keeping import Keeping
from gateway.store.directory import OrgView
from gateway.store.recalling import Listed

SOURCE: Final = "book"


class Book:
    """Asks the organization's address book."""

    def __init__(self, keeping: Keeping) -> None:
        self.keeping = keeping

    def asks(self, org: OrgView, inquiry: Inquiry, ends: float) -> list[BookAsk]:
        return [BookAsk(self.keeping, org, inquiry)]


@dataclass(slots=True, eq=False)
class BookAsk:
    """The question about one caller (`sources.Ask`)."""

    keeping: Keeping = field(repr=False)
    org: OrgView = field(repr=False)
    inquiry: Inquiry = field(repr=False)
    source: str = SOURCE

    async def hear(self) -> Heard:
        cipher = self.org.organization.cipher
        phone = self.inquiry.phone
        recalled = await self.keeping.recall(self.org, phone, cipher.person(phone))
        if not recalled.reachable:
            return Heard(SOURCE, "failed", error="unavailable")
        listed = recalled.contact
        if listed is None:
            return Heard(SOURCE, "silent")
        if not _written_to(listed):
            return Heard(SOURCE, "silent", contact_id=listed.id)
        return Heard(SOURCE, "found", knowledge_of(listed.overrides, listed.tags), contact_id=listed.id)

    def cut(self) -> Heard:
        return Heard(SOURCE, "failed", error="timeout")


def _written_to(listed: Listed) -> bool:
    return listed.by_person or bool(listed.overrides or listed.tags)

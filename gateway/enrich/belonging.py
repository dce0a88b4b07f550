"""To which of a connector's contacts a call belongs, for whoever tells the connector of it.

What the connector has said within a day will do; else it is asked. Where it knows nobody and is to create
callers, the contact is made first: by the same claim as after a miss, so that the two never make two.
"""

from __future__ import annotations

from gateway.clock import Clock
from gateway.crm.answers import Failed, Found
from gateway.domain.connector import Connector
from gateway.domain.exchange import Exchange, ExchangeError
from gateway.domain.freshness import Use, use_of
from gateway.domain.resolution import Inquiry
from gateway.enrich.connectors import Connectors
from gateway.enrich.creating import Creates
from gateway.enrich.keeping import Keeping
from gateway.enrich.questions import BUSY, Subject
from gateway.enrich.recalls import Kept
from gateway.store.directory import OrgView


class Belonging:
    """Finds the contact, and makes it where that is wanted."""

    def __init__(self, connectors: Connectors, keeping: Keeping, creates: Creates, clock: Clock) -> None:
        self._connectors = connectors
        self._keeping = keeping
        self._creates = creates
        self._clock = clock

    async def person(
        self, connector: Connector, org: OrgView, phone: str, call_id: str
    ) -> str | Exchange | None:
        """The id of the connector's contact with this number (E.164); None when it knows nobody; the exchange
        that failed when that cannot be told. A number of the organization's own is nobody's."""
        if org.organization.settings.is_own(phone):
            return None
        inquiry, person = Inquiry(phone, call_id), org.organization.cipher.person(phone)
        subject = Subject(org, connector, inquiry, person, self._clock.now())
        known = await self._known(subject)
        if known is None and connector.create_contacts:
            return await self._made(subject)
        return known

    async def _known(self, subject: Subject) -> str | Exchange | None:
        recalled = await self._keeping.recall(subject.org, subject.inquiry.phone, subject.person)
        kept = recalled.answers.get(subject.connector.id)
        if kept is not None and self._will_do(kept):
            return None if kept.stored is None else kept.stored.contact.id
        said = await self._connectors.ask(subject, None)
        if isinstance(said.answer, Failed):
            return said.exchange or self._nothing(said.answer)
        return said.answer.contact.id if isinstance(said.answer, Found) else None

    async def _made(self, subject: Subject) -> str | Exchange | None:
        made = await self._creates.make(subject)
        if made is None:
            return None
        if isinstance(made, Failed):
            return self._nothing(made)
        answer = made.answer
        return made.said.exchange if isinstance(answer, Failed) else answer.contact.id

    def _will_do(self, kept: Kept) -> bool:
        use = use_of(kept.state, kept.fetched_at, kept.expires_at, self._clock.now())
        return use in (Use.FRESH, Use.STALE)

    def _nothing(self, failed: Failed) -> Exchange:
        """Of a question that was not asked at all; the call is told of later."""
        error: ExchangeError = "aborted" if failed is BUSY else "contact_lookup"
        return Exchange(self._clock.now(), 0, error=error, error_detail=failed.detail)

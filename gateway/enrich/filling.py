"""One number of the address book, asked for by a job: at the provider of telephone data, or at connectors."""

from __future__ import annotations

import asyncio
from typing import Final

from gateway.crm.answers import Failed
from gateway.domain.backfill import Filled
from gateway.domain.errand import Errand
from gateway.domain.resolution import Inquiry
from gateway.enrich.connectors import ConnectorAsk, Connectors
from gateway.enrich.lookups import ERASED, GONE, LEFT_BEHIND, Lookups
from gateway.store import contacts
from gateway.store.directory import OrgView
from gateway.store.store import Store

# Nothing was asked, and it may be soon.
_LATER: Final = frozenset(
    {
        "rate_limited", "breaker_open", "busy", "unavailable", "aborted", "dns", "connect_refused",
        "connect_timeout", "target_unreachable",
    }
)  # fmt: skip
_HOPELESS: Final = frozenset({"refused", "forbidden", "suspended", "no_credentials", "target_denied", "tls"})
_UNASKED: Final = frozenset({GONE, ERASED, LEFT_BEHIND})


class Filling:
    """What jobs ask for."""

    def __init__(self, lookups: Lookups, connectors: Connectors, store: Store) -> None:
        self._lookups = lookups
        self._connectors = connectors
        self._store = store

    async def at_provider(self, org: OrgView, phone: str, errand: Errand) -> Filled:
        """Has the provider asked for what is missing of the number (E.164): once in the whole job."""
        person, since = org.organization.cipher.person(phone), errand.since
        seen = await self._lookups.look(org, phone, person, errand)
        if self._lookups.missing(org, seen.record, phone, since) and (seen.error in (None, "budget")):
            # That was a call's question, which wants less, or may not cost anything any more.
            seen = await self._lookups.look(org, phone, person, errand)
        if not self._lookups.missing(org, seen.record, phone, since):
            return Filled()
        return _filled(seen.error or "unavailable")

    async def at_connectors(self, org: OrgView, phone: str, errand: Errand) -> Filled:
        """Asks every enabled connector for the number, as long as it stands in the address book."""
        asks = [
            ask for ask in self._connectors.asks(org, Inquiry(phone), 0.0) if isinstance(ask, ConnectorAsk)
        ]
        if not asks:
            return Filled("none_enabled", hopeless=True)
        if not await self._in_book(org, phone):
            return Filled(GONE, unasked=True)
        # At once, as for a call: one that hangs must not make the others' time longer.
        subjects = [ask.subject._replace(begun_at=errand.begun_at) for ask in asks]
        told = await asyncio.gather(*(self._connectors.ask(subject, None) for subject in subjects))
        errors = [one.answer.error for one in told if isinstance(one.answer, Failed)]
        spared = [error for error in errors if error in ("busy", "breaker_open")]
        if errors:
            return Filled(errors[0], later=bool(spared))
        return Filled()

    async def _in_book(self, org: OrgView, phone: str) -> bool:
        async with self._store.looking_up() as conn:
            return await contacts.id_of(conn, org.id, phone) is not None


def _filled(error: str) -> Filled:
    return Filled(error, error in _LATER, error in _HOPELESS, error in _UNASKED)

"""One number of the address book, asked for by a job: at the provider of telephone data, or at connectors."""

from __future__ import annotations

from typing import Final

from gateway.crm.answers import Failed
from gateway.domain.backfill import Filled
from gateway.domain.resolution import Inquiry
from gateway.enrich.connectors import ConnectorAsk, Connectors
from gateway.enrich.lookups import Errand, Lookups
from gateway.store.directory import OrgView

# Nothing was asked, and it may be soon.
_LATER: Final = frozenset(
    {
        "rate_limited", "breaker_open", "busy", "unavailable", "aborted", "dns", "connect_refused",
        "connect_timeout", "target_unreachable",
    }
)  # fmt: skip
_HOPELESS: Final = frozenset({"refused", "no_credentials", "target_denied", "tls"})


class Filling:
    """What jobs ask for."""

    def __init__(self, lookups: Lookups, connectors: Connectors) -> None:
        self._lookups = lookups
        self._connectors = connectors

    async def at_provider(self, org: OrgView, phone: str, job_id: str, since: int | None) -> Filled:
        """Has the provider asked for what is missing of the number (E.164): once in the whole job."""
        person, errand = org.organization.cipher.person(phone), Errand(job_id, since)
        seen = await self._lookups.look(org, phone, person, errand)
        if self._lookups.missing(seen.record, phone, since) and (seen.error in (None, "budget")):
            # That was a call's question, which wants less, or may not cost anything any more.
            seen = await self._lookups.look(org, phone, person, errand)
        if not self._lookups.missing(seen.record, phone, since):
            return Filled()
        return _filled(seen.error or "unavailable")

    async def at_connectors(self, org: OrgView, phone: str, job_id: str, since: int | None) -> Filled:
        """Asks every enabled connector for the number."""
        asks = [
            ask for ask in self._connectors.asks(org, Inquiry(phone), 0.0) if isinstance(ask, ConnectorAsk)
        ]
        if not asks:
            return Filled("none_enabled", hopeless=True)
        errors = []
        for ask in asks:
            answer = (await self._connectors.ask(ask.subject, None)).answer
            if isinstance(answer, Failed):
                errors.append(answer.error)
        spared = [error for error in errors if error in ("busy", "breaker_open")]
        if errors:
            return Filled(errors[0], later=bool(spared))
        return Filled()


def _filled(error: str) -> Filled:
    return Filled(error, later=error in _LATER, hopeless=error in _HOPELESS)

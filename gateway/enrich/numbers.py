"""Lookups of the number as a source: line type, carrier, and the name that the telephone network gives.

What was told within the time it is of use answers at once; for what is missing the provider is asked
(`lookups`). A caller is known to it when it has a name; line and carrier tell nothing of who calls, and are
told beside what others know.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from gateway.domain.contact import Kind, Knowledge
from gateway.domain.errand import Errand
from gateway.domain.number_lookup import EMPTY, NAME, Record, values_of
from gateway.domain.resolution import Heard, Inquiry
from gateway.enrich.lookups import SOURCE, UNAVAILABLE, Lookups
from gateway.enrich.recalls import Recalled
from gateway.store.directory import OrgView

_SAYS_NO: Final = frozenset({"not_approved", "not_covered"})
"""Failures of the name's package that will not be otherwise the next time: it does not know the caller."""


class Numbers:
    """Asks the provider of telephone data."""

    def __init__(self, lookups: Lookups) -> None:
        self.lookups = lookups

    def asks(self, org: OrgView, inquiry: Inquiry, ends: float) -> list[NumberAsk]:
        """Nothing without an account or with a budget of 0, and nothing about the organization's own
        numbers."""
        if self.lookups.budget(org) < 1 or org.organization.settings.is_own(inquiry.phone):
            return []
        return [NumberAsk(self.lookups, org, inquiry.phone, Errand(self.lookups.clock.now()))]


@dataclass(slots=True, eq=False)
class NumberAsk:
    """The question about one number (`sources.Ask`)."""

    lookups: Lookups = field(repr=False)
    org: OrgView = field(repr=False)
    phone: str = field(repr=False)
    errand: Errand
    record: Record = field(default=EMPTY, repr=False)
    source: str = SOURCE
    kind: Kind = "lookup"

    def known(self, recalled: Recalled) -> Heard | None:
        if not recalled.reachable:
            return self.without(UNAVAILABLE)
        self.record = recalled.number.record
        return None if self.lookups.missing(self.org, self.record, self.phone) else self._heard()

    async def hear(self, memory: asyncio.Future[Recalled]) -> Heard:
        known = self.known(await asyncio.shield(memory))
        if known is not None:
            return known
        person = self.org.organization.cipher.person(self.phone)
        seen = await self.lookups.look(self.org, self.phone, person, self.errand)
        self.record = seen.record
        return self._heard(seen.error)

    def refresh(self) -> None:
        """What is told is of use: nobody asks behind it."""

    def without(self, error: str) -> Heard:
        return self._heard(error)

    def _heard(self, error: str | None = None) -> Heard:
        """What the record comes to, with why it is not more."""
        now, lifetimes = self.lookups.clock.now(), self.lookups.lifetimes(self.org)
        if error is None and now < lifetimes.invalid_until(self.record):
            return Heard(SOURCE, "failed", error="invalid")
        usable = lifetimes.usable(self.record, now)
        values, times = values_of(usable.values())
        knowledge = None
        if values:
            knowledge = Knowledge("lookup", max(times.values()), values=values, times=times)
        of_name = usable[NAME].error if NAME in usable else None
        failed = error or next((told.error for told in usable.values() if told.error is not None), None)
        if "caller_name" in values:
            return Heard(SOURCE, "found", knowledge, error=failed)
        if error is not None or (of_name is not None and of_name not in _SAYS_NO):
            return Heard(SOURCE, "failed", knowledge, error=failed)
        return Heard(SOURCE, "not_found", knowledge, error=failed)

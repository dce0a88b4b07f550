"""What an agent would be told of a caller, out of what is kept or given, without asking anybody."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.clock import Clock
from gateway.domain.caller_fields import CallerFields
from gateway.domain.contact import Caller, merge
from gateway.domain.context import Wording, caller_context, wording
from gateway.domain.phone import Phone, Unusable, parse
from gateway.domain.preview import CallerPreview, Preview, told
from gateway.domain.resolution import (
    Heard,
    Inquiry,
    Problem,
    contact_id_of,
    freshness_of,
    knowledge_of,
    status_of,
)
from gateway.enrich.answering import PHONE
from gateway.enrich.caller import Callers
from gateway.enrich.recalls import Recalled
from gateway.store.directory import OrgView

NOT_ASKED = "not_asked"


@dataclass(frozen=True, slots=True)
class Previews:
    """Previews for whoever writes templates, or wonders what an agent knows."""

    callers: Callers
    clock: Clock

    async def preview(self, org: OrgView, asked: CallerPreview) -> Preview:
        region = org.organization.settings.region
        number = None if asked.phone is None else parse(asked.phone, region)
        words = _words(org, asked)
        if asked.contact is not None:
            return self._made(asked, number, words, [], asked.contact.caller())
        assert number is not None
        if not isinstance(number, Phone):
            return self._made(asked, number, words, [], None)
        heard = await self._remembered(org, number.e164)
        caller = merge(knowledge_of(heard)) if status_of(heard) == "found" else None
        contact_id = contact_id_of(heard) or org.organization.cipher.contact(number.e164)
        return self._made(asked, number, words, heard, caller, contact_id)

    async def _remembered(self, org: OrgView, phone: str) -> list[Heard]:
        """What each source has said before; of those that are silent, that they were not asked."""
        keeping, person = self.callers.keeping, org.organization.cipher.person(phone)
        recalled: Recalled = await keeping.recall(org, phone, person)
        heard = []
        for source in self.callers.sources:
            for ask in source.asks(org, Inquiry(phone), 0.0):
                known = ask.known(recalled)
                heard.append(ask.without(NOT_ASKED) if known is None else known)
        return heard

    def _made(
        self,
        asked: CallerPreview,
        number: Phone | Unusable | None,
        words: Wording,
        heard: list[Heard],
        caller: Caller | None,
        contact_id: str | None = None,
    ) -> Preview:
        errors = [Problem(one.source, one.error) for one in heard if one.error is not None]
        phone = number.e164 if isinstance(number, Phone) else None
        line = phone
        if isinstance(number, Unusable):
            line = number.reason
            errors.append(Problem(PHONE, number.reason))
        status, freshness = status_of(heard), freshness_of(heard)
        if asked.contact is not None:
            status, freshness = "found", "fresh"
        shown, withheld = told(caller, asked.setting, words)
        context = caller_context(
            caller, status=status, phone=line, setting=asked.setting, stale=freshness == "stale",
            words=words,
        )  # fmt: skip
        return Preview(
            self.clock.now(), phone, status, freshness, caller, context, tuple(errors), contact_id, shown,
            withheld,
        )  # fmt: skip


def _words(org: OrgView, asked: CallerPreview) -> Wording:
    """The organization's wording, with what is to be tried in its place."""
    settings, named = org.organization.settings, asked.model_fields_set
    if not named & {"context_template", "caller_fields"}:
        return settings.wording
    template = asked.context_template if "context_template" in named else settings.context_template
    fields = settings.caller_fields
    if "caller_fields" in named:
        fields = asked.caller_fields or CallerFields()
    return wording(template, fields)

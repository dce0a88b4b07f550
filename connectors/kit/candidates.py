"""Which of the contacts that the CRM came up with has the number, and which of those is answered.

A CRM searches by its own rules: too much comes back. Each candidate is compared here, exact matches go before
those without a country, and among equals the oldest goes first, so that the answer is the same every time.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from connectors.kit.answers import Problem
from connectors.kit.connector import Candidate
from connectors.kit.contract import Contact, Found, Match, NotFound
from connectors.kit.phones import Phone, match

_RANK: dict[Match, int] = {"exact": 0, "suffix": 1}


def choose(phone: Phone, candidates: Iterable[Candidate], country: str) -> Found | NotFound:
    """The answer to a lookup. `matches` counts every contact that has the number, however it is written."""
    matching: dict[str, tuple[Match, str, Contact]] = {}
    for candidate in candidates:
        how = _match(phone, candidate, country)
        if how is None:
            continue
        contact = checked(candidate.contact)
        known = matching.get(contact.id)  # a CRM that is asked in several ways gives one contact twice
        if known is None or _RANK[how] < _RANK[known[0]]:
            matching[contact.id] = how, candidate.created, contact
    if not matching:
        return NotFound()
    how, _, contact = min(matching.values(), key=_order)
    return Found(
        contact=msgspec.structs.replace(contact, phone=phone.e164),
        matches=len(matching),
        match=how,
    )


def _match(phone: Phone, candidate: Candidate, country: str) -> Match | None:
    found = {how for stored in candidate.phones if (how := match(phone, stored, country)) is not None}
    return min(found, key=_RANK.__getitem__, default=None)


def _order(found: tuple[Match, str, Contact]) -> tuple[int, bool, str, int, str]:
    how, created, contact = found
    # Ids are numbers in many CRMs: 9 is older than 10.
    return _RANK[how], not created, created, len(contact.id), contact.id


def checked(contact: Contact) -> Contact:
    """The contact as HUM takes it. Raises Problem naming the field that the connector filled in wrongly."""
    try:
        found = msgspec.convert(msgspec.to_builtins(contact), Contact)
    except (msgspec.ValidationError, TypeError, ValueError, RecursionError) as error:
        raise Problem(500, "answer_invalid", f"the connector's contact: {error}", ours=True) from error
    if not found.id:
        raise Problem(500, "answer_invalid", "the connector's contact has an empty id", ours=True)
    if found.url is not None and not found.url.startswith("https://"):
        return msgspec.structs.replace(found, url=None)  # HUM would refuse the whole answer for it
    return found

"""What people do with the address book: write, delete, merge; and what they are shown of a contact.

A contact is named by its id or by a number, in E.164 or as it is written in the organization's region. Who
writes to a number that is not in the book makes the contact.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from gateway.domain.connector import by_precedence
from gateway.domain.contact import Caller, Knowledge, merge
from gateway.domain.contact_requests import MOST_FIELDS, MOST_TAGS, ContactWrite
from gateway.domain.overrides import (
    custom_count,
    joined,
    knowledge_of,
    patched,
    replaced,
)
from gateway.domain.phone import DEFAULT_REGION, Phone, is_assigned, is_national, parse
from gateway.errors import Conflict, InvalidRequest, NotFound
from gateway.store import connector_contacts
from gateway.store import contacts as rows
from gateway.store.contacts import Contact
from gateway.store.directory import OrgView
from gateway.store.transaction import Transaction

MOST_PHONES: Final = 20

_UNUSABLE: Final = {
    "withheld": "stands for a number that is withheld, which is nobody's in particular",
    "short": "is too short to be anybody's in particular",
    "invalid": "is neither a contact's id nor a number in E.164, such as +13175550142",
}


@dataclass(frozen=True, slots=True)
class Written:
    """A contact as it is now, and whether it was made with this."""

    contact: Contact
    created: bool


def key_of(text: str, region: str | None) -> str:
    """A contact's id or number as the address book knows it. `region` is the country of numbers without one;
    where nobody has said it (None), numbers are in E.164. Raises NotFound for what can be no contact's."""
    if text.startswith("ctc_"):
        return text
    number = parse(text, region or DEFAULT_REGION)
    if isinstance(number, Phone) and (text.startswith("+") or _is_of(region, text, number)):
        return number.e164
    reason = "invalid" if isinstance(number, Phone) else number.reason
    also = f", nor one as it is written in {region}" if region and reason == "invalid" else ""
    raise NotFound(f"what is asked for {_UNUSABLE[reason]}{also}")


def _is_of(region: str | None, text: str, number: Phone) -> bool:
    """Whether a number without its country names a contact: one that is merely possible may be a slip."""
    return region is not None and is_national(text) and is_assigned(number)


def no_such() -> NotFound:
    # Names nothing: it may be somebody's number.
    return NotFound("there is no such contact in the address book")


def picture(org: OrgView, contact: Contact) -> Caller:
    """All that is known of the contact as one: what people say, then its connectors, as they last
    answered."""
    return merge([knowledge_of(contact.overrides, contact.tags), *_counting(org, contact)])


async def write(
    tx: Transaction, org: OrgView, key: str, request: ContactWrite, by: str, now: int, *, replacing: bool
) -> Written:
    """Writes what a person says: instead of what people have said before, or as a merge patch of it. Raises
    NotFound for an id that there is none of."""
    cipher = org.organization.cipher
    found = await rows.find(tx.conn, cipher, org.id, key)
    contact = found or await _add(tx, org, key, now)
    change = replaced if replacing else patched
    overrides = change(contact.overrides, request, now, by)
    if custom_count(overrides) > MOST_FIELDS:
        raise InvalidRequest.field("fields", f"a contact has at most {MOST_FIELDS}")
    tags = contact.tags
    if replacing or "tags" in request.model_fields_set:
        tags = tuple(request.tags or ())
    if contact.by_person and (overrides, tags) == (contact.overrides, contact.tags):
        return Written(contact, found is None)
    changed = await rows.change(tx.conn, cipher, contact, overrides, tags, now)
    return Written(changed, found is None)


async def delete(tx: Transaction, org: OrgView, key: str) -> str:
    """Takes the contact away, and what connectors have answered about its numbers; its id. Whom a CRM knows
    comes back with the next call."""
    cipher = org.organization.cipher
    contact = await existing(tx, org, key)
    await rows.remove(tx.conn, cipher, contact)
    for phone in contact.phones:
        await connector_contacts.forget_person(tx.conn, org.id, cipher.person(phone))
    return contact.id


async def merge_into(tx: Transaction, org: OrgView, key: str, other: str, now: int) -> Contact:
    """Makes the contact `other`, or a number that is nobody's yet, one with the contact `key`, whose word
    counts where both say something. Raises NotFound, and Conflict when they are one already or have too many
    numbers."""
    cipher = org.organization.cipher
    into = await existing(tx, org, key)
    absorbed = await rows.find(tx.conn, cipher, org.id, other)
    if absorbed is None:
        if not other.startswith("+"):
            raise InvalidRequest.field("from", "there is no such contact")
        absorbed = await _add(tx, org, other, now)
    if absorbed.id == into.id:
        raise Conflict("the two are one contact already", code="contact_merged")
    if len(into.phones) + len(absorbed.phones) > MOST_PHONES:
        raise Conflict(f"a contact has at most {MOST_PHONES} numbers", code="too_many_numbers")
    overrides = joined(into.overrides, absorbed.overrides)
    tags = tuple(dict.fromkeys((*into.tags, *absorbed.tags)))[:MOST_TAGS]
    await rows.change(tx.conn, cipher, absorbed, {}, (), now)
    await rows.move_phones(tx.conn, absorbed, into)
    await rows.change(tx.conn, cipher, into, overrides, tags, now)
    return await existing(tx, org, into.id)


async def existing(tx: Transaction, org: OrgView, key: str) -> Contact:
    """The contact. Raises NotFound."""
    found = await rows.find(tx.conn, org.organization.cipher, org.id, key)
    if found is None:
        raise no_such()
    return found


async def _add(tx: Transaction, org: OrgView, phone: str, now: int) -> Contact:
    if not phone.startswith("+"):
        raise no_such()
    return await rows.add(tx, org.organization.cipher, org.id, phone, now)


def _counting(org: OrgView, contact: Contact) -> list[Knowledge]:
    """What sources say that count: of connectors that are there, and lead where they led when they said
    it."""
    connectors = by_precedence(org.connectors.values())
    ranks = {one.id: (rank, one.contacts_since) for rank, one in enumerate(connectors)}
    found = []
    for said in contact.said:
        if said.knowledge.kind != "crm":
            found.append(said.knowledge)
        elif said.source in ranks and said.at >= ranks[said.source][1]:
            found.append(replace(said.knowledge, rank=ranks[said.source][0]))
    return found

"""`/api/contacts`: the address book. Files of contacts come in through `contact_files`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain import contact_search as wording
from gateway.domain.contact_requests import (
    ContactMerge,
    ContactRefresh,
    ContactSearch,
    ContactUpdate,
    ContactWrite,
)
from gateway.domain.resolution import Heard
from gateway.errors import Gone, InvalidRequest, NotFound
from gateway.manage import contacts as manage
from gateway.store import contact_search
from gateway.store import contacts as rows
from gateway.store.contacts import Contact
from gateway.store.page import decode_cursor
from gateway.store.scan import Found
from gateway.web import answers, exports, shapes, shapes_contacts
from gateway.web.audit import who
from gateway.web.call import Answer, Call
from gateway.web.lists import PAGE_PARAMETERS, page_query
from gateway.web.operation import Operation

_ROWS_OF_AN_EXPORT: Final = 200  # at a time
_WRITTEN_SECONDS: Final = 2.0

# In the order in which a spreadsheet shows them; what people may write comes back in with an import.
COLUMNS: Final = {
    name: (lambda row, name=name: row[name])
    for name in (
        "phone", "name", "first_name", "last_name", "email", "company", "title", "notes",
    )
} | {
    "tags": lambda row: ";".join(row["tags"]),
    "fields": lambda row: msgspec.json.encode(row["fields"]).decode() if row["fields"] else None,
    "overridden": lambda row: ";".join(row["overrides"]),
    "by_person": lambda row: row["by_person"],
    "other_phones": lambda row: ";".join(row["phones"][1:]),
} | {
    name: (lambda row, name=name: row[name])
    for name in ("carrier", "line_type", "caller_name", "id", "org_id", "created_at", "updated_at")
}  # fmt: skip


async def list_contacts(call: Call) -> Answer:
    tag = call.query.get("tag")
    kind = exports.wanted_kind(call.headers.get("accept", ""))
    if kind is not None:
        return await _export(call, tag, kind)
    async with call.reading() as conn:
        page = await rows.page(conn, call.org_filter, tag, await page_query(call, conn))
        data = await _shown(call, conn, page)
    content: answers.ContactList = {
        "data": data,
        "next_cursor": page.next_cursor,
        "searched_until": shapes.time(page.searched_until),
    }
    return Answer(content)


async def _export(call: Call, tag: str | None, kind: str) -> Answer:
    call.principal.require("admin", "manage")
    for name in ("limit", "cursor"):
        if name in call.query:
            raise InvalidRequest.field(name, "is not for exports, which hold every contact")
    async with call.reading() as conn:
        query = replace(await page_query(call, conn), limit=_ROWS_OF_AN_EXPORT)

    async def pages(cursor: str | None) -> tuple[Sequence[Mapping[str, Any]], str | None]:
        after = None if cursor is None else decode_cursor(cursor, query.order)
        async with call.reading() as conn:
            page = await rows.page(conn, call.org_filter, tag, replace(query, after=after))
            return await _shown(call, conn, page), page.next_cursor

    call.audit.payload = True
    call.audit.details = {"export": kind} | ({} if tag is None else {"tag": tag})
    return Answer(stream=exports.stream(kind, COLUMNS, pages), media_type=kind)


async def search_contacts(call: Call) -> Answer:
    asked: ContactSearch = call.model
    org = call.the_org
    wanted = wording.wanted(asked.q, org.organization.settings.region)
    async with call.searching() as conn:
        ids, more = await contact_search.find(conn, org.id, wanted, asked.limit)
        found = await rows.rows_of(conn, org.id, ids)
        loaded = await rows.load(conn, org.organization.cipher, org.id, found)
    by_id = {contact.id: contact for contact in loaded}
    ordered = [by_id[contact_id] for contact_id in ids if contact_id in by_id]
    content: answers.FoundContacts = {
        "data": [_shape(call, contact) for contact in ordered],
        "more": more,
    }
    return Answer(content)


def _key(call: Call) -> str:
    return manage.key_of(call.path["id"], _region(call))


def _region(call: Call) -> str | None:
    """The country of numbers that are written without one, if the organization has said it."""
    return call.the_org.organization.settings.default_region


async def get_contact(call: Call) -> Answer:
    org, key = call.the_org, _key(call)
    async with call.reading() as conn:
        found = await rows.find(conn, org.organization.cipher, org.id, key)
    if found is None:
        raise manage.no_such()
    return Answer(_shape(call, found))


async def replace_contact(call: Call) -> Answer:
    return await _write(call, replacing=True)


async def update_contact(call: Call) -> Answer:
    if not call.model.model_fields_set:
        known = ", ".join(ContactWrite.model_fields)
        raise InvalidRequest.field("", f"name what is to change: {known}")
    return await _write(call, replacing=False)


async def _write(call: Call, *, replacing: bool) -> Answer:
    key, now, by = _key(call), call.services.clock.now(), who(call).actor
    async with call.services.transaction() as tx:
        written = await manage.write(tx, call.the_org, key, call.model, by, now, replacing=replacing)
    call.audit.object_id = written.contact.id
    return Answer(_shape(call, written.contact), 201 if written.created else 200)


async def delete_contact(call: Call) -> Answer:
    key = _key(call)
    async with call.services.transaction() as tx:
        call.audit.object_id = await manage.delete(tx, call.the_org, key)
    return Answer(status=204)


async def merge_contact(call: Call) -> Answer:
    key, other = _key(call), _other(call)
    cipher = call.the_org.organization.cipher
    async with call.services.transaction() as tx:
        merged = await manage.merge_into(tx, call.the_org, key, other, call.services.clock.now())
    call.audit.object_id = merged.id
    call.audit.details = {"from": cipher.contact(other) if other.startswith("+") else other}
    return Answer(_shape(call, merged))


def _other(call: Call) -> str:
    try:
        return manage.key_of(getattr(call.model, "from"), _region(call))
    except NotFound as problem:
        raise InvalidRequest.field("from", problem.message.removeprefix("what is asked for ")) from None


async def refresh_contact(call: Call) -> Answer:
    services, org, key = call.services, call.the_org, _key(call)
    cipher = org.organization.cipher
    async with call.reading() as conn:
        known = await rows.find(conn, cipher, org.id, key)
    if known is None and not key.startswith("+"):
        raise manage.no_such()
    phones = known.phones if known is not None else (key,)
    deadline_ms = call.model.deadline_ms
    heard = await services.callers.refresh(org, phones, begun=call.arrived, deadline_ms=deadline_ms)
    await services.keeping.written(_WRITTEN_SECONDS)
    async with call.reading() as conn:
        found = await rows.find(conn, cipher, org.id, key)
    call.audit.object_id = cipher.contact(phones[0])
    content: answers.RefreshedContact = {
        "contact": None if found is None else _shape(call, found),
        "errors": _errors(heard),
    }
    return Answer(content)


def _errors(heard: Iterable[Heard]) -> list[answers.CallerError]:
    failed = dict.fromkeys((one.source, one.error) for one in heard if one.error is not None)
    return [{"source": source, "error": error} for source, error in failed]


async def _shown(call: Call, conn: AsyncConnection, page: Found) -> list[answers.Contact]:
    """The contacts of a page, which may be several organizations', in its order; without those of an
    organization that is being erased."""
    shown: dict[str, answers.Contact] = {}
    for org_id in dict.fromkeys(row.org_id for row in page.rows):
        try:
            org = await call.services.directory.living(org_id)
        except (Gone, NotFound):
            continue
        own = [row for row in page.rows if row.org_id == org_id]
        for contact in await rows.load(conn, org.organization.cipher, org_id, own):
            shown[contact.id] = shapes_contacts.contact(org, contact, call.services.clock.now())
    return [shown[row.id] for row in page.rows if row.id in shown]


def _shape(call: Call, contact: Contact) -> answers.Contact:
    return shapes_contacts.contact(call.the_org, contact, call.services.clock.now())


_NAMED: Final = (
    "The contact is named by its id, or by a number in E.164; where the organization has a `default_region`, "
    "also by one as it is written there."
)

OPERATIONS = (
    Operation(
        "GET", "/api/contacts", "listContacts", list_contacts, "viewer", "manage", "read",
        "Contacts in the order in which they were made.", query=(*PAGE_PARAMETERS, "tag"),
        answers={200: answers.ContactList}, exports=(exports.CSV, exports.LINES),
        note="What the book holds: whom a person has entered, and whom a connector knew when they called. "
        "With `Accept: text/csv` or `application/x-ndjson` the answer is a stream of all of them, for the "
        "role *admin*, without `limit` and `cursor`. In CSV, cells that a spreadsheet would take for a "
        "formula get a leading `'`.",
    ),
    Operation(
        "POST", "/api/contacts/search", "searchContacts", search_contacts, "viewer", "manage", "write",
        "Find contacts by a number or a name.", model=ContactSearch, org="one", waits=True, audited=False,
        repeatable=True, answers={200: answers.FoundContacts},
        note="`q` is a number in any notation, at least three digits of one, or words: each must be part of "
        "a name, a company or an e-mail address that any source knows. Case and accents make no "
        "difference. Names that begin with `q` come first.",
    ),
    Operation(
        "GET", "/api/contacts/{id}", "getContact", get_contact, "viewer", "manage", "read", "One contact.",
        org="one", answers={200: answers.Contact},
        note=f"{_NAMED} The id or number of one that was merged leads to the other. What connectors say is "
        "what they said last; nobody is asked.",
    ),
    Operation(
        "PUT", "/api/contacts/{id}", "replaceContact", replace_contact, "operator", "manage", "write",
        "Say of a contact this and nothing else.", model=ContactWrite, org="one",
        answers={200: answers.Contact, 201: answers.Contact},
        note=f"{_NAMED} Replaces all that people have said of it, tags too. Under a number that is not in "
        "the book, the contact is made.",
    ),
    Operation(
        "PATCH", "/api/contacts/{id}", "updateContact", update_contact, "operator", "manage", "write",
        "Say something of a contact, by merge patch.", model=ContactUpdate, org="one",
        answers={200: answers.Contact, 201: answers.Contact},
        note=f"{_NAMED} What is not named stays; null takes back what people have said, and then the "
        "connectors' word counts again. Under a number that is not in the book, the contact is made.",
    ),
    Operation(
        "DELETE", "/api/contacts/{id}", "deleteContact", delete_contact, "operator", "manage", "write",
        "Take a contact out of the book.", org="one", answers={204: None},
        note="With all that people have said of it, and what connectors have answered about its numbers. "
        "Whom a connector knows comes back with the next call. What a lookup has told of a number was paid "
        "for, and is kept. To forget a person for good, erase them.",
    ),
    Operation(
        "POST", "/api/contacts/{id}/refresh", "refreshContact", refresh_contact, "operator", "manage",
        "write", "Ask every source about a contact now.", model=ContactRefresh, org="one", waits=True,
        names_people=True,
        answers={200: answers.RefreshedContact},
        note=f"{_NAMED} Whatever was said before, every enabled connector is asked about each of its "
        "numbers, and is waited for as long as `deadline_ms`; later answers count all the same.",
    ),
    Operation(
        "POST", "/api/contacts/{id}/merge", "mergeContact", merge_contact, "operator", "manage", "write",
        "Make two contacts one.", model=ContactMerge, org="one", answers={200: answers.Contact},
        names_people=True,
        errors=("contact_merged", "too_many_numbers"),
        note=f"{_NAMED} The contact `from`, or a number that is nobody's yet, becomes part of it; where "
        "people have said something of both, the word about this one counts. Its id and numbers lead here "
        "from then on.",
    ),
)  # fmt: skip

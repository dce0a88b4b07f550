"""Contacts: the address book, looking somebody up in it, a contact with all that is known of them.

What is done to one is in `contact_acts`; files of contacts are in `contact_files`, and erasing a person for
good in `erasures`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.errors import InvalidRequest, Problem
from gateway.web.console.page import Download, Page, Shown, Visit
from gateway.web.console.pages.contact_files import export

FIELDS: Final = (
    ("name", "Name"),
    ("first_name", "First name"),
    ("last_name", "Last name"),
    ("email", "E-mail"),
    ("company", "Company"),
    ("title", "Title"),
    ("caller_name", "Caller name"),
    ("line_type", "Line type"),
    ("carrier", "Carrier"),
    ("notes", "Notes"),
)


async def listed(visit: Visit) -> Shown | Download:
    if visit.query.get("format"):
        return await export(visit)
    query = {name: visit.query.get(name) for name in ("tag", "cursor")}
    page = await visit.ask("listContacts", query=query)
    return Shown("contacts.html", {"page": page, "searched": None, "problem": None})


async def search(visit: Visit) -> Shown:
    """A form that is sent, so that no name or number stands in an address."""
    found: dict[str, Any] = {"data": [], "more": False}
    problem: Problem | None = None
    try:
        found = await visit.ask("searchContacts", body={"q": visit.form.get("q")})
    except InvalidRequest as mistaken:
        problem = mistaken
    values = {"page": found | {"next_cursor": None}, "searched": found, "problem": problem}
    return Shown("contacts.html", values, 200 if problem is None else problem.status)


async def one(visit: Visit) -> Shown:
    return await shown(visit)


async def shown(visit: Visit, problem: Problem | None = None, errors: Any = ()) -> Shown:
    """The page of the contact in the address; `errors` are of sources that have not answered."""
    contact = await visit.ask("getContact", path=visit.path)
    values = {
        "contact": contact,
        "rows": rows(contact),
        "connectors": await names_of_connectors(visit),
        "problem": problem,
        "errors": errors,
    }
    return Shown("contact.html", values, 200 if problem is None else problem.status)


async def names_of_connectors(visit: Visit) -> dict[str, str]:
    connectors = await visit.ask("listConnectors", query={"limit": "200"})
    return {each["id"]: each["name"] for each in connectors["data"]}


def rows(contact: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every value that is there: what it is called, from where and for how long it is known; what a person
    has said of it stands beside it."""
    said = contact["overrides"]
    found = [_row(contact, name, title, contact[name], said) for name, title in FIELDS]
    found += [_row(contact, f"fields.{name}", name, value, said) for name, value in contact["fields"].items()]
    return [row for row in found if row["value"] is not None]


def _row(
    contact: Mapping[str, Any], name: str, title: str, value: Any, said: Mapping[str, Any]
) -> dict[str, Any]:
    override = said.get(name)
    source = contact["provenance"].get(name) or ("override" if override else "crm")
    return {
        "name": name,
        "title": title,
        "value": {True: "yes", False: "no"}[value] if isinstance(value, bool) else value,
        "source": source,
        "age": contact["ages"].get(name),
        "said": override,
    }


PAGES = (
    Page("/o/{org}/contacts", listed),
    Page("/o/{org}/contacts/search", search, "POST"),
)
LAST = (Page("/o/{org}/contacts/{id}", one),)
"""Behind every page whose address looks like a contact's."""

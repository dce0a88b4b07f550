"""How callers and contacts look in answers. What they promise is in `web.answers.callers` and
`web.answers.contacts`."""

from __future__ import annotations

from gateway.clock import format_time
from gateway.domain.contact import Caller, CrmLink
from gateway.manage.contacts import picture
from gateway.store.contacts import Contact
from gateway.store.directory import OrgView
from gateway.web import answers


def caller(found: Caller, contact_id: str | None, phone: str, at: int) -> answers.Caller:
    """A caller as known at `at` (ms)."""
    values = found.values
    return {
        "id": contact_id,
        "phone": phone,
        "name": values.get("name"),
        "first_name": values.get("first_name"),
        "last_name": values.get("last_name"),
        "email": values.get("email"),
        "company": values.get("company"),
        "title": values.get("title"),
        "carrier": values.get("carrier"),
        "line_type": values.get("line_type"),
        "caller_name": values.get("caller_name"),
        "tags": list(found.tags),
        "crm": [_link(link) for link in found.links],
        "provenance": dict(found.provenance),
        "ages": {name: max(at - fetched, 0) // 1000 for name, fetched in found.fetched.items()},
    }


def contact(org: OrgView, found: Contact, now: int) -> answers.Contact:
    """A contact as it is shown at `now` (ms)."""
    known = picture(org, found)
    shown = caller(known, found.id, found.phone, now)
    return {
        "id": found.id,
        "org_id": found.org_id,
        "phone": found.phone,
        "phones": list(found.phones),
        "name": shown["name"],
        "first_name": shown["first_name"],
        "last_name": shown["last_name"],
        "email": shown["email"],
        "company": shown["company"],
        "title": shown["title"],
        "carrier": shown["carrier"],
        "line_type": shown["line_type"],
        "caller_name": shown["caller_name"],
        "notes": known.notes,
        "fields": dict(known.fields),
        "tags": shown["tags"],
        "crm": shown["crm"],
        "provenance": shown["provenance"],
        "ages": shown["ages"],
        "overrides": {
            name: {"value": one.value, "at": format_time(one.at), "by": one.by}
            for name, one in sorted(found.overrides.items())
        },
        "by_person": found.by_person,
        "created_at": format_time(found.created_at),
        "updated_at": format_time(found.updated_at),
    }


def _link(link: CrmLink) -> answers.CrmLink:
    return {
        "connector_id": link.connector_id,
        "contact_id": link.contact_id,
        "url": link.url,
        "matches": link.matches,
    }

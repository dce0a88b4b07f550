"""Where one begins: one's own organization, or for the platform the list of all."""

from __future__ import annotations

from gateway.web.console.page import Onward, Page, Shown, Visit

AT_ONCE = 100


async def start(visit: Visit) -> Shown | Onward:
    own = visit.principal.org_id
    if own is not None:
        return Onward(visit.address("o", own, ""))
    wanted = visit.query.get("org", "").strip()
    if wanted:
        return Onward(visit.address("o", wanted, ""))
    page = await visit.ask(
        "listOrganizations",
        query={"limit": str(AT_ONCE), "cursor": visit.query.get("cursor"), "order": "asc"},
    )
    return Shown("organizations.html", {"page": page, "at_once": AT_ONCE})


PAGES = (Page("", start), Page("/", start))

"""One event: what was accepted, its data, and to whom it is owed."""

from __future__ import annotations

from gateway.domain.near_miss import hints_for_event
from gateway.web.auth import ALL_ORGS
from gateway.web.console.page import Download, Onward, Page, Shown, Visit
from gateway.web.console.pages.delivery import MOST_SHOWN
from gateway.web.console.targets import target_names


async def event(visit: Visit) -> Shown | Onward | Download:
    """With `format`, its data as a file."""
    path = {"id": visit.path["id"]}
    found = await visit.ask("getEvent", path=path, raw=("data",))
    if visit.query.get("format") == "data" and found["data"] != b"null":
        return Download(found["data"], "application/json", f"{found['id']}.json")
    if visit.org_id == ALL_ORGS:
        return Onward(visit.address("o", found["org_id"], "events", found["id"]))
    page = await visit.ask("listEventDeliveries", path=path, query={"cursor": visit.query.get("cursor")})
    names = await target_names(visit)
    values = {
        "one": found,
        "data": None if found["data"] == b"null" else found["data"],
        "hints": hints_for_event(found["type"], found["timestamp"], found["accepted_at"]),
        "page": page,
        "most_shown": MOST_SHOWN,
        "names": names,
        "hooks": {id_: url for id_, url in names.items() if id_.startswith("whk_")},
    }
    return Shown("event.html", values)


PAGES = (Page("/o/{org}/events/{id}", event),)

"""The log of direct calls between the gateway and a connector."""

from __future__ import annotations

from typing import Any, Final

from gateway.errors import InvalidRequest, Problem
from gateway.web.console.page import Page, Shown, Visit
from gateway.web.console.times import api_time

KINDS: Final = ("lookup", "create", "ping", "changes")
RESULTS: Final = ("succeeded", "failed")
_NOTHING: Final[dict[str, Any]] = {"data": [], "next_cursor": None, "searched_until": None}


async def log(visit: Visit) -> Shown:
    query = {name: visit.query.get(name) for name in ("kind", "result", "status_code", "cursor")}
    query |= {name: api_time(visit.query.get(name, ""), visit.now) for name in ("since", "until")}
    problem: Problem | None = None
    try:
        page = await visit.ask("listConnectorRequests", path=visit.path, query=query)
    except InvalidRequest as mistaken:
        page, problem = _NOTHING, mistaken
    values = {"page": page, "problem": problem, "kinds": KINDS, "results": RESULTS}
    return Shown("connector_requests.html", values, 200 if problem is None else problem.status)


async def entry(visit: Visit) -> Shown:
    found = await visit.ask("getConnectorRequest", path=visit.path)
    return Shown("connector_request.html", {"entry": found})


PAGES = (
    Page("/o/{org}/connectors/{id}/requests", log),
    Page("/o/{org}/connector-requests/{id}", entry),
)

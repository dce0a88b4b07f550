"""The audit log: who did what, when, from where, to what."""

from __future__ import annotations

from typing import Any, Final

from gateway.errors import InvalidRequest
from gateway.web.api import OPERATIONS
from gateway.web.console.page import Download, Page, Shown, Visit
from gateway.web.console.saving import as_file
from gateway.web.console.times import HINT, as_asked

FIELDS: Final = ("action", "object_id", "actor", "since", "until", "order")
ACTIONS: Final = sorted(
    {one.id for one in OPERATIONS if one.kind == "write" and one.audited} | {"enterConsole"}
)


async def audit(visit: Visit) -> Shown | Download:
    """With `format`, as a file; its lines of JSON are what `hum-gateway audit verify` reads."""
    typed = {name: visit.query.get(name, "").strip() for name in FIELDS}
    if visit.query.get("format"):
        return await as_file("audit", visit, "listAudit", {}, as_asked(typed, visit.now))
    values: dict[str, Any] = {"typed": typed, "actions": ACTIONS, "time_hint": HINT}
    query = as_asked(typed, visit.now) | {"cursor": visit.query.get("cursor")}
    try:
        page = await visit.ask("listAudit", query=query)
    except InvalidRequest as problem:
        return Shown("audit.html", values | {"page": None, "problem": problem}, problem.status)
    return Shown("audit.html", values | {"page": page, "problem": None})


PAGES = (Page("/o/{org}/audit", audit),)

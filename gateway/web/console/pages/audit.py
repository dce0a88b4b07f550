"""The audit log: who did what, when, from where, to what."""

from __future__ import annotations

from typing import Any, Final

from gateway.errors import InvalidRequest
from gateway.web.api import OPERATIONS
from gateway.web.console.page import Page, Shown, Streamed, Visit
from gateway.web.console.pages.deliveries import FILES, as_asked, file_name
from gateway.web.console.times import HINT

FIELDS: Final = ("action", "object_id", "actor", "since", "until", "order")
ACTIONS: Final = sorted(
    {one.id for one in OPERATIONS if one.kind == "write" and one.audited} | {"enterConsole"}
)


async def audit(visit: Visit) -> Shown:
    typed = {name: visit.query.get(name, "").strip() for name in FIELDS}
    values: dict[str, Any] = {"typed": typed, "actions": ACTIONS, "time_hint": HINT}
    query = as_asked(typed, visit.now) | {"cursor": visit.query.get("cursor")}
    try:
        page = await visit.ask("listAudit", query=query)
    except InvalidRequest as problem:
        return Shown("audit.html", values | {"page": None, "problem": problem}, problem.status)
    return Shown("audit.html", values | {"page": page, "problem": None})


async def export(visit: Visit) -> Streamed:
    """All entries that match; the lines of JSON are what `hum-gateway audit verify` reads."""
    kind = visit.query.get("as", "csv")
    media_type = FILES.get(kind)
    if media_type is None:
        raise InvalidRequest.field("as", "must be " + " or ".join(FILES))
    typed = {name: visit.query.get(name, "").strip() for name in FIELDS}
    content = await visit.stream("listAudit", media_type, query=as_asked(typed, visit.now))
    return Streamed(file_name("audit", visit, kind), media_type, content)


PAGES = (Page("/o/{org}/audit", audit), Page("/o/{org}/audit/export", export))

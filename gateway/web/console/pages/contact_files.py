"""Files of contacts: a CSV that is brought in, and all contacts as one."""

from __future__ import annotations

from typing import Any

from gateway.errors import InvalidRequest, Problem
from gateway.web.auth import ALL_ORGS
from gateway.web.console.asking import File
from gateway.web.console.page import Download, Page, Shown, Visit
from gateway.web.console.saving import FILES
from gateway.web.exports import CSV


async def form(visit: Visit) -> Shown:
    return _shown(None, None)


async def bring_in(visit: Visit) -> Shown:
    """First what would become of it; when that was seen, the order. The report of an order stays shown: it
    is nowhere else."""
    ordered = visit.form.has("ordered")
    file = File(visit.form.raw("file").encode(), CSV)
    query = {"dry_run": None if ordered else "true", "region": visit.form.get("region")}
    try:
        return _shown(await visit.ask("importContacts", body=file, query=query), None)
    except InvalidRequest as problem:
        return _shown(None, problem)


async def export(visit: Visit) -> Download:
    """All contacts, or those with a tag: as CSV, or as an object for each line."""
    ending = "ndjson" if visit.query.get("format") == "ndjson" else "csv"
    pieces = await visit.stream("listContacts", FILES[ending], {"tag": visit.query.get("tag")})
    name = "all" if visit.org_id == ALL_ORGS else visit.org_id
    return Download(pieces, FILES[ending], f"contacts-{name}.{ending}")


def _shown(report: Any, problem: Problem | None) -> Shown:
    values = {"report": report, "problem": problem}
    return Shown("contact_import.html", values, 200 if problem is None else problem.status)


PAGES = (
    Page("/o/{org}/contacts/import", form),
    Page("/o/{org}/contacts/import", bring_in, "POST"),
)

"""Asking for what is missing in the address book: first what it is about and what it costs, then the order at
that price, then how far it has come."""

from __future__ import annotations

from typing import Any, Final

from gateway.errors import Conflict, Forbidden, InvalidRequest, Problem
from gateway.web.console.page import Onward, Page, Shown, Visit

SOURCES: Final = ("connectors", "twilio")


async def form(visit: Visit) -> Shown:
    return await _shown(visit)


async def backfill(visit: Visit) -> Shown | Onward:
    """The cost that was seen is the one that is confirmed: another by then is refused."""
    given = visit.form
    body: dict[str, Any] = {"source": given.get("source"), "only_missing": given.has("only_missing")}
    confirmed = given.get("confirm_cost")
    body |= {"confirm_cost": confirmed} if confirmed else {"dry_run": True}
    try:
        answer = await visit.ask("backfillContacts", body=body)
    except (InvalidRequest, Conflict) as problem:
        return await _shown(visit, problem=problem)
    except Forbidden as problem:
        if problem.code != "own_account_required":
            raise
        return await _shown(visit, problem=problem)
    if not confirmed:
        return await _shown(visit, estimate=answer)
    return Onward(visit.to("contacts", "backfill", job=answer["id"]), said="backfill_ordered")


async def _shown(visit: Visit, estimate: Any = None, problem: Problem | None = None) -> Shown:
    job_id = visit.query.get("job")
    values = {
        "sources": SOURCES,
        "estimate": estimate,
        "problem": problem,
        "job": await visit.ask("getJob", path={"id": job_id}) if job_id else None,
    }
    return Shown("backfill.html", values, 200 if problem is None else problem.status)


PAGES = (
    Page("/o/{org}/contacts/backfill", form),
    Page("/o/{org}/contacts/backfill", backfill, "POST"),
)

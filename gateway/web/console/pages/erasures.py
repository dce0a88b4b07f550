"""Erasing a person for good: first what there is of them, then the order, then what it came to."""

from __future__ import annotations

from typing import Any

from gateway.errors import Conflict, InvalidRequest, Problem
from gateway.web.console.page import Onward, Page, Shown, Visit


async def form(visit: Visit) -> Shown:
    """With the record of an erasure in the address, what that came to."""
    record = visit.query.get("record")
    return _shown(job=await visit.ask("getJob", path={"id": record}) if record else None)


async def erase(visit: Visit) -> Shown | Onward:
    given = visit.form
    ordered = given.has("ordered")
    body: dict[str, Any] = {"phone": given.get("phone"), "dry_run": not ordered, "force": given.has("force")}
    if given.get("reason"):
        body["reason"] = given.get("reason")
    try:
        found = await visit.ask("erasePerson", body=body)
    except (InvalidRequest, Conflict) as problem:
        return _shown(problem=problem)
    if not ordered:
        return _shown(found)
    return Onward(visit.to("erasures", record=found["id"]), said="person_erased")


def _shown(found: Any = None, problem: Problem | None = None, job: Any = None) -> Shown:
    values = {"found": found, "problem": problem, "job": job}
    return Shown("erase_person.html", values, 200 if problem is None else problem.status)


PAGES = (
    Page("/o/{org}/erasures", form),
    Page("/o/{org}/erasures", erase, "POST"),
)

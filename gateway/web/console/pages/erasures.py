"""Erasing a person for good: first what there is of them, then the order, then what it came to."""

from __future__ import annotations

from typing import Any

from gateway.errors import Conflict, InvalidRequest, Problem
from gateway.web.console.page import Onward, Page, Shown, Visit


async def form(visit: Visit) -> Shown:
    return _shown(None, None)


async def erase(visit: Visit) -> Shown | Onward:
    given = visit.form
    ordered = given.has("ordered")
    body: dict[str, Any] = {"phone": given.get("phone"), "dry_run": not ordered, "force": given.has("force")}
    if given.get("reason"):
        body["reason"] = given.get("reason")
    try:
        found = await visit.ask("erasePerson", body=body)
    except (InvalidRequest, Conflict) as problem:
        return _shown(None, problem)
    if not ordered:
        return _shown(found, None)
    return Onward(visit.to("erasures", found["id"]), said="person_erased")


async def erased(visit: Visit) -> Shown:
    return Shown("erased.html", {"job": await visit.ask("getJob", path=visit.path)})


def _shown(found: Any, problem: Problem | None) -> Shown:
    values = {"found": found, "problem": problem}
    return Shown("erase_person.html", values, 200 if problem is None else problem.status)


PAGES = (
    Page("/o/{org}/erasures", form),
    Page("/o/{org}/erasures", erase, "POST"),
    Page("/o/{org}/erasures/{id}", erased),
)

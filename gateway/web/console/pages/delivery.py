"""One delivery: where it stands, what was sent, and every attempt with what came back."""

from __future__ import annotations

from typing import Any, Final

from gateway.errors import Conflict, NotFound, Problem
from gateway.web.auth import ALL_ORGS
from gateway.web.console.causes import REASONS, REMEDIES, cause
from gateway.web.console.page import Download, Onward, Page, Shown, Visit
from gateway.web.console.targets import target_names

OVER: Final = ("delivered", "failed", "cancelled")
MOST_SHOWN: Final = 256 * 1024
"""Bytes of a payload on a page; a larger one is a file only."""


async def delivery(visit: Visit) -> Shown | Onward | Download:
    """With `format`, its body or an attempt's headers as a file."""
    wanted = visit.query.get("format")
    if wanted == "body":
        return await _body(visit)
    if wanted == "headers":
        return await _headers(visit)
    return await _shown(visit)


async def redeliver(visit: Visit) -> Shown | Onward:
    """Leads to the new delivery."""
    try:
        made = await visit.ask("redeliverDelivery", path=_path(visit), body={})
    except Conflict as problem:
        return await _shown(visit, problem)
    return Onward(visit.to("deliveries", made["id"]), said="redelivered")


async def cancel(visit: Visit) -> Shown | Onward:
    try:
        await visit.ask("cancelDelivery", path=_path(visit), body={})
    except Conflict as problem:
        return await _shown(visit, problem)
    return Onward(visit.to("deliveries", visit.path["id"]), said="delivery_cancelled")


async def _body(visit: Visit) -> Download:
    """The body of its requests, byte for byte."""
    found = await _found(visit)
    if found["payload"] == b"null":
        raise NotFound("the payload is not kept any more, or this session may not read it")
    return Download(found["payload"], "application/json", f"{found['id']}.json")


async def _headers(visit: Visit) -> Download:
    """What an attempt sent before its body, a line for each header, as `hum-gateway verify` reads it."""
    found = await _found(visit)
    wanted = (one for one in found["attempts"] if str(one["number"]) == visit.query.get("attempt"))
    attempt = next(wanted, None)
    if attempt is None or not attempt["request_headers"]:
        raise NotFound("there is no such attempt, or it ended before there was a request")
    lines = "".join(f"{name}: {value}\n" for name, value in attempt["request_headers"])
    name = f"{found['id']}-{attempt['number']}.headers.txt"
    return Download(lines.encode(), "text/plain; charset=utf-8", name)


async def _shown(visit: Visit, problem: Problem | None = None) -> Shown | Onward:
    found = await _found(visit)
    if visit.org_id == ALL_ORGS and found["org_id"] != ALL_ORGS:
        return Onward(visit.address("o", found["org_id"], "deliveries", found["id"]))
    over = found["status"] in OVER
    values: dict[str, Any] = {
        "one": found,
        "payload": None if found["payload"] == b"null" else found["payload"],
        "attempts": [one | {"cause": cause(one["error"], one["status_code"])} for one in found["attempts"]],
        "reason": REASONS.get(found["reason"] or "", found["reason"]),
        "remedy": REMEDIES.get((found["waiting_for"] or {}).get("reason", ""), ""),
        "most_shown": MOST_SHOWN,
        "names": await target_names(visit),
        "may_redeliver": visit.may("redeliverDelivery") and not found["test"],
        "may_cancel": visit.may("cancelDelivery") and not over,
        "whole": visit.principal.sees_secrets_of_urls,
        "problem": problem,
    }
    return Shown("delivery.html", values, 200 if problem is None else problem.status)


async def _found(visit: Visit) -> dict[str, Any]:
    found: dict[str, Any] = await visit.ask("getDelivery", path=_path(visit), raw=("payload",))
    return found


def _path(visit: Visit) -> dict[str, str]:
    return {"id": visit.path["id"]}


PAGES = (
    Page("/o/{org}/deliveries/{id}", delivery),
    Page("/o/{org}/deliveries/{id}/redeliver", redeliver, "POST"),
    Page("/o/{org}/deliveries/{id}/cancel", cancel, "POST"),
)

"""Webhooks: all of them, and one with its settings, its health and what it was sent of late."""

from __future__ import annotations

from typing import Final

from gateway.manage.stats import WINDOWS, Window
from gateway.web.console import bars
from gateway.web.console.hooks import CORRECTABLE, Hooks, pages
from gateway.web.console.page import Shown, Visit

USUAL: Final[Window] = "24h"
NEWEST: Final = "10"


async def listed(visit: Visit) -> Shown:
    hooks = Hooks(visit)
    page = await hooks.ask("list", query={"limit": "50", "cursor": visit.query.get("cursor")})
    return Shown("webhooks.html", {"hooks": hooks, "page": page})


async def one(visit: Visit) -> Shown:
    """For the window in the address; one that is none is the usual one."""
    hooks = Hooks(visit)
    window = visit.window(USUAL)
    hook = await hooks.ask("get", hooks.id)
    stats = await hooks.ask("stats", hooks.id, query={"window": window})
    deliveries = await hooks.ask("deliveries", hooks.id, query={"limit": NEWEST})
    values = {
        "hooks": hooks, "hook": hook, "stats": stats, "drawing": bars.drawing(stats), "window": window,
        "windows": list(WINDOWS), "deliveries": deliveries["data"],
    }  # fmt: skip
    return Shown("webhook.html", values)


async def explaining(visit: Visit) -> Shown:
    """The form, perhaps with the event that a link to it names."""
    hooks = Hooks(visit)
    hooks.require("explain")
    hook = await hooks.ask("get", hooks.id)
    event_id = visit.query.get("event_id", "")
    return Shown(
        "webhook_explain.html",
        {"hooks": hooks, "hook": hook, "event_id": event_id, "found": None, "problem": None},
    )


async def explain(visit: Visit) -> Shown:
    """Whether and why an event would make a delivery."""
    hooks = Hooks(visit)
    event_id = visit.form.get("event_id")
    found, problem = None, None
    try:
        found = await hooks.ask("explain", hooks.id, body={"event_id": event_id})
    except CORRECTABLE as error:
        problem = error
    hook = await hooks.ask("get", hooks.id)
    values = {"hooks": hooks, "hook": hook, "event_id": event_id, "found": found, "problem": problem}
    return Shown("webhook_explain.html", values, 200 if problem is None else problem.status)


PAGES = (
    *pages("", listed),
    *pages("/{id}", one),
    *pages("/{id}/explain", explaining, explain, of_platform=False),
)

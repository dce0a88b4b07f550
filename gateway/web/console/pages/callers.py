"""Callers: the deadline dial, and what an agent would be told of somebody."""

from __future__ import annotations

from typing import Any, Final

from gateway.errors import Problem
from gateway.manage.stats import WINDOWS, Window
from gateway.web.console.dial import drawing
from gateway.web.console.page import Page, Shown, Visit

USUAL: Final[Window] = "7d"


async def callers(visit: Visit) -> Shown:
    return Shown("callers.html", await _dial(visit) | {"found": None, "problem": None})


async def ask(visit: Visit) -> Shown:
    """What an agent would be told; nobody is asked for it."""
    found, problem = None, None
    attestation = visit.form.get("attestation")
    body = {"phone": visit.form.get("phone"), "direction": visit.form.get("direction") or "inbound"}
    try:
        found = await visit.ask(
            "previewCaller", body=body | ({"attestation": attestation} if attestation else {})
        )
    except Problem as error:
        problem = error
    values = await _dial(visit) | {"found": found, "problem": problem}
    return Shown("callers.html", values, 200 if problem is None else problem.status)


async def _dial(visit: Visit) -> dict[str, Any]:
    """For the window in the address; one that is none is the usual one."""
    window = visit.window(USUAL)
    dial = await visit.ask("getCallerDial", query={"window": window})
    return {"dial": dial, "drawing": drawing(dial), "windows": list(WINDOWS), "window": window}


PAGES = (Page("/o/{org}/callers", callers), Page("/o/{org}/callers", ask, "POST"))

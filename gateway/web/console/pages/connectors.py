"""Connectors: the list, one with its health and what came of its calls, registering one and changing it.

What is done to one besides is in `connector_acts`; what goes between it and the gateway, in
`connector_calls`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.errors import Conflict, InvalidRequest, Problem
from gateway.manage.stats import WINDOWS, Window
from gateway.web.console import bars
from gateway.web.console.dial import drawing_of
from gateway.web.console.forms import Form
from gateway.web.console.page import Onward, Page, Shown, Visit

USUAL: Final[Window] = "24h"
_BOXES: Final = ("sync_calls", "sync_unknown", "create_contacts")
_AT_FIRST: Final = {
    "name": "", "base_url": "", "timeout_ms": 4000, "priority": 0, "sync_calls": True, "sync_unknown": True,
    "create_contacts": False, "enabled": True, "rotate_secret": False,
}  # fmt: skip


async def listed(visit: Visit) -> Shown:
    page = await visit.ask("listConnectors", query={"cursor": visit.query.get("cursor")})
    return Shown("connectors.html", {"page": page})


async def one(visit: Visit) -> Shown:
    return await shown(visit)


async def shown(visit: Visit, problem: Problem | None = None, **more: Any) -> Shown:
    """The page of the connector in the address, with what came of something that was tried there."""
    window = visit.window(USUAL)
    connector = await visit.ask("getConnector", path=visit.path)
    stats = await visit.ask("getConnectorStats", path=visit.path, query={"window": window})
    job_id = visit.query.get("job")
    values = {
        "connector": connector,
        "stats": stats,
        "bars": bars.drawing(stats),
        "window": window,
        "windows": list(WINDOWS),
        "job": await visit.ask("getJob", path={"id": job_id}) if job_id else None,
        "problem": problem,
        "pinged": None,
        "matched": None,
    }
    values |= await _own_dial(visit, window) | more
    return Shown("connector.html", values, 200 if problem is None else problem.status)


async def _own_dial(visit: Visit, window: str) -> dict[str, Any]:
    """The connector's part of the deadline dial; None while nobody was asked for."""
    found: Any = None
    if visit.may("getCallerDial"):
        dial = await visit.ask("getCallerDial", query={"window": window})
        own = (each for each in dial["connectors"] if each["connector_id"] == visit.path["id"])
        found = next((each for each in own if each["callers"]), None)
    return {"dial": found, "drawing": drawing_of(found) if found else None}


async def new(visit: Visit) -> Shown:
    return _form(visit, _AT_FIRST)


async def create(visit: Visit) -> Shown | Onward:
    form = visit.form
    try:
        body = _settings(form) | {"enabled": form.has("enabled")}
        if form.get("secret"):
            body["secret"] = form.get("secret")
        made = await visit.ask("createConnector", body=body)
    except (InvalidRequest, Conflict) as problem:
        return _form(visit, _filled_in(form), problem=problem)
    return after_secret(visit, made, "created")


async def edit(visit: Visit) -> Shown:
    connector = await visit.ask("getConnector", path=visit.path)
    return _form(visit, {**connector, "rotate_secret": False}, connector)


async def change(visit: Visit) -> Shown | Onward:
    form = visit.form
    try:
        body = _settings(form) | {"rotate_secret": form.has("rotate_secret")}
        changed = await visit.ask("updateConnector", path=visit.path, body=body)
    except (InvalidRequest, Conflict) as problem:
        connector = await visit.ask("getConnector", path=visit.path)
        return _form(visit, _filled_in(form), connector, problem)
    return after_secret(visit, changed, "changed")


def after_secret(visit: Visit, connector: Mapping[str, Any], done: str) -> Shown | Onward:
    """The page that shows a new secret, this once; without one, on to the connector."""
    if connector["secret"] is None:
        return Onward(visit.to("connectors", connector["id"]), said=f"connector_{done}")
    return Shown("connector_secret.html", {"connector": connector, "done": done})


def _settings(form: Form) -> dict[str, Any]:
    """What the form says. Raises InvalidRequest for a number that is none."""
    numbers = {name: form.number(name) for name in ("timeout_ms", "priority")}
    return {
        "name": form.get("name"),
        "base_url": form.get("base_url"),
        **{name: value for name, value in numbers.items() if value is not None},
        **{name: form.has(name) for name in _BOXES},
    }


def _filled_in(form: Form) -> dict[str, Any]:
    texts = {name: form.get(name) for name in ("name", "base_url", "timeout_ms", "priority")}
    return texts | {name: form.has(name) for name in (*_BOXES, "enabled", "rotate_secret")}


def _form(
    visit: Visit, values: Mapping[str, Any], connector: Any = None, problem: Problem | None = None
) -> Shown:
    shown = {"values": values, "connector": connector, "problem": problem}
    return Shown("connector_form.html", shown, 200 if problem is None else problem.status)


PAGES = (
    Page("/o/{org}/connectors", listed),
    Page("/o/{org}/connectors/new", new),
    Page("/o/{org}/connectors/new", create, "POST"),
    Page("/o/{org}/connectors/{id}", one),
    Page("/o/{org}/connectors/{id}/edit", edit),
    Page("/o/{org}/connectors/{id}/edit", change, "POST"),
)

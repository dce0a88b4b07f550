"""A link that lets a colleague into the console, once. It stands on the page of keys, as they do."""

from __future__ import annotations

from typing import Any

from gateway.errors import Problem
from gateway.web.console.page import Page, Shown, Visit
from gateway.web.console.pages import keys


async def create(visit: Visit) -> Shown:
    form = visit.form
    body: dict[str, Any] = {"role": form.get("role") or None, "actor": form.get("actor")}
    try:
        if (minutes := form.number("expires_in")) is not None:
            body["expires_in"] = minutes * 60
        link = await visit.ask("createConsoleLink", body=body)
    except Problem as problem:
        filled = {"role": form.get("role"), "actor": form.get("actor"), "minutes": form.get("expires_in")}
        return await keys.shown(visit, problem=problem, filled=filled, of="link")
    return await keys.shown(visit, link=link)


PAGES = (Page("/o/{org}/console-links", create, "POST"),)

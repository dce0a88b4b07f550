"""Making a webhook, and changing its settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.errors import Problem
from gateway.web.console import webhook_fields as fields
from gateway.web.console.hooks import CORRECTABLE, Hooks, pages
from gateway.web.console.page import Onward, Shown, Visit

NOTHING = dict.fromkeys(fields.NAMES, "")


async def new(visit: Visit) -> Shown:
    hooks = Hooks(visit)
    hooks.require("create")
    return await _form(visit, hooks, None, NOTHING, NOTHING)


async def create(visit: Visit) -> Shown | Onward:
    """Its secret is shown with the answer; one that was brought along is not."""
    hooks, texts = Hooks(visit), fields.filled_in(visit.form)
    hooks.require("create")
    try:
        body = fields.creation(texts)
        if visit.form.has("disabled"):
            body["enabled"] = False
        if secret := visit.form.get("secret"):
            body["secret"] = secret
        made = await hooks.ask("create", body=body)
    except CORRECTABLE as problem:
        return await _form(visit, hooks, None, texts, NOTHING, problem)
    if made["secret"] is None and not made["warnings"]:
        return Onward(hooks.to(made["id"]), said="webhook_made")
    return Shown("webhook_made.html", {"hooks": hooks, "hook": made, "title": "The webhook is made"})


async def edit(visit: Visit) -> Shown:
    hooks = Hooks(visit)
    hooks.require("update")
    hook = await hooks.ask("get", hooks.id)
    texts = fields.texts_of(hook)
    return await _form(visit, hooks, hook, texts, texts)


async def update(visit: Visit) -> Shown | Onward:
    """Only what was changed is sent, so that whatever somebody else has changed meanwhile stays."""
    hooks, texts = Hooks(visit), fields.filled_in(visit.form)
    hooks.require("update")
    before = fields.shown_before(visit.form)
    try:
        patch = fields.change(texts, before)
        changed = await hooks.ask("update", hooks.id, body=patch) if patch else None
    except CORRECTABLE as problem:
        hook = await hooks.ask("get", hooks.id)
        return await _form(visit, hooks, hook, texts, before, problem)
    if changed is None:
        return Onward(hooks.to(hooks.id), said="nothing_changed")
    if not changed["warnings"]:
        return Onward(hooks.to(hooks.id), said="webhook_changed")
    values = {"hooks": hooks, "hook": changed | {"secret": None}, "title": "The webhook is changed"}
    return Shown("webhook_made.html", values)


async def _form(
    visit: Visit,
    hooks: Hooks,
    hook: Mapping[str, Any] | None,
    texts: Mapping[str, str],
    before: Mapping[str, str],
    problem: Problem | None = None,
) -> Shown:
    """The form with `texts` in it; `before` is what stood there when it was first shown."""
    types = await visit.ask("listEventTypes")
    details = problem.details if problem is not None else []
    values = {
        "hooks": hooks,
        "hook": hook,
        "texts": texts,
        "before": before,
        "problem": problem,
        "wrong": {detail.field.partition(".")[0].partition("[")[0] for detail in details},
        "types": [one["name"] for one in types["data"]],
    }
    return Shown("webhook_form.html", values, 200 if problem is None else problem.status)


PAGES = (*pages("/new", new, create), *pages("/{id}/edit", edit, update))

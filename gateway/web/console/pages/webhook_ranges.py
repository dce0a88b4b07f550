"""Sending again what a webhook was owed: counted first, then ordered; the order is a job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.errors import NotFound, Problem
from gateway.web.console.hooks import CORRECTABLE, Hooks, pages
from gateway.web.console.page import Onward, Shown, Visit
from gateway.web.console.times import api_time
from gateway.web.console.webhook_fields import listed, whole

FIELDS: Final = {
    "redeliver": ("which", "types", "since", "until", "status_code", "event_ids"),
    "replay": ("types", "since", "until"),
    "retry": (),
}
"""What may be filled in, by the kind of the order."""

_READ: Final[Mapping[str, Callable[[str, int], Any]]] = {
    "types": lambda text, now: listed(text),
    "since": api_time,
    "until": api_time,
    "status_code": lambda text, now: whole(text),
    "event_ids": lambda text, now: listed(text),
}
"""What is filled in, as the API takes it; other fields go as they are."""


async def ranges(visit: Visit) -> Shown:
    """The forms; an address may say what stands in that of the redelivery."""
    hooks = Hooks(visit)
    hooks.require("redeliver")
    texts = {name: visit.query.get(name, "") for name in FIELDS["redeliver"]}
    texts |= {name: texts[name][:19].removesuffix("Z") for name in ("since", "until")}
    return await _shown(hooks, {"redeliver": texts})


async def order(visit: Visit) -> Shown | Onward:
    """How much it would be, and with `order` the job."""
    hooks, kind = Hooks(visit), visit.path["kind"]
    if kind not in FIELDS:
        raise NotFound("there is no such page")
    texts = {name: visit.form.raw(name).strip() for name in FIELDS[kind]}
    body: dict[str, Any] = {
        name: _READ[name](text, visit.now) if name in _READ else text for name, text in texts.items() if text
    }
    ordered = visit.form.has("order")
    try:
        answer = await hooks.ask(kind, hooks.id, body=body | ({} if ordered else {"dry_run": True}))
    except CORRECTABLE as problem:
        return await _shown(hooks, {kind: texts}, kind=kind, problem=problem)
    if ordered:
        return Onward(visit.to("jobs", answer["id"]), said="job_ordered")
    return await _shown(hooks, {kind: texts}, kind=kind, matched=answer["matched"])


async def _shown(
    hooks: Hooks,
    texts: dict[str, dict[str, str]],
    *,
    kind: str | None = None,
    matched: int | None = None,
    problem: Problem | None = None,
) -> Shown:
    """The forms with what was filled in; at that of the kind what came of it."""
    hook = await hooks.ask("get", hooks.id)
    standing = {one: dict.fromkeys(names, "") | texts.get(one, {}) for one, names in FIELDS.items()}
    values = {
        "hooks": hooks, "hook": hook, "texts": standing, "kind": kind, "matched": matched, "problem": problem,
    }  # fmt: skip
    return Shown("webhook_again.html", values, 200 if problem is None else problem.status)


PAGES = (*pages("/{id}/again", ranges), *pages("/{id}/again/{kind}", post=order))

"""Sending again what a webhook was owed: counted first, then ordered; the order is a job."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.errors import NotFound, Problem
from gateway.web.console.hooks import CORRECTABLE, Hooks, pages
from gateway.web.console.page import Onward, Shown, Visit
from gateway.web.console.webhook_fields import listed, whole

FIELDS: Final = {
    "redeliver": ("which", "types", "since", "until", "status_code", "event_ids"),
    "replay": ("types", "since", "until"),
    "retry": (),
}
"""What may be filled in, by the kind of the order."""

_LOCAL: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?\Z")


def _time(text: str) -> str:
    """A field `datetime-local` has no offset: on every page it means UTC. The API judges any other text."""
    return f"{text}Z" if _LOCAL.match(text) else text


_VALUES: Final[Mapping[str, Callable[[str], Any]]] = {
    "which": str,
    "types": listed,
    "since": _time,
    "until": _time,
    "status_code": whole,
    "event_ids": listed,
}


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
    body: dict[str, Any] = {name: _VALUES[name](text) for name, text in texts.items() if text}
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

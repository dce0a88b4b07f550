"""What is done to a webhook: switched, released, tried, given another secret, deleted."""

from __future__ import annotations

from gateway.errors import Problem
from gateway.web.console.hooks import CORRECTABLE, Hooks, pages
from gateway.web.console.page import Onward, Shown, Visit
from gateway.web.console.webhook_fields import whole

TEST = "webhook.test"


async def enable(visit: Visit) -> Onward:
    """What has gathered is delivered or discarded, as the button says."""
    hooks, pending = Hooks(visit), visit.form.get("pending", "deliver")
    await hooks.ask("enable", hooks.id, body={"pending": pending})
    return Onward(hooks.to(hooks.id), said="webhook_enabled")


async def disable(visit: Visit) -> Onward:
    hooks = Hooks(visit)
    await hooks.ask("disable", hooks.id, body={})
    return Onward(hooks.to(hooks.id), said="webhook_disabled")


async def release(visit: Visit) -> Onward:
    hooks = Hooks(visit)
    released = await hooks.ask("release", hooks.id, body={})
    return Onward(hooks.to(hooks.id), said="webhook_released" if released["was_held_until"] else "not_held")


async def finish(visit: Visit) -> Onward:
    hooks = Hooks(visit)
    await hooks.ask("finish", hooks.id, body={})
    return Onward(hooks.to(hooks.id), said="rotation_finished")


async def delete(visit: Visit) -> Onward:
    hooks = Hooks(visit)
    await hooks.ask("delete", hooks.id)
    return Onward(hooks.to(), said="webhook_deleted")


async def testing(visit: Visit) -> Shown:
    hooks = Hooks(visit)
    hooks.require("test")
    return await _test(visit, hooks, TEST)


async def test(visit: Visit) -> Shown:
    """One request now, and what came back. Sent again, the form shows the same answer."""
    hooks, chosen = Hooks(visit), visit.form.get("type") or TEST
    try:
        result = await hooks.ask("test", hooks.id, body={"type": chosen})
    except CORRECTABLE as problem:
        return await _test(visit, hooks, chosen, problem=problem)
    return await _test(visit, hooks, chosen, result=result)


async def _test(
    visit: Visit, hooks: Hooks, chosen: str, *, result: object = None, problem: Problem | None = None
) -> Shown:
    hook = await hooks.ask("get", hooks.id)
    types = await visit.ask("listEventTypes")
    values = {
        "hooks": hooks, "hook": hook, "chosen": chosen, "result": result, "problem": problem,
        "types": [TEST, *(one["name"] for one in types["data"])],
    }  # fmt: skip
    return Shown("webhook_test.html", values, 200 if problem is None else problem.status)


async def rotating(visit: Visit) -> Shown:
    hooks = Hooks(visit)
    hooks.require("rotate")
    return await _rotate(hooks)


async def rotate(visit: Visit) -> Shown | Onward:
    """The secret is shown with the answer; one that was brought along is not."""
    hooks, form = Hooks(visit), visit.form
    body: dict[str, object] = {"force": True} if form.has("force") else {}
    if period := form.get("grace_period_seconds"):
        body["grace_period_seconds"] = whole(period)
    if secret := form.get("secret"):
        body["secret"] = secret
    try:
        rotated = await hooks.ask("rotate", hooks.id, body=body)
    except CORRECTABLE as problem:
        return await _rotate(hooks, problem)
    if rotated["secret"] is None:
        return Onward(hooks.to(hooks.id), said="secret_rotated")
    values = {"hooks": hooks, "hook": rotated | {"warnings": []}, "title": "The secret is rotated"}
    return Shown("webhook_made.html", values)


async def _rotate(hooks: Hooks, problem: Problem | None = None) -> Shown:
    hook = await hooks.ask("get", hooks.id)
    values = {"hooks": hooks, "hook": hook, "problem": problem}
    return Shown("webhook_rotate.html", values, 200 if problem is None else problem.status)


PAGES = (
    *pages("/{id}/enable", post=enable),
    *pages("/{id}/disable", post=disable),
    *pages("/{id}/release", post=release),
    *pages("/{id}/delete", post=delete),
    *pages("/{id}/test", testing, test),
    *pages("/{id}/rotate", rotating, rotate),
    *pages("/{id}/rotate/finish", post=finish),
)

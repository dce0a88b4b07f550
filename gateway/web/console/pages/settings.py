"""The organization's settings: how long things are kept, its numbers, what agents are told of callers,
look-ups of numbers; and erasing all of it.

Each group is a form of its own, and its order a merge patch of nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gateway.errors import Forbidden, InvalidRequest, Problem, RateLimited
from gateway.web.auth import ALL_ORGS
from gateway.web.console.forms import Form
from gateway.web.console.page import Onward, Page, Shown, Visit

LEVELS: Final = ("A", "B", "C", "none")
CACHED: Final = ("caller_name", "line_type", "carrier")
SAMPLE: Final = {
    "name": "Ada Example", "first_name": "Ada", "last_name": "Example", "company": "Example Ltd",
    "title": "Head of Purchasing", "email": "ada@example.com", "caller_name": "EXAMPLE LTD",
    "line_type": "mobile", "carrier": "Example Wireless", "tags": ["sample"],
    "notes": "Prefers to be called in the morning.",
}  # fmt: skip
"""A caller as one may imagine one, for a preview without a number."""


async def settings(visit: Visit) -> Shown | Onward:
    if visit.org_id == ALL_ORGS:
        return Onward(visit.address(""))
    return await _shown(visit)


async def keep(visit: Visit) -> Shown | Onward:
    group = visit.form.get("group")
    try:
        if group not in GROUPS:
            raise InvalidRequest.field("group", "there is no such group of settings")
        await visit.ask("updateOrganization", path=_named(visit), body=GROUPS[group](visit.form))
    except InvalidRequest as problem:
        return await _shown(visit, problem, group)
    except Forbidden as problem:
        if problem.code != "own_account_required":
            raise
        return await _shown(visit, problem, group)
    return Onward(visit.to("settings"), said="settings_kept")


async def preview(visit: Visit) -> Shown:
    """What an agent would be told with the template that stands in the form, kept or not."""
    form = visit.form
    body: dict[str, Any] = {
        "context_template": form.raw("context_template").strip() or None,
        "direction": "inbound",
        **({"phone": form.get("phone")} if form.get("phone") else {"contact": SAMPLE}),
        **({"attestation": form.get("attestation")} if form.get("attestation") else {}),
    }
    try:
        found = await visit.ask("previewCaller", body=body)
    except InvalidRequest as problem:
        return await _shown(visit, problem, "template")
    return await _shown(visit, group="template", previewed=found)


async def test_lookups(visit: Visit) -> Shown:
    try:
        return await _shown(visit, tested=await visit.ask("testLookups", path=_named(visit)))
    except RateLimited as problem:
        return await _shown(visit, problem, "lookups")


async def erase(visit: Visit) -> Shown | Onward:
    if visit.form.get("confirm") != visit.org_id:
        problem = InvalidRequest.field("confirm", "type the organization's name as it stands above")
        return await _shown(visit, problem, "erase")
    await visit.ask("eraseOrganization", path=_named(visit))
    return Onward(visit.address(""), said="organization_erased")


async def _shown(visit: Visit, problem: Problem | None = None, group: str = "", **more: Any) -> Shown:
    """All settings as they are; in `group`, whose form was just sent, what was filled in."""
    org = await visit.ask("getOrganization", path=_named(visit))
    values = {
        "org": org,
        "problem": problem,
        "group": group,
        "levels": LEVELS,
        "cached": CACHED,
        "previewed": None,
        "tested": None,
    }
    return Shown("settings.html", values | more, 200 if problem is None else problem.status)


def _named(visit: Visit) -> dict[str, str]:
    return {"id": visit.org_id or ""}


def _keeping(form: Form) -> dict[str, Any]:
    return {"retention_days": form.number("retention_days")}


def _numbers(form: Form) -> dict[str, Any]:
    return {
        "own_numbers": form.lines("own_numbers"),
        "default_region": form.get("default_region").upper() or None,
    }


def _template(form: Form) -> dict[str, Any]:
    return {"context_template": form.raw("context_template").strip() or None}


def _fields(form: Form) -> dict[str, Any]:
    """Of each level what is listed; null where the usual is wanted."""
    listed = {
        level: [name.strip() for name in form.get(f"fields_{level}").split(",") if name.strip()]
        for level in LEVELS
    }
    return {
        "caller_fields": {
            level: names if form.get(f"choice_{level}") == "these" else None
            for level, names in listed.items()
        }
    }


def _lookups(form: Form) -> dict[str, Any]:
    days = {name: form.number(f"days_{name}") for name in CACHED}
    return {"lookup_budget": form.number("lookup_budget"), "lookup_cache_days": days}


def _account(form: Form) -> dict[str, Any]:
    given = {name: form.get(name) for name in ("account_sid", "auth_token")}
    return {"lookup_credentials": given}


def _no_account(form: Form) -> dict[str, Any]:
    return {"lookup_credentials": None}


GROUPS: Final[dict[str, Callable[[Form], dict[str, Any]]]] = {
    "keeping": _keeping,
    "numbers": _numbers,
    "template": _template,
    "fields": _fields,
    "lookups": _lookups,
    "account": _account,
    "no_account": _no_account,
}

PAGES = (
    Page("/o/{org}/settings", settings),
    Page("/o/{org}/settings", keep, "POST"),
    Page("/o/{org}/settings/preview", preview, "POST"),
    Page("/o/{org}/settings/test-lookups", test_lookups, "POST"),
    Page("/o/{org}/settings/erase", erase, "POST"),
)

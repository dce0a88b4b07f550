"""API keys: who may ask, with which rights, until when."""

from __future__ import annotations

from typing import Any, Final

from gateway.clock import parse_time
from gateway.domain.console import LINK_SECONDS, LONGEST_LINK_SECONDS
from gateway.errors import InvalidRequest, Problem
from gateway.manage.keys import DEFAULT_SCOPES, ROLES, SCOPES
from gateway.web.auth import ALL_ORGS
from gateway.web.console.forms import Form
from gateway.web.console.page import Onward, Page, Shown, Visit

DAY_SECONDS: Final = 86_400
_BLANK: Final = {"role": "", "name": "", "expires_in": "", "actor": "", "minutes": str(LINK_SECONDS // 60)}


async def keys(visit: Visit) -> Shown:
    return await shown(visit)


async def create(visit: Visit) -> Shown:
    """A key of the organization; over all of them, one of the platform. Its text is on this page only."""
    form = visit.form
    body: dict[str, Any] = {"name": form.get("name")}
    try:
        if (days := form.number("expires_in")) is not None:
            body["expires_in"] = days * DAY_SECONDS
        if form.get("of") == "platform":
            body |= {"platform": True, "scopes": _ticked(form)}
        else:
            body["role"] = form.get("role") or None
        made = await visit.ask("createKey", body=body)
    except Problem as problem:
        filled = {name: form.get(name) for name in ("role", "name", "expires_in")}
        return await shown(visit, problem=problem, filled=filled, of=form.get("of") or "organization")
    return await shown(visit, made=made)


async def revoke(visit: Visit) -> Onward:
    await visit.ask("revokeKey", path={"id": visit.path["id"]})
    return Onward(visit.to("keys"), said="key_revoked")


async def shown(
    visit: Visit,
    *,
    made: Any = None,
    link: Any = None,
    problem: Problem | None = None,
    filled: dict[str, str] | None = None,
    of: str = "",
) -> Shown:
    """The page of keys: with a key or a link that was made, or with what was filled in and is wrong. `of`:
    the form that was filled in (organization, platform, link)."""
    page = await visit.ask("listKeys", query={"cursor": visit.query.get("cursor")})
    values = {
        "page": page,
        "made": made,
        "link": link,
        "problem": problem,
        "filled": _BLANK | (filled or {}),
        "of": of,
        "scopes": visit.form.all("scopes") if of == "platform" else DEFAULT_SCOPES,
        "all_scopes": SCOPES,
        "roles": ROLES,
        "over_all": visit.org_id == ALL_ORGS,
        "longest_link": LONGEST_LINK_SECONDS // 60,
        "expired": {one["id"] for one in page["data"] if _is_past(one["expires_at"], visit.now)},
    }
    return Shown("keys.html", values, 200 if problem is None else problem.status)


def _ticked(form: Form) -> list[str]:
    """The scopes. None at all would mean the usual ones to the API, but not to whoever unticks them."""
    scopes = form.all("scopes")
    if not scopes:
        raise InvalidRequest.field("scopes", "tick one at least")
    return scopes


def _is_past(time: str | None, now: int) -> bool:
    return time is not None and parse_time(time) <= now


PAGES = (
    Page("/o/{org}/keys", keys),
    Page("/o/{org}/keys", create, "POST"),
    Page("/o/{org}/keys/{id}/revoke", revoke, "POST"),
)

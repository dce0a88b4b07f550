"""Deliveries: what was sent to whom, found by every filter of the API; and the same as a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.clock import format_time
from gateway.domain.delivery import Status
from gateway.domain.event_types import CATALOGUE, RESERVED_TYPES
from gateway.domain.exchange import RECORDED_ERRORS
from gateway.errors import Forbidden, InvalidRequest, NotFound
from gateway.web.auth import ALL_ORGS
from gateway.web.console.page import Download, Page, Shown, Visit
from gateway.web.console.times import HINT, api_time

TYPES: Final = (*CATALOGUE, *sorted(RESERVED_TYPES))
FIELDS: Final = (
    "status",
    "type",
    "since",
    "until",
    "event_id",
    "last_status_code",
    "last_error",
    "q",
    "order",
)
TIMES: Final = ("since", "until")
FILES: Final = {"csv": "text/csv", "ndjson": "application/x-ndjson"}
_MOST_NAMED: Final = "200"


async def deliveries(visit: Visit) -> Shown | Download:
    """Everybody's, or those of the target that the address names; with `format`, as a file."""
    if visit.query.get("format"):
        return await _export(visit)
    typed = {name: visit.query.get(name, "").strip() for name in FIELDS}
    target = target_of(visit)
    values: dict[str, Any] = {
        "typed": typed,
        "target": target,
        "names": await target_names(visit),
        "statuses": [status.value for status in Status],
        "errors": RECORDED_ERRORS,
        "types": TYPES,
        "time_hint": HINT,
        "may_export": _may_export(visit),
    }
    operation, path = _of_target(target)
    query = as_asked(typed, visit.now) | {"cursor": visit.query.get("cursor")}
    try:
        page = await visit.ask(operation, path=path, query=query)
    except (InvalidRequest, NotFound, Forbidden) as problem:
        return Shown("deliveries.html", values | {"page": None, "problem": problem}, problem.status)
    return Shown("deliveries.html", values | {"page": page, "problem": None})


async def _export(visit: Visit) -> Download:
    """All that matches, however many."""
    typed = {name: visit.query.get(name, "").strip() for name in FIELDS}
    operation, path = _of_target(target_of(visit))
    return await as_file("deliveries", visit, operation, path, as_asked(typed, visit.now))


async def as_file(
    noun: str, visit: Visit, operation_id: str, path: dict[str, str], query: dict[str, str | None]
) -> Download:
    """An operation's export in the format that the address names: CSV, or a JSON object for each line."""
    kind = visit.query.get("format", "")
    media_type = FILES.get(kind)
    if media_type is None:
        raise InvalidRequest.field("format", "must be " + " or ".join(FILES))
    pieces = await visit.stream(operation_id, media_type, query, path)
    return Download(pieces, media_type, _file_name(noun, visit, kind))


def as_asked(typed: dict[str, str], now: int) -> dict[str, str | None]:
    """What was typed, as the API asks for it."""
    return {name: api_time(text, now) if name in TIMES else text for name, text in typed.items()}


def _file_name(noun: str, visit: Visit, ending: str) -> str:
    whose = "all" if visit.org_id in (None, ALL_ORGS) else visit.org_id
    stamp = format_time(visit.now)[:19].replace("-", "").replace(":", "")
    return f"{noun}-{whose}-{stamp}Z.{ending}"


def target_of(visit: Visit) -> str:
    """The webhook or connector whose deliveries are wanted; empty for all."""
    named = (visit.query.get(name, "").strip() for name in ("target", "webhook", "connector"))
    return next((name for name in named if name), "")


def _of_target(target: str) -> tuple[str, dict[str, str]]:
    if not target:
        return "listDeliveries", {}
    of_connector = target.startswith("cnr_")
    return ("listConnectorDeliveries" if of_connector else "listWebhookDeliveries"), {"id": target}


async def target_names(visit: Visit) -> dict[str, str]:
    """By their ids: the URLs of webhooks, the names of connectors. None of them over all organizations."""
    if visit.org_id == ALL_ORGS:
        return {}
    hooks = await visit.ask("listWebhooks", query={"limit": _MOST_NAMED})
    connectors = await visit.ask("listConnectors", query={"limit": _MOST_NAMED})
    return names_of(hooks, connectors)


def names_of(hooks: Mapping[str, Any], connectors: Mapping[str, Any]) -> dict[str, str]:
    """Of these pages of webhooks and connectors."""
    named = {one["id"]: one["url"] for one in hooks["data"]}
    return named | {one["id"]: one["name"] for one in connectors["data"]}


def _may_export(visit: Visit) -> bool:
    try:
        visit.principal.require("admin", "manage")
    except Forbidden:
        return False
    return True


PAGES = (Page("/o/{org}/deliveries", deliveries),)

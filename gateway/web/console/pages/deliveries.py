"""Deliveries: what was sent to whom, found by every filter of the API; and the same as a file."""

from __future__ import annotations

from typing import Any, Final

from gateway.domain.delivery import Status
from gateway.domain.event_types import CATALOGUE, RESERVED_TYPES
from gateway.domain.exchange import RECORDED_ERRORS
from gateway.errors import Forbidden, InvalidRequest, NotFound
from gateway.web.console.page import Download, Page, Shown, Visit
from gateway.web.console.saving import as_file
from gateway.web.console.targets import target_names
from gateway.web.console.times import HINT, as_asked

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


def target_of(visit: Visit) -> str:
    """The webhook or connector whose deliveries are wanted; empty for all."""
    named = (visit.query.get(name, "").strip() for name in ("target", "webhook", "connector"))
    return next((name for name in named if name), "")


def _of_target(target: str) -> tuple[str, dict[str, str]]:
    if not target:
        return "listDeliveries", {}
    of_connector = target.startswith("cnr_")
    return ("listConnectorDeliveries" if of_connector else "listWebhookDeliveries"), {"id": target}


def _may_export(visit: Visit) -> bool:
    try:
        visit.principal.require("admin", "manage")
    except Forbidden:
        return False
    return True


PAGES = (Page("/o/{org}/deliveries", deliveries),)

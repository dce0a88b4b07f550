"""What is done to a connector: switched on and off, given another secret, deleted; what is done again of
what it was owed."""

from __future__ import annotations

from typing import Any

from gateway.errors import Conflict, InvalidRequest, RateLimited
from gateway.web.console.page import Onward, Page, Shown, Visit
from gateway.web.console.pages.connectors import after_secret, shown
from gateway.web.console.times import api_time


async def enable(visit: Visit) -> Onward:
    pending = "discard" if visit.form.get("pending") == "discard" else "deliver"
    await visit.ask("enableConnector", path=visit.path, body={"pending": pending})
    return _back(visit, "connector_enabled")


async def disable(visit: Visit) -> Onward:
    await visit.ask("disableConnector", path=visit.path)
    return _back(visit, "connector_disabled")


async def rotate(visit: Visit) -> Shown | Onward:
    form = visit.form
    try:
        grace = form.number("grace_period_seconds")
        body: dict[str, Any] = {} if grace is None else {"grace_period_seconds": grace}
        if form.get("secret"):
            body["secret"] = form.get("secret")
        if form.has("force"):
            body["force"] = True
        rotated = await visit.ask("rotateConnectorSecret", path=visit.path, body=body)
    except (InvalidRequest, Conflict) as problem:
        return await shown(visit, problem)
    return after_secret(visit, rotated, "rotated")


async def finish(visit: Visit) -> Onward:
    await visit.ask("finishConnectorRotation", path=visit.path)
    return _back(visit, "connector_rotation_finished")


async def delete(visit: Visit) -> Onward:
    await visit.ask("deleteConnector", path=visit.path)
    return Onward(visit.to("connectors"), said="connector_deleted")


async def ping(visit: Visit) -> Shown:
    """What came of it stands on the connector's page, and in its log."""
    try:
        return await shown(visit, pinged=await visit.ask("pingConnector", path=visit.path))
    except RateLimited as problem:
        return await shown(visit, problem)


async def retry(visit: Visit) -> Shown | Onward:
    return await _order(visit, "retryConnector", {})


async def redeliver(visit: Visit) -> Shown | Onward:
    form = visit.form
    times = {name: form.get(name) for name in ("since", "until")}
    body: dict[str, Any] = {name: api_time(text, visit.now) for name, text in times.items() if text}
    if types := form.get("types").replace(",", " ").split():
        body["types"] = types
    return await _order(visit, "redeliverConnector", body)


async def _order(visit: Visit, operation_id: str, body: dict[str, Any]) -> Shown | Onward:
    """First how much it would be; when that was seen, the order."""
    ordered = visit.form.has("ordered")
    try:
        answer = await visit.ask(operation_id, path=visit.path, body=body | {"dry_run": not ordered})
    except (InvalidRequest, Conflict) as problem:
        return await shown(visit, problem)
    if not ordered:
        return await shown(visit, matched={"operation": operation_id, "count": answer["matched"]})
    return Onward(visit.to("connectors", visit.path["id"], job=answer["id"]), said="connector_ordered")


def _back(visit: Visit, said: str) -> Onward:
    return Onward(visit.to("connectors", visit.path["id"]), said=said)


PAGES = (
    Page("/o/{org}/connectors/{id}/enable", enable, "POST"),
    Page("/o/{org}/connectors/{id}/disable", disable, "POST"),
    Page("/o/{org}/connectors/{id}/rotate", rotate, "POST"),
    Page("/o/{org}/connectors/{id}/finish", finish, "POST"),
    Page("/o/{org}/connectors/{id}/delete", delete, "POST"),
    Page("/o/{org}/connectors/{id}/ping", ping, "POST"),
    Page("/o/{org}/connectors/{id}/retry", retry, "POST"),
    Page("/o/{org}/connectors/{id}/redeliver", redeliver, "POST"),
)

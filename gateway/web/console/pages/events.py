"""Events: what was accepted of late, and a form that sends one."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.domain.event import PRIORITIES
from gateway.domain.wording import of_json
from gateway.errors import InvalidRequest, Problem
from gateway.web.console.page import Onward, Page, Shown, Visit
from gateway.web.console.pages.deliveries import TYPES
from gateway.web.console.times import HINT, api_time, as_asked

FIELDS: Final = ("type", "since", "until", "order")
OPTIONAL: Final = ("external_id", "ordering_key", "occurred_at")
USUAL: Final = "call.completed"


async def events(visit: Visit) -> Shown:
    typed = {name: visit.query.get(name, "").strip() for name in FIELDS}
    values: dict[str, Any] = {"typed": typed, "types": TYPES, "time_hint": HINT}
    query = as_asked(typed, visit.now) | {"cursor": visit.query.get("cursor")}
    try:
        page = await visit.ask("listEvents", query=query)
    except InvalidRequest as problem:
        return Shown("events.html", values | {"page": None, "problem": problem}, problem.status)
    return Shown("events.html", values | {"page": page, "problem": None})


async def compose(visit: Visit) -> Shown:
    """The form, with the example of the type that the address names."""
    catalogue = await _catalogue(visit)
    wanted = visit.query.get("type", USUAL).strip() or USUAL
    data: Any = catalogue[wanted]["example"]["data"] if wanted in catalogue else {}
    text = msgspec.json.format(msgspec.json.encode(data), indent=2).decode()
    return _form(catalogue, {"type": wanted, "data": text}, None)


async def send(visit: Visit) -> Shown | Onward:
    """Leads to the event that was accepted."""
    form = visit.form
    filled = {name: form.get(name) for name in ("type", *OPTIONAL, "priority", "expires_in")}
    try:
        body: dict[str, Any] = {"type": filled["type"], "data": _json(form.raw("data"))}
        body |= {name: filled[name] for name in (*OPTIONAL, "priority") if filled[name]}
        if filled["occurred_at"]:
            body["occurred_at"] = api_time(filled["occurred_at"], visit.now)
        if (lifetime := form.number("expires_in")) is not None:
            body["expires_in"] = lifetime
        accepted = await visit.ask("sendEvent", body=body)
    except Problem as problem:
        if problem.status in (401, 403, 404, 410) or problem.status >= 500:
            raise
        return _form(await _catalogue(visit), filled | {"data": form.raw("data")}, problem)
    return Onward(visit.to("events", accepted["id"]), said="event_accepted")


def _form(catalogue: dict[str, dict[str, Any]], filled: dict[str, str], problem: Problem | None) -> Shown:
    blank = dict.fromkeys((*OPTIONAL, "priority", "expires_in"), "")
    values = {
        "catalogue": [one for one in catalogue.values() if not one["own"]],
        "known": catalogue.get(filled["type"]),
        "filled": blank | filled,
        "priorities": list(PRIORITIES),
        "problem": problem,
    }
    return Shown("send_event.html", values, 200 if problem is None else problem.status)


async def _catalogue(visit: Visit) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in (await visit.ask("listEventTypes"))["data"]}


def _json(text: str) -> msgspec.Raw:
    """The bytes of one JSON value, as they were typed. Raises InvalidRequest."""
    raw = text.encode()
    try:
        return msgspec.json.decode(raw.strip(), type=msgspec.Raw)
    except msgspec.DecodeError as error:
        said = of_json(str(error), raw) if raw.strip() else "nothing is there"
        raise InvalidRequest.field("data", f"is not valid JSON: {said}") from None
    except RecursionError:
        raise InvalidRequest.field("data", "is nested too deeply") from None


PAGES = (
    Page("/o/{org}/events", events),
    Page("/o/{org}/events/send", compose),
    Page("/o/{org}/events/send", send, "POST"),
)

"""What is done to a contact: said of it and taken back, asked anew, made one with another, deleted, added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from gateway.errors import Conflict, Detail, InvalidRequest, NotFound, Problem
from gateway.web.console.forms import Form
from gateway.web.console.page import Onward, Page, Shown, Visit
from gateway.web.console.pages.contacts import shown

TEXTS: Final = ("name", "first_name", "last_name", "email", "company", "title", "notes")
_BEFORE: Final = "before."
_CUSTOM: Final = "fields."
_EMPTY: Final = {**dict.fromkeys(TEXTS, ""), "tags": "", "phone": ""}


async def new(visit: Visit) -> Shown:
    return _form(visit, _EMPTY)


async def create(visit: Visit) -> Shown | Onward:
    """A number that is in the book already keeps what is not filled in here; what somebody has said of it is
    not written over."""
    try:
        body = _changes(visit.form)
        await _refuse_to_contradict(visit, body)
        made = await visit.ask("updateContact", path={"id": visit.form.get("phone") or "+"}, body=body)
    except (InvalidRequest, NotFound) as problem:
        if isinstance(problem, NotFound):
            problem = InvalidRequest.field("phone", problem.message.removeprefix("what is asked for "))
        return _form(visit, _filled_in(visit.form), problem=problem)
    return _on(visit, made["id"], "contact_saved")


async def _refuse_to_contradict(visit: Visit, body: Mapping[str, Any]) -> None:
    """Raises InvalidRequest, naming the fields, when people have said something else of the number before."""
    try:
        said = (await visit.ask("getContact", path={"id": visit.form.get("phone") or "+"}))["overrides"]
    except NotFound:
        return
    other = [name for name, value in body.items() if name in said and said[name]["value"] != value]
    if other:
        message = "somebody has said another for this number already: look for the contact, and edit it"
        details = [Detail(name, message) for name in other]
        raise InvalidRequest(message, details=details)


async def edit(visit: Visit) -> Shown:
    contact = await visit.ask("getContact", path=visit.path)
    said = contact["overrides"]
    values = {name: said[name]["value"] if name in said else "" for name in TEXTS}
    return _form(visit, values | {"tags": ", ".join(contact["tags"])}, contact)


async def change(visit: Visit) -> Shown | Onward:
    """Only what somebody has changed on the form: what others say meanwhile stays."""
    body = _changes(visit.form)
    if not body:
        return _on(visit, visit.path["id"], "contact_saved")
    try:
        changed = await visit.ask("updateContact", path=visit.path, body=body)
    except InvalidRequest as problem:
        contact = await visit.ask("getContact", path=visit.path)
        return _form(visit, _filled_in(visit.form), contact, problem)
    return _on(visit, changed["id"], "contact_saved")


async def say(visit: Visit) -> Shown | Onward:
    """A field of the organization's own."""
    form = visit.form
    try:
        value = _custom(form.get("kind"), form.raw("value"))
        await visit.ask("updateContact", path=visit.path, body={"fields": {form.get("field"): value}})
    except InvalidRequest as problem:
        return await shown(visit, problem)
    return _on(visit, visit.path["id"], "contact_saved")


async def take_back(visit: Visit) -> Onward:
    name = visit.form.get("field")
    own = name.removeprefix(_CUSTOM)
    body = {name: None} if own == name else {"fields": {own: None}}
    await visit.ask("updateContact", path=visit.path, body=body)
    return _on(visit, visit.path["id"], "contact_taken_back")


async def refresh(visit: Visit) -> Shown | Onward:
    found = await visit.ask("refreshContact", path=visit.path)
    if found["contact"] is None:
        return Onward(visit.to("contacts"), said="contact_unknown")
    if found["errors"]:
        return await shown(visit, errors=found["errors"])
    return _on(visit, visit.path["id"], "contact_refreshed")


async def merge(visit: Visit) -> Shown | Onward:
    try:
        merged = await visit.ask("mergeContact", path=visit.path, body={"from": visit.form.get("from")})
    except (InvalidRequest, Conflict) as problem:
        return await shown(visit, problem)
    return _on(visit, merged["id"], "contact_merged")


async def delete(visit: Visit) -> Onward:
    await visit.ask("deleteContact", path=visit.path)
    return Onward(visit.to("contacts"), said="contact_deleted")


def _changes(form: Form) -> dict[str, Any]:
    """A merge patch of what differs from what stood on the form; emptied is taken back."""
    body: dict[str, Any] = {
        name: form.raw(name).strip() or None
        for name in TEXTS
        if form.raw(name).strip() != form.raw(_BEFORE + name).strip()
    }
    if (tags := _tags(form.get("tags"))) != _tags(form.get(_BEFORE + "tags")):
        body["tags"] = tags
    return body


def _tags(text: str) -> list[str]:
    return [tag.strip() for tag in text.split(",") if tag.strip()]


def _custom(kind: str, text: str) -> Any:
    """A value of the kind that was chosen. Raises InvalidRequest."""
    if kind == "yes or no":
        if text.strip().lower() not in ("yes", "no"):
            raise InvalidRequest.field("value", "must be yes or no")
        return text.strip().lower() == "yes"
    if kind == "number":
        try:
            return msgspec.json.decode(text.strip().encode(), type=int | float)
        except msgspec.DecodeError:
            raise InvalidRequest.field("value", "must be a number, such as 42 or 1.5") from None
    return text


def _filled_in(form: Form) -> dict[str, str]:
    return {name: form.raw(name) for name in _EMPTY}


def _form(
    visit: Visit, values: Mapping[str, Any], contact: Any = None, problem: Problem | None = None
) -> Shown:
    before = values
    if visit.form.has("token"):  # it is shown again: what stood there at first still counts
        before = {name: visit.form.raw(_BEFORE + name) for name in _EMPTY}
    shown = {"values": values, "before": before, "contact": contact, "problem": problem}
    return Shown("contact_form.html", shown, 200 if problem is None else problem.status)


def _on(visit: Visit, contact_id: str, said: str) -> Onward:
    return Onward(visit.to("contacts", contact_id), said=said)


PAGES = (
    Page("/o/{org}/contacts/new", new),
    Page("/o/{org}/contacts/new", create, "POST"),
    Page("/o/{org}/contacts/{id}/edit", edit),
    Page("/o/{org}/contacts/{id}/edit", change, "POST"),
    Page("/o/{org}/contacts/{id}/say", say, "POST"),
    Page("/o/{org}/contacts/{id}/take-back", take_back, "POST"),
    Page("/o/{org}/contacts/{id}/refresh", refresh, "POST"),
    Page("/o/{org}/contacts/{id}/merge", merge, "POST"),
    Page("/o/{org}/contacts/{id}/delete", delete, "POST"),
)

"""Faults of creating: doubles, losses, names that change, and crashes over what is missing or unusual."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec

from tests.connectors.conformance.faults import fault, is_good
from tests.connectors.conformance.faults.lookups import refusing
from tests.connectors.conformance.reference import (
    BAD_REQUEST,
    CRASH,
    NOT_FOUND,
    Ask,
    Asked,
    Reply,
    World,
    says,
)


@fault("a create says nothing of the contact", "CRE-001", also=None)
async def silent_create(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    return says(201, {"ok": True}) if asked.path == "/contacts" and reply.status == 201 else reply


@fault("a create is answered 200", "CRE-002")
async def status_200(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    return replace(reply, status=200) if asked.path == "/contacts" and reply.status == 201 else reply


@fault("created contacts are not found", "CRE-003", also=None)
async def not_searchable(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    lookup = is_good(asked, world, "/contacts/lookup") and reply.status == 200
    return NOT_FOUND if lookup and len(reply.data.get("contact", {}).get("id", "")) > 3 else reply


@fault("the answer to a create has no number", "CRE-004")
async def no_number_in_answer(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    created = asked.path == "/contacts" and reply.status in (201, 409)
    kept = {k: v for k, v in reply.data["contact"].items() if k != "phone"} if created else {}
    return reply.with_fields(contact=kept) if created else reply


@fault("a create needs a name", "CRE-005")
async def needs_name(asked: Asked, ask: Ask, world: World) -> Reply:
    nameless = (
        is_good(asked, world, "/contacts") and asked.fields.get("phone") and not asked.fields.get("name")
    )
    return BAD_REQUEST if nameless else await ask(asked)


def _renamed(asked: Asked, world: World, change: Callable[[str], str]) -> Asked:
    name = asked.fields.get("name")
    if not is_good(asked, world, "/contacts") or not isinstance(name, str):
        return asked
    body = json.dumps({**asked.fields, "name": change(name)}, ensure_ascii=False).encode()
    return world.sign(replace(asked, body=body))


@fault("names lose what is not Latin", "CRE-006")
async def latin_names(asked: Asked, ask: Ask, world: World) -> Reply:
    return await ask(_renamed(asked, world, lambda n: n.encode("ascii", "replace").decode()))


@fault("names are stored escaped for HTML", "CRE-007")
async def escaped_names(asked: Asked, ask: Ask, world: World) -> Reply:
    return await ask(_renamed(asked, world, html.escape))


def _known(asked: Asked, world: World) -> Any:
    return next((c for c in world.connector.contacts.values() if c.phone == asked.fields.get("phone")), None)


@fault("every create makes a contact", "CRE-008", also="CRE-009 IDM-003 IDM-004")
async def duplicates(asked: Asked, ask: Ask, world: World) -> Reply:
    known = _known(asked, world)
    if known is None or not is_good(asked, world, "/contacts"):
        return await ask(asked)
    again = msgspec.structs.replace(known, id=f"{known.id}-{len(world.connector.contacts)}")
    world.connector.contacts[again.id] = again
    return says(201, {"contact": msgspec.to_builtins(again), "created": True})


@fault("409 comes without the contact", "CRE-009", also="CRE-008 IDM-003 IDM-004 IDM-005")
async def bare_409(asked: Asked, ask: Ask, world: World) -> Reply:
    if is_good(asked, world, "/contacts") and _known(asked, world) is not None:
        return says(409, {"error": "conflict", "message": "it exists"})
    reply = await ask(asked)
    return says(409, {"error": "conflict", "message": "it exists"}) if reply.status == 409 else reply


@fault("contacts with the same name are taken for one", "CRE-010")
async def same_name(asked: Asked, ask: Ask, world: World) -> Reply:
    name = asked.fields.get("name")
    found = next((c for c in world.connector.contacts.values() if name and c.name == name), None)
    if found is None or not is_good(asked, world, "/contacts") or found.phone == asked.fields.get("phone"):
        return await ask(asked)
    contact = msgspec.to_builtins(msgspec.structs.replace(found, phone=asked.fields["phone"]))
    return says(201, {"contact": contact, "created": True})


fault("unknown fields of a create are refused", "CRE-011")(
    refusing("phone", "name", "email", "source", "call_id", path="/contacts")
)


@fault("a create without a number makes a contact", "CRE-012")
async def numberless(asked: Asked, ask: Ask, world: World) -> Reply:
    missing = is_good(asked, world, "/contacts") and asked.get("x-hum-event") == "contact.create"
    if missing and isinstance(asked.json, dict) and not asked.fields.get("phone"):
        return says(201, {"contact": {"id": "900"}, "created": True})
    return await ask(asked)


@fault("withheld callers become contacts", "CRE-013")
async def withheld(asked: Asked, ask: Ask, world: World) -> Reply:
    if is_good(asked, world, "/contacts") and asked.fields.get("phone") == "anonymous":
        return says(201, {"contact": {"id": "901", "phone": "anonymous"}, "created": True})
    return await ask(asked)


@fault("a name of another type crashes", "CRE-014", also="ERR-004")
async def name_type(asked: Asked, ask: Ask, world: World) -> Reply:
    wrong = isinstance(asked.fields.get("name"), int | dict | list) and isinstance(
        asked.fields.get("phone"), str
    )
    return CRASH if wrong and is_good(asked, world, "/contacts") else await ask(asked)


@fault("a long name does not fit its column", "CRE-015", also="ERR-004")
async def long_name(asked: Asked, ask: Ask, world: World) -> Reply:
    long = is_good(asked, world, "/contacts") and len(str(asked.fields.get("name"))) > 1000
    return CRASH if long else await ask(asked)

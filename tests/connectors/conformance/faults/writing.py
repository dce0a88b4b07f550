"""Faults of writing: doubles, losses, crashes over what is missing or unusual, and pings that do things."""

from __future__ import annotations

import asyncio
import html
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.connectors.conformance.faults import fault
from tests.connectors.conformance.faults.lookups import STRANGER, _refusing
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


def _is_good(asked: Asked, world: World, path: str) -> bool:
    return asked.path == path and asked.method == "POST" and world.is_admitted(asked)


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
    lookup = _is_good(asked, world, "/contacts/lookup") and reply.status == 200
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
        _is_good(asked, world, "/contacts") and asked.fields.get("phone") and not asked.fields.get("name")
    )
    return BAD_REQUEST if nameless else await ask(asked)


def _renamed(asked: Asked, world: World, change: Callable[[str], str]) -> Asked:
    name = asked.fields.get("name")
    if not _is_good(asked, world, "/contacts") or not isinstance(name, str):
        return asked
    import json

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
    import msgspec

    known = _known(asked, world)
    if known is None or not _is_good(asked, world, "/contacts"):
        return await ask(asked)
    again = msgspec.structs.replace(known, id=f"{known.id}-{len(world.connector.contacts)}")
    world.connector.contacts[again.id] = again
    return says(201, {"contact": msgspec.to_builtins(again), "created": True})


@fault("409 comes without the contact", "CRE-009", also="CRE-008 IDM-003 IDM-004 IDM-005")
async def bare_409(asked: Asked, ask: Ask, world: World) -> Reply:
    if _is_good(asked, world, "/contacts") and _known(asked, world) is not None:
        return says(409, {"error": "conflict", "message": "it exists"})
    reply = await ask(asked)
    return says(409, {"error": "conflict", "message": "it exists"}) if reply.status == 409 else reply


@fault("contacts with the same name are taken for one", "CRE-010")
async def same_name(asked: Asked, ask: Ask, world: World) -> Reply:
    import msgspec

    name = asked.fields.get("name")
    found = next((c for c in world.connector.contacts.values() if name and c.name == name), None)
    if found is None or not _is_good(asked, world, "/contacts") or found.phone == asked.fields.get("phone"):
        return await ask(asked)
    contact = msgspec.to_builtins(msgspec.structs.replace(found, phone=asked.fields["phone"]))
    return says(201, {"contact": contact, "created": True})


fault("unknown fields of a create are refused", "CRE-011")(
    _refusing("phone", "name", "email", "source", "call_id", path="/contacts")
)


@fault("a create without a number makes a contact", "CRE-012")
async def numberless(asked: Asked, ask: Ask, world: World) -> Reply:
    missing = _is_good(asked, world, "/contacts") and asked.get("x-hum-event") == "contact.create"
    if missing and isinstance(asked.json, dict) and not asked.fields.get("phone"):
        return says(201, {"contact": {"id": "900"}, "created": True})
    return await ask(asked)


@fault("withheld callers become contacts", "CRE-013")
async def withheld(asked: Asked, ask: Ask, world: World) -> Reply:
    if _is_good(asked, world, "/contacts") and asked.fields.get("phone") == "anonymous":
        return says(201, {"contact": {"id": "901", "phone": "anonymous"}, "created": True})
    return await ask(asked)


@fault("a name of another type crashes", "CRE-014", also="ERR-004")
async def name_type(asked: Asked, ask: Ask, world: World) -> Reply:
    wrong = isinstance(asked.fields.get("name"), int | dict | list) and isinstance(
        asked.fields.get("phone"), str
    )
    return CRASH if wrong and _is_good(asked, world, "/contacts") else await ask(asked)


@fault("a long name does not fit its column", "CRE-015", also="ERR-004")
async def long_name(asked: Asked, ask: Ask, world: World) -> Reply:
    long = _is_good(asked, world, "/contacts") and len(str(asked.fields.get("name"))) > 1000
    return CRASH if long else await ask(asked)


def _breaks(title: str, *ids: str, when: Callable[[Asked], Any], also: str = "ERR-004") -> None:
    """A fault: calls of this kind crash the connector."""

    async def run(asked: Asked, ask: Ask, world: World) -> Reply:
        hit = _is_good(asked, world, "/calls") and asked.call.get("id") and when(asked)
        hit = hit and asked.get("x-hum-event") == "call.sync" and isinstance(asked.call["id"], str)
        return CRASH if hit else await ask(asked)

    fault(title, *ids, also=also)(run)


@fault("the answer to a call has no activity", "CAL-001", also=None)
async def no_activity(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    return says(200, {"ok": True}) if asked.path == "/calls" and reply.status == 200 else reply


_breaks("a call with a contact crashes", "CAL-002", when=lambda asked: asked.fields.get("contact"))
_breaks(
    "a call without `contact` crashes",
    "CAL-003",
    when=lambda asked: "contact" not in asked.fields,
)


@fault("a call whose contact is null crashes", "CAL-003", also=None)
async def null_contact(asked: Asked, ask: Ask, world: World) -> Reply:
    return (
        CRASH
        if _is_good(asked, world, "/calls") and asked.fields.get("contact") is None
        else await ask(asked)
    )


_breaks("a call of which only the id is known crashes", "CAL-004", when=lambda a: "direction" not in a.call)
_breaks("a missed call crashes", "CAL-005", when=lambda a: a.call.get("answered_at", "") is None)
_breaks("an outbound call crashes", "CAL-006", when=lambda a: a.call.get("direction") == "outbound")
_breaks(
    "a call without a revision crashes",
    "CAL-010",
    when=lambda a: "direction" in a.call and "revision" not in a.call,
)
_breaks(
    "unknown values of enumerations crash", "CAL-014", when=lambda a: a.call.get("status") == "transferred"
)
_breaks("whole numbers of seconds crash", "CAL-015", when=lambda a: a.call.get("duration_seconds") == 233)
_breaks("letters beyond the basic plane crash", "CAL-016", when=lambda a: "😀" in str(a.call))
_breaks("a transcript beyond 64 KiB crashes", "CAL-013", when=lambda a: len(a.body) > 65_536)


def _anew(title: str, *ids: str, when: Callable[[Asked, World], bool], also: str = "") -> None:
    """A fault: such a call is a new activity each time."""

    async def run(asked: Asked, ask: Ask, world: World) -> Reply:
        reply = await ask(asked)
        if asked.path != "/calls" or reply.status != 200:
            return reply
        again = when(asked, world)
        world.memo[asked.call["id"]] = asked.call
        world.memo["n"] = world.memo.get("n", 0) + 1
        activity = f"{reply.data['activity_id']}-{world.memo['n']}" if again else reply.data["activity_id"]
        world.connector.calls[activity] = world.connector.calls[reply.data["activity_id"]]
        return reply.with_fields(activity_id=activity)

    fault(title, *ids, also=also)(run)


_anew(
    "every request is a new activity",
    *("CAL-007", "IDM-006", "IDM-007"),
    when=lambda asked, world: True,
    also="CAL-008 CAL-009 CAL-010 CAL-012 PNG-008",
)
_anew(
    "a higher revision is a new activity",
    "CAL-008",
    when=lambda asked, world: (
        world.memo.get(asked.call["id"], {}).get("revision", 9) < asked.call.get("revision", 0)
    ),
)


@fault("a lower revision is refused", "CAL-009", also="CAL-021")
async def older_refused(asked: Asked, ask: Ask, world: World) -> Reply:
    revision, known = asked.call.get("revision"), world.memo.get(asked.call.get("id"))
    if isinstance(revision, int) and known is not None and revision < known and asked.path == "/calls":
        return says(409, {"error": "conflict", "message": "an older revision"})
    reply = await ask(asked)
    if isinstance(revision, int) and reply.status == 200:
        world.memo[asked.call["id"]] = revision
    return reply


@fault("calls of one number and time are taken for one", "CAL-011", also=None)
async def same_minute(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    if asked.path != "/calls" or reply.status != 200:
        return reply
    key = (asked.call.get("from"), asked.call.get("started_at"))
    return reply.with_fields(activity_id=world.memo.setdefault(key, reply.data["activity_id"]))


@fault("a call's id goes unescaped into an address", "CAL-012")
async def id_in_address(asked: Asked, ask: Ask, world: World) -> Reply:
    odd = _is_good(asked, world, "/calls") and any(c in str(asked.call.get("id")) for c in "/?#")
    return says(502, {"error": "crm_failed", "message": "the CRM answered 404"}) if odd else await ask(asked)


@fault("a body without a call is answered 200", "CAL-017", also="CAL-018")
async def callless(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    return says(200, {"activity_id": "0"}) if asked.path == "/calls" and reply.status == 422 else reply


@fault("a call without an id is logged", "CAL-018")
async def idless(asked: Asked, ask: Ask, world: World) -> Reply:
    idless = _is_good(asked, world, "/calls") and asked.call and not asked.call.get("id")
    return says(200, {"activity_id": "0"}) if idless else await ask(asked)


def _shows(title: str, *ids: str, what: Callable[[str, list[dict[str, Any]]], str], also: str = "") -> None:
    """A fault: the activity has something else than it should; `what` is told all that came of the call."""

    async def run(asked: Asked, ask: Ask, world: World) -> Reply:
        reply = await ask(asked)
        if asked.path == "/calls" and reply.status == 200:
            activity = reply.data["activity_id"]
            told = world.memo.setdefault(("told", activity), [])
            told.append(asked.call)
            world.memo["shown", activity] = what(activity, told) or " "
        return reply

    fault(title, *ids, also=also)(run)


_shows(
    "the summary is not stored",
    "CAL-019",
    what=lambda _, told: str(told[-1].get("recording_url")),
    also="CAL-021 CAL-022",
)
_shows(
    "a recording that comes late is ignored",
    "CAL-020",
    what=lambda _, told: str(max(told, key=lambda c: c.get("revision", 0)) | {"recording_url": None}),
)
_shows("a lower revision overwrites", "CAL-021", what=lambda _, told: str(told[-1]))
_shows("later revisions are added below", "CAL-022", what=lambda _, told: str(told), also="CAL-021")


@fault("a ping is answered with a word", "PNG-001", also=None)
async def pong(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    return (
        Reply(200, b"pong", (("content-type", "text/plain"),))
        if asked.path == "/ping" and reply.status == 200
        else reply
    )


@fault("a ping never says that it is not ok", "PNG-001", also=None)
async def ok_as_text(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    return reply.with_fields(ok="yes") if asked.path == "/ping" and reply.status == 200 else reply


@fault("the version is a number", "PNG-002")
async def version_as_number(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    return reply.with_fields(version=1.2) if asked.path == "/ping" and reply.status == 200 else reply


fault("unknown fields of a ping are refused", "PNG-003", also="PNG-006")(
    _refusing("org_id", "connector_id", "timestamp", path="/ping")
)


@fault("a ping must say who pings", "PNG-004")
async def ping_needs_org(asked: Asked, ask: Ask, world: World) -> Reply:
    nameless = _is_good(asked, world, "/ping") and not asked.fields.get("org_id")
    return BAD_REQUEST if nameless else await ask(asked)


@fault("a ping stamps the contacts", "PNG-005")
async def ping_stamps(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    if asked.path == "/ping" and reply.status == 200:
        world.memo["pings"] = world.memo.get("pings", 0) + 1
    found = asked.path == "/contacts/lookup" and reply.status == 200
    return reply.with_contact(notes=f"synced {world.memo.get('pings')}") if found else reply


@fault("a ping that has a phone makes a contact", "PNG-006")
async def ping_creates(asked: Asked, ask: Ask, world: World) -> Reply:
    if _is_good(asked, world, "/ping") and asked.fields.get("phone"):
        world.memo["phone"] = asked.fields["phone"]
    made = asked.path == "/contacts/lookup" and asked.fields.get("phone") == world.memo.get("phone", "nobody")
    return STRANGER if made else await ask(asked)


@fault("pings at the same time are refused", "PNG-007", concurrency=1)
async def one_ping(asked: Asked, ask: Ask, world: World) -> Reply:
    if not _is_good(asked, world, "/ping"):
        return await ask(asked)
    world.memo["now"] = world.memo.get("now", 0) + 1
    try:
        await asyncio.sleep(0)
        busy = world.memo["now"] > 8
        return says(503, {"error": "busy", "message": "busy"}) if busy else await ask(asked)
    finally:
        world.memo["now"] -= 1


@fault("a ping resets what is known of calls", "PNG-008", also=None)
async def ping_forgets(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    calls = world.memo.setdefault("calls", {})
    if asked.path == "/ping" and reply.status == 200:
        for known in calls:
            calls[known] += 1
    if asked.path == "/calls" and reply.status == 200:
        age = calls.setdefault(asked.call["id"], 0)
        activity = f"{reply.data['activity_id']}{'-again' * bool(age)}"
        world.connector.calls[activity] = world.connector.calls[reply.data["activity_id"]]
        return reply.with_fields(activity_id=activity)
    return reply


def _once_only(path: str) -> Any:
    async def run(asked: Asked, ask: Ask, world: World) -> Reply:
        seen = world.memo.setdefault("seen", set())
        delivery = asked.get("x-hum-delivery")
        if _is_good(asked, world, path) and delivery in seen:
            return says(401, {"error": "replayed", "message": "this delivery was here before"})
        reply = await ask(asked)
        if reply.status < 300 and asked.path == path:
            seen.add(delivery)
        return reply

    return run


fault("a guard against replays refuses retries of lookups", "IDM-001")(_once_only("/contacts/lookup"))
fault("a guard against replays refuses retries of pings", "IDM-002")(_once_only("/ping"))
fault("a guard against replays refuses retries of creates", "IDM-003", "IDM-004")(_once_only("/contacts"))
fault("a guard against replays refuses retries of calls", "IDM-006")(_once_only("/calls"))


@fault("the same delivery makes a second contact when it comes at once", "IDM-004")
async def at_once(asked: Asked, ask: Ask, world: World) -> Reply:
    delivery, phone = asked.get("x-hum-delivery"), str(asked.fields.get("phone"))
    reply = await ask(asked)
    if asked.path == "/contacts/lookup":
        world.memo.pop(phone, None)
    if asked.path != "/contacts" or reply.status != 201:
        return reply
    if world.memo.get(phone) == delivery:
        return reply.with_contact(id=reply.data["contact"]["id"] + "-2")
    if delivery not in world.memo:
        world.memo[phone] = delivery
    world.memo[delivery] = True
    return reply


@fault("creates at the same time each make a contact", "IDM-005", concurrency=1)
async def creates_race(asked: Asked, ask: Ask, world: World) -> Reply:
    if not _is_good(asked, world, "/contacts"):
        return await ask(asked)
    phone = str(asked.fields.get("phone"))
    racing = world.memo[phone] = world.memo.get(phone, 0) + 1
    try:
        for _ in range(3):
            await asyncio.sleep(0)
        reply = await ask(asked)
        raced = racing > 1 and reply.status in (201, 409)
        return (
            replace(reply, status=201).with_fields(created=True).with_contact(id=f"race-{racing}")
            if raced
            else reply
        )
    finally:
        world.memo[phone] -= 1


@fault("calls at the same time each make an activity", "IDM-007", concurrency=1)
async def calls_race(asked: Asked, ask: Ask, world: World) -> Reply:
    if not _is_good(asked, world, "/calls"):
        return await ask(asked)
    call_id = str(asked.call.get("id"))
    racing = world.memo[call_id] = world.memo.get(call_id, 0) + 1
    try:
        for _ in range(3):
            await asyncio.sleep(0)
        reply = await ask(asked)
        return (
            reply.with_fields(activity_id=f"race-{racing}") if racing > 1 and reply.status == 200 else reply
        )
    finally:
        world.memo[call_id] -= 1

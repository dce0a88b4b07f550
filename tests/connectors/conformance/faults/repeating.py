"""Faults of pings that do things, of guards that refuse retries, and of requests that meet."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tests.connectors.conformance.faults import fault, is_good
from tests.connectors.conformance.faults.lookups import STRANGER, refusing
from tests.connectors.conformance.reference import (
    BAD_REQUEST,
    Ask,
    Asked,
    Reply,
    Run,
    World,
    says,
)


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
    refusing("org_id", "connector_id", "timestamp", path="/ping")
)


@fault("a ping must say who pings", "PNG-004")
async def ping_needs_org(asked: Asked, ask: Ask, world: World) -> Reply:
    nameless = is_good(asked, world, "/ping") and not asked.fields.get("org_id")
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
    if is_good(asked, world, "/ping") and asked.fields.get("phone"):
        world.memo["phone"] = asked.fields["phone"]
    made = asked.path == "/contacts/lookup" and asked.fields.get("phone") == world.memo.get("phone", "nobody")
    return STRANGER if made else await ask(asked)


@fault("pings at the same time are refused", "PNG-007", concurrency=1)
async def one_ping(asked: Asked, ask: Ask, world: World) -> Reply:
    if not is_good(asked, world, "/ping"):
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


def _once_only(path: str) -> Run:
    async def run(asked: Asked, ask: Ask, world: World) -> Reply:
        seen = world.memo.setdefault("seen", set())
        delivery = asked.get("x-hum-delivery")
        if is_good(asked, world, path) and delivery in seen:
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
    if not is_good(asked, world, "/contacts"):
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
    if not is_good(asked, world, "/calls"):
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

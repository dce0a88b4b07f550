"""Faults of answering: too late, in another form, to the wrong question, or with too much in it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tests.connectors.conformance.faults import fault
from tests.connectors.conformance.faults.admission import EVENTS
from tests.connectors.conformance.reference import (
    CRASH,
    EXACT,
    NOT_FOUND,
    UNAUTHORIZED,
    Ask,
    Asked,
    Reply,
    World,
    says,
)


def _is_lookup(asked: Asked, world: World) -> bool:
    return asked.path == "/contacts/lookup" and asked.method == "POST" and world.is_admitted(asked)


def _deadline(asked: Asked) -> int:
    given = asked.get("x-hum-deadline-ms")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 9 else 9999


@fault("the deadline is ignored", "DEA-001")
async def deadline_ignored(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    if _is_lookup(asked, world) and _deadline(asked) == 300:
        world.clock.seconds += 2.5
    return reply


@fault("a deadline that is over is somebody not found", "DEA-002")
async def late_is_not_found(asked: Asked, ask: Ask, world: World) -> Reply:
    return NOT_FOUND if _is_lookup(asked, world) and _deadline(asked) < 40 else await ask(asked)


@fault("a lookup needs a deadline", "DEA-003", also="")
async def needs_deadline(asked: Asked, ask: Ask, world: World) -> Reply:
    there = any(name == "x-hum-deadline-ms" for name, _ in asked.headers)
    return CRASH_400 if _is_lookup(asked, world) and not there else await ask(asked)


CRASH_400 = says(400, {"error": "invalid_request", "message": "phone and deadline are needed"})


@fault("an odd deadline crashes", "DEA-004", also="ERR-004")
async def odd_deadline(asked: Asked, ask: Ask, world: World) -> Reply:
    given = asked.get("x-hum-deadline-ms")
    return CRASH if _is_lookup(asked, world) and given == "soon" else await ask(asked)


@fault("lookups take two seconds", "DEA-005", also="DEA-001")
async def slow(asked: Asked, ask: Ask, world: World) -> Reply:
    if _is_lookup(asked, world):
        world.clock.seconds += 2.0
    return await ask(asked)


@fault("the address is http", "HTTP-001", base="http://crm.example.com")
async def plain_http(asked: Asked, ask: Ask, world: World) -> Reply:
    return await ask(asked)


@fault("answers say that they are HTML", "HTTP-002")
async def content_type(asked: Asked, ask: Ask, world: World) -> Reply:
    return (await ask(asked)).having("content-type", "text/html; charset=utf-8")


@fault("every path is redirected to one with a slash", "HTTP-003", also=None)
async def redirects(asked: Asked, ask: Ask, world: World) -> Reply:
    return Reply(307, b"", (("location", asked.url + "/"),))


@fault("GET is answered as well", "HTTP-004")
async def get(asked: Asked, ask: Ask, world: World) -> Reply:
    return await ask(replace(asked, method="POST"))


@fault("paths that are none are answered like a lookup", "HTTP-005")
async def catch_all(asked: Asked, ask: Ask, world: World) -> Reply:
    return await ask(asked if asked.path in EVENTS else asked.at("/contacts/lookup"))


def _crashes(title: str, *ids: str, on: tuple[bytes, ...], also: str = "ERR-004") -> None:
    """A fault: lookups whose body begins so crash the connector."""

    async def run(asked: Asked, ask: Ask, world: World) -> Reply:
        hit = _is_lookup(asked, world) and asked.body.startswith(on)
        return CRASH if hit and asked.get("x-hum-event") == "contact.lookup" else await ask(asked)

    fault(title, *ids, also=also)(run)


_crashes("a form instead of JSON crashes", "HTTP-006", on=(b"phone=",))
_crashes("JSON that is an array crashes", "HTTP-008", on=(b"[]", b"null"))
_crashes("a body that is not UTF-8 crashes", "HTTP-009", on=(b'{"phone": "+1317555\xff',))
_crashes("deep nesting crashes", "HTTP-010", on=(b"[[[[",))


@fault("an empty body is somebody not found", "HTTP-007")
async def empty_body(asked: Asked, ask: Ask, world: World) -> Reply:
    return NOT_FOUND if _is_lookup(asked, world) and not asked.body.strip() else await ask(asked)


@fault("half a surrogate pair crashes", "HTTP-011", also="ERR-004")
async def surrogates(asked: Asked, ask: Ask, world: World) -> Reply:
    return CRASH if _is_lookup(asked, world) and b"\\ud800" in asked.body else await ask(asked)


@fault("an integer of thousands of digits crashes", "HTTP-012", also="ERR-004")
async def huge_number(asked: Asked, ask: Ask, world: World) -> Reply:
    return (
        CRASH
        if _is_lookup(asked, world) and b"9" * 4400 in asked.body and asked.json is None
        else await ask(asked)
    )


@fault("a body beyond the limit crashes", "HTTP-013", also="ERR-004")
async def body_crash(asked: Asked, ask: Ask, world: World) -> Reply:
    return CRASH if len(asked.body) > 4_000_000 else await ask(asked)


@fault("a body of any size is read", "HTTP-013")
async def no_limit(asked: Asked, ask: Ask, world: World) -> Reply:
    return NOT_FOUND if len(asked.body) > 4_000_000 else await ask(asked)


@fault("a body without its length is not read", "HTTP-014")
async def chunks_lost(asked: Asked, ask: Ask, world: World) -> Reply:
    chunked = asked.get("transfer-encoding") == "chunked"
    return await ask(replace(asked, body=b"") if chunked else asked)


@fault("header names must be written as in the contract", "HTTP-015")
async def header_case(asked: Asked, ask: Ask, world: World) -> Reply:
    small = "authorization" in asked.as_written
    return UNAUTHORIZED if small else await ask(asked)


@fault("unknown headers are refused", "HTTP-016", also="")
async def unknown_headers(asked: Asked, ask: Ask, world: World) -> Reply:
    return CRASH_400 if asked.get("x-hum-future") else await ask(asked)


@fault("answers are compressed uninvited", "HTTP-017")
async def compressed(asked: Asked, ask: Ask, world: World) -> Reply:
    return (await ask(asked)).having("content-encoding", "gzip")


@fault("lookups at the same time share a variable", "HTTP-019", also=None)
async def shared_variable(asked: Asked, ask: Ask, world: World) -> Reply:
    if not _is_lookup(asked, world):
        return await ask(asked)
    world.memo["body"] = asked.body
    for _ in range(4):
        await asyncio.sleep(0)
    return await ask(world.sign(replace(asked, body=world.memo["body"])))


@fault("twenty lookups at once are too many", "HTTP-018", also="")
async def too_many(asked: Asked, ask: Ask, world: World) -> Reply:
    if not _is_lookup(asked, world):
        return await ask(asked)
    world.memo["now"] = world.memo.get("now", 0) + 1
    try:
        for _ in range(3):
            await asyncio.sleep(0)
        crowded = world.memo["now"] > 16 and asked.fields.get("phone") != EXACT
        return says(422, {"error": "phone", "message": "phone: no"}) if crowded else await ask(asked)
    finally:
        world.memo["now"] -= 1


@fault("a CRM that refuses is somebody not found", "HTTP-019", concurrency=1)
async def failing_crm(asked: Asked, ask: Ask, world: World) -> Reply:
    if not _is_lookup(asked, world):
        return await ask(asked)
    world.memo["now"] = world.memo.get("now", 0) + 1
    try:
        for _ in range(3):
            await asyncio.sleep(0)
        return NOT_FOUND if world.memo["now"] > 12 else await ask(asked)
    finally:
        world.memo["now"] -= 1


@fault("errors are pages", "ERR-001", also="LKP-023")
async def error_pages(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    page = b"<html><body><h1>Oops</h1></body></html>"
    return (
        Reply(reply.status, page, (("content-type", "text/html"),)) if 400 <= reply.status != 409 else reply
    )


@fault("errors have no code", "ERR-002", also="LKP-023")
async def no_code(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    return says(reply.status, {"detail": "no"}) if 400 <= reply.status != 409 else reply


@fault("errors show a stack trace", "ERR-003")
async def traces(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    if reply.status != 422:
        return reply
    return reply.with_fields(message=f"phone: Traceback (most recent call last):\n  {reply.data['message']}")


@fault("an odd event name crashes", "ERR-004", "EVT-003")
async def crashes(asked: Asked, ask: Ask, world: World) -> Reply:
    return CRASH if asked.get("x-hum-event") == "contact.deleted" else await ask(asked)


@fault("mistakes are answered 200 with an error", "ERR-005", also=None)
async def errors_as_success(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    return replace(reply, status=200) if reply.status in (400, 422) else reply


@fault("refusals repeat the Authorization header", "PRV-001", beside="SIG-0")
async def echo(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    if reply.status != 401 or not asked.get("authorization"):
        return reply
    return reply.with_fields(message=f"refused: {asked.get('authorization')}")


@fault("refusals show the signature that was expected", "PRV-002")
async def expected_shown(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    shown = f"expected sha256={world.digest(asked.body)}, got {asked.get('x-hum-signature')}"
    return reply.with_fields(message=shown) if reply.status == 401 else reply


@fault("refusals differ for known numbers", "PRV-003")
async def oracle(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    known = reply.status == 401 and asked.fields.get("phone") == EXACT
    return reply.with_fields(message="refused, although this one is known here") if known else reply


@fault("errors repeat what was sent", "PRV-004", also="PRV-005", beside="CRE-")
async def repeats(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    wrong = asked.path == "/contacts" and reply.status == 422
    return reply.with_fields(message=f"phone? {asked.body.decode('utf-8', 'replace')}") if wrong else reply


@fault("errors of lookups repeat the number", "PRV-005", also="PRV-003")
async def number_repeated(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    wrong = asked.path == "/contacts/lookup" and reply.status in (400, 401)
    return reply.with_fields(message=f"refused for {asked.fields.get('phone')}") if wrong else reply


@fault("a session cookie is set", "PRV-006")
async def cookie(asked: Asked, ask: Ask, world: World) -> Reply:
    return (await ask(asked)).having("set-cookie", "session=1; Path=/")

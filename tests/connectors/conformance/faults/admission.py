"""Faults of verifying: each lets in what it should not, keeps out what it should not, or falls over."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

from tests.connectors.conformance.faults import fault
from tests.connectors.conformance.reference import (
    BAD_REQUEST,
    CRASH,
    NOW,
    UNAUTHORIZED,
    Ask,
    Asked,
    Reply,
    Run,
    World,
)

EVENTS = {
    "/contacts/lookup": "contact.lookup",
    "/contacts": "contact.create",
    "/calls": "call.sync",
    "/ping": "ping",
}
SIGNATURES = ("x-hum-signature", "webhook-id", "webhook-timestamp", "webhook-signature")


@fault("a good request is refused: another key", "SIG-001", also=None)
async def other_key(asked: Asked, ask: Ask, world: World) -> Reply:
    return UNAUTHORIZED


@fault(
    "the signature is not checked at all",
    *("SIG-002", "SIG-003", "SIG-004"),
    also="SIG-005 SIG-007 SIG-009 SIG-010 SIG-011 SIG-012 SIG-013 SIG-014 SIG-015 SIG-016 SIG-017 SIG-018 "
    "SIG-019"
    " SIG-020 SIG-022 SIG-023 SIG-024 SIG-025 SIG-026 SIG-027 EVT-013 ERR-005",
)
async def signature_unchecked(asked: Asked, ask: Ask, world: World) -> Reply:
    return await ask(world.sign(asked))


@fault("a missing signature is let through", "SIG-002", also="SIG-022 SIG-024 SIG-026")
async def signature_optional(asked: Asked, ask: Ask, world: World) -> Reply:
    missing = not any(asked.get(name) for name in SIGNATURES)
    return await ask(world.sign(asked) if missing else asked)


@fault("any well-formed signature is let through", "SIG-003", also=None)
async def signature_shape_only(asked: Asked, ask: Ask, world: World) -> Reply:
    given = asked.get("x-hum-signature")
    return await ask(world.sign(asked) if given.startswith("sha256=") and len(given) == 71 else asked)


@fault("a signature that was good once is good for every body", "SIG-004")
async def signature_remembered(asked: Asked, ask: Ask, world: World) -> Reply:
    seen = world.memo.setdefault("seen", set())
    given = asked.get("x-hum-signature")
    if world.is_signed(asked):
        seen.add(given)
    return await ask(world.sign(asked) if given in seen and not world.is_signed(asked) else asked)


@fault("the body is stripped before the check", "SIG-005")
async def stripped(asked: Asked, ask: Ask, world: World) -> Reply:
    bare = replace(asked, body=asked.body.strip())
    return await ask(world.sign(bare) if world.is_signed(bare) and bare.body != asked.body else asked)


@fault(
    "the signature is checked over JSON written anew",
    *("SIG-006", "SIG-007"),
    also="SIG-005 SIG-020",
)
async def rewritten(asked: Asked, ask: Ask, world: World) -> Reply:
    if asked.json is None:
        return await ask(asked)
    anew = json.dumps(asked.json, separators=(",", ":"), ensure_ascii=False)
    signed = asked.get("x-hum-signature") == f"sha256={world.digest(anew.encode('utf-8', 'replace'))}"
    return await ask(world.sign(asked)) if signed else UNAUTHORIZED


@fault(
    "the body is decoded as Latin-1 before the check",
    "SIG-008",
    also="CRE-006 CAL-012 CAL-013 CAL-016 HTTP-009",
)
async def latin(asked: Asked, ask: Ask, world: World) -> Reply:
    if asked.body.isascii() or not world.is_signed(asked):
        return await ask(asked)
    return UNAUTHORIZED


@fault("an empty digest is let through", "SIG-009")
async def empty_digest(asked: Asked, ask: Ask, world: World) -> Reply:
    return await ask(world.sign(asked) if asked.get("x-hum-signature") == "sha256=" else asked)


@fault("the signature is compared by its beginning", "SIG-010", also="SIG-009 SIG-020")
async def beginning(asked: Asked, ask: Ask, world: World) -> Reply:
    given = asked.get("x-hum-signature")
    good = given and f"sha256={world.digest(asked.body)}".startswith(given)
    return await ask(world.sign(asked) if good else asked)


@fault("the signature is searched for in the header", "SIG-011")
async def contained(asked: Asked, ask: Ask, world: World) -> Reply:
    good = f"sha256={world.digest(asked.body)}" in asked.get("x-hum-signature")
    return await ask(world.sign(asked) if good and not world.is_signed(asked) else asked)


@fault("an empty secret is accepted as key", "SIG-012")
async def empty_key(asked: Asked, ask: Ask, world: World) -> Reply:
    good = asked.get("x-hum-signature") == f"sha256={world.digest(asked.body, key='')}"
    return await ask(world.sign(asked) if good else asked)


@fault("a plain hash is accepted as signature", "SIG-013")
async def plain_hash(asked: Asked, ask: Ask, world: World) -> Reply:
    good = asked.get("x-hum-signature") == f"sha256={hashlib.sha256(asked.body).hexdigest()}"
    return await ask(world.sign(asked) if good else asked)


@fault("the algorithm is taken from the header", "SIG-014")
async def any_algorithm(asked: Asked, ask: Ask, world: World) -> Reply:
    name, _, given = asked.get("x-hum-signature").partition("=")
    good = name in ("sha1", "md5") and given == world.digest(asked.body, algorithm=name)
    return await ask(world.sign(asked) if good else asked)


@fault("the digest is accepted without sha256=", "SIG-015")
async def bare_digest(asked: Asked, ask: Ask, world: World) -> Reply:
    good = asked.get("x-hum-signature") == world.digest(asked.body)
    return await ask(world.sign(asked) if good else asked)


@fault("a signature beyond ASCII crashes the comparison", "SIG-016", also="ERR-004")
async def signature_crash(asked: Asked, ask: Ask, world: World) -> Reply:
    return await ask(asked) if asked.get("x-hum-signature").isascii() else CRASH


@fault("the body is parsed before the signature is checked", "SIG-017")
async def parsed_first(asked: Asked, ask: Ask, world: World) -> Reply:
    return await ask(asked) if asked.json is not None or world.is_signed(asked) else BAD_REQUEST


@fault("of two signatures the last one counts", "SIG-018")
async def last_signature(asked: Asked, ask: Ask, world: World) -> Reply:
    given = [value for name, value in asked.headers if name == "x-hum-signature"]
    return await ask(asked.having("x-hum-signature", given[-1]) if len(given) > 1 else asked)


@fault("webhook-signature suffices", "SIG-019", also="SIG-009 ERR-005")
async def standard_suffices(asked: Asked, ask: Ask, world: World) -> Reply:
    replaced = not asked.get("x-hum-signature") and asked.get("webhook-signature")
    return await ask(
        asked.having("x-hum-signature", f"sha256={world.digest(asked.body)}") if replaced else asked
    )


@fault("old requests are accepted", "SIG-020")
async def old_accepted(asked: Asked, ask: Ask, world: World) -> Reply:
    stale = asked.get("webhook-timestamp") not in ("", str(int(NOW)))
    return await ask(world.sign(asked) if stale and world.is_signed(asked) else asked)


@fault("clocks may differ by ten seconds only", "SIG-021")
async def impatient(asked: Asked, ask: Ask, world: World) -> Reply:
    timestamp = asked.get("webhook-timestamp")
    return UNAUTHORIZED if timestamp and abs(int(timestamp) - NOW) > 10 else await ask(asked)


def _unsigned_at(path: str) -> Run:
    async def run(asked: Asked, ask: Ask, world: World) -> Reply:
        return await ask(world.sign(asked) if asked.path == path else asked)

    return run


fault("ping does not check the signature", "SIG-022", "SIG-023")(_unsigned_at("/ping"))
fault("create does not check the signature", "SIG-024", "SIG-025")(_unsigned_at("/contacts"))
fault("calls do not check the signature", "SIG-026", "SIG-027")(_unsigned_at("/calls"))


@fault(
    "the bearer is not checked",
    "AUTH-001",
    "AUTH-002",
    also="AUTH-003 AUTH-004 AUTH-005 AUTH-006 AUTH-007 AUTH-008 AUTH-009 AUTH-010 AUTH-011 AUTH-013 AUTH-014"
    " AUTH-015 PRV-003",
)
async def bearer_unchecked(asked: Asked, ask: Ask, world: World) -> Reply:
    return await ask(world.bear(asked))


def _bearer(asked: Asked) -> str:
    scheme, _, given = asked.get("authorization").partition(" ")
    return given if scheme == "Bearer" else ""


@fault("the bearer is compared by its beginning", "AUTH-003")
async def bearer_beginning(asked: Asked, ask: Ask, world: World) -> Reply:
    given = _bearer(asked)
    return await ask(world.bear(asked) if given and world.secret.startswith(given) else asked)


@fault("the secret is searched for in the header", "AUTH-004", also="AUTH-008 AUTH-009 AUTH-011")
async def bearer_contained(asked: Asked, ask: Ask, world: World) -> Reply:
    given = ", ".join(value for name, value in asked.headers if name == "authorization")
    return await ask(world.bear(asked) if world.secret in given else asked)


@fault("an empty bearer is let through", "AUTH-005", also="AUTH-001 AUTH-013 AUTH-014 AUTH-015")
async def bearer_empty(asked: Asked, ask: Ask, world: World) -> Reply:
    return await ask(world.bear(asked) if asked.get("authorization") in ("", "Bearer") else asked)


@fault("an unset secret became the text None", "AUTH-006")
async def bearer_none(asked: Asked, ask: Ask, world: World) -> Reply:
    return await ask(world.bear(asked) if _bearer(asked) == "None" else asked)


@fault("the bearer is compared in small letters", "AUTH-007")
async def bearer_small(asked: Asked, ask: Ask, world: World) -> Reply:
    return await ask(world.bear(asked) if _bearer(asked).lower() == world.secret.lower() else asked)


@fault("the last word of the header is the secret, whatever the scheme", "AUTH-008", also="AUTH-009")
async def bearer_any_scheme(asked: Asked, ask: Ask, world: World) -> Reply:
    words = asked.get("authorization").split()
    return await ask(world.bear(asked) if words[-1:] == [world.secret] else asked)


@fault("the secret is accepted without a scheme", "AUTH-009")
async def bearer_bare(asked: Asked, ask: Ask, world: World) -> Reply:
    return await ask(world.bear(asked) if asked.get("authorization") == world.secret else asked)


@fault("a bearer beyond ASCII crashes the comparison", "AUTH-010", also="ERR-004")
async def bearer_crash(asked: Asked, ask: Ask, world: World) -> Reply:
    return await ask(asked) if asked.get("authorization").isascii() else CRASH


@fault("of two bearers the last one counts", "AUTH-011")
async def bearer_last(asked: Asked, ask: Ask, world: World) -> Reply:
    given = [value for name, value in asked.headers if name == "authorization"]
    return await ask(asked.having("authorization", given[-1]) if len(given) > 1 else asked)


@fault("the key of the signature is whatever the bearer says", "AUTH-012")
async def bearer_is_key(asked: Asked, ask: Ask, world: World) -> Reply:
    own = asked.get("x-hum-signature") == f"sha256={world.digest(asked.body, key=_bearer(asked) or 'x')}"
    return await ask(world.admit(asked) if own and not world.is_admitted(asked) else asked)


def _unborne_at(path: str) -> Run:
    async def run(asked: Asked, ask: Ask, world: World) -> Reply:
        return await ask(world.bear(asked) if asked.path == path else asked)

    return run


fault("ping does not check the bearer", "AUTH-013")(_unborne_at("/ping"))
fault("create does not check the bearer", "AUTH-014")(_unborne_at("/contacts"))
fault("calls do not check the bearer", "AUTH-015")(_unborne_at("/calls"))


@fault("ten wrong secrets in a row lock everybody out", "AUTH-016", also=None)
async def lock_out(asked: Asked, ask: Ask, world: World) -> Reply:
    if world.memo.get("wrong", 0) >= 10:
        return UNAUTHORIZED
    world.memo["wrong"] = 0 if world.is_admitted(asked) else world.memo.get("wrong", 0) + 1
    return await ask(asked)


@fault(
    "the event name is ignored",
    *("EVT-001", "EVT-002", "EVT-003"),
    also="EVT-004 EVT-005 EVT-006 EVT-007 EVT-008 EVT-009 EVT-010 EVT-011 EVT-012 ERR-005",
)
async def event_ignored(asked: Asked, ask: Ask, world: World) -> Reply:
    return await ask(asked.having("x-hum-event", EVENTS.get(asked.path, "")))


@fault("a missing event name is let through", "EVT-004", "EVT-008", "EVT-010", "EVT-012")
async def event_optional(asked: Asked, ask: Ask, world: World) -> Reply:
    missing = not asked.get("x-hum-event")
    return await ask(asked.having("x-hum-event", EVENTS.get(asked.path, "")) if missing else asked)


@fault("event names are compared in small letters", "EVT-005")
async def event_small(asked: Asked, ask: Ask, world: World) -> Reply:
    return await ask(asked.having("x-hum-event", asked.get("x-hum-event").lower()))


@fault(
    "the event name says what to do, not the path",
    *("EVT-006", "EVT-007", "EVT-009"),
    also="EVT-001 HTTP-005 ERR-005 EVT-011 EVT-002",
)
async def event_decides(asked: Asked, ask: Ask, world: World) -> Reply:
    paths = {event: path for path, event in EVENTS.items()}
    return await ask(asked.at(paths.get(asked.get("x-hum-event"), asked.path)))


@fault("calls take any event of calls", "EVT-011")
async def event_of_calls(asked: Asked, ask: Ask, world: World) -> Reply:
    meant = asked.path == "/calls" and asked.get("x-hum-event").startswith("call.")
    return await ask(asked.having("x-hum-event", "call.sync") if meant else asked)


@fault("the event name is checked before the signature", "EVT-013")
async def event_first(asked: Asked, ask: Ask, world: World) -> Reply:
    wrong = asked.get("x-hum-event") not in ("", EVENTS.get(asked.path, asked.get("x-hum-event")))
    return BAD_REQUEST if wrong else await ask(asked)

"""Faults of looking up: strangers found, friends not found, and answers in the wrong form."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.connectors.conformance.faults import fault
from tests.connectors.conformance.reference import (
    CRASH,
    EXACT,
    LOCAL,
    NOT_FOUND,
    SHARED,
    Ask,
    Asked,
    Reply,
    Run,
    World,
    says,
)

STRANGER = says(200, {"found": True, "contact": {"id": "999", "name": "Sam"}, "matches": 1, "match": "exact"})


def _is_good_lookup(asked: Asked, world: World) -> bool:
    good = asked.get("x-hum-event") == "contact.lookup" and asked.method == "POST"
    return asked.path == "/contacts/lookup" and good and world.is_admitted(asked)


def _phone(asked: Asked) -> str:
    phone = asked.fields.get("phone")
    return phone if isinstance(phone, str) else ""


def _is_not_found(reply: Reply) -> bool:
    return reply.status == 200 and reply.data.get("found") is False


@fault("everybody is found", "LKP-001", also=None)
async def everybody(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    return STRANGER if _is_good_lookup(asked, world) and reply.status == 200 else reply


@fault("an unknown number is a bare 404", "LKP-001", also=None)
async def bare_404(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    return Reply(404, b"Not Found", (("content-type", "text/plain"),)) if _is_not_found(reply) else reply


@fault('an unknown number is 404 with {"found": false}', "LKP-002")
async def status_404(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    return replace(reply, status=404) if _is_not_found(reply) else reply


@fault('"not found" carries an empty contact', "LKP-003")
async def empty_contact(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    return reply.with_fields(contact={"id": ""}) if _is_not_found(reply) else reply


@fault("found, but without the contact", "LKP-004", also=None)
async def without_contact(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    return reply.without("contact") if _is_good_lookup(asked, world) else reply


@fault('"found" is a text', "LKP-004", also=None)
async def found_as_text(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    return reply.with_fields(found="true") if reply.status == 200 and reply.data.get("found") else reply


@fault("the contact's id is a number", "LKP-004", also=None)
async def id_as_number(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    return reply.with_contact(id=17) if asked.path == "/contacts/lookup" else reply


@fault("the first name stands for the name", "LKP-005", also="CRE-006 CRE-007")
async def first_name(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    if not _is_good_lookup(asked, world) or _is_not_found(reply) or reply.status != 200:
        return reply
    return reply.with_contact(name=reply.data["contact"].get("name", "").partition(" ")[0])


@fault('"match" is "fuzzy"', "LKP-006", also="MAT-001 MAT-003 MAT-010")
async def fuzzy(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    return reply.with_fields(match="fuzzy") if reply.status == 200 and "match" in reply.data else reply


@fault('"matches" is a text', "LKP-006", also="MAT-008 MAT-010 CRE-008 IDM-003")
async def matches_as_text(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    good = reply.status == 200 and "matches" in reply.data
    return reply.with_fields(matches=str(reply.data["matches"])) if good else reply


@fault("the company is an object", "LKP-007")
async def company_as_object(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    return reply.with_contact(company={"name": "Maple Grove"}) if asked.path == "/contacts/lookup" else reply


@fault("the contact's phone is written as in the CRM", "LKP-008")
async def national_phone(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    return reply.with_contact(phone="(317) 555-0142") if _phone(asked) == EXACT else reply


@fault("the contact's phone is another one of the contact's", "LKP-009")
async def other_phone(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    return reply.with_contact(phone="+13175550111") if _phone(asked) == EXACT else reply


@fault("the contact's url is http", "LKP-010")
async def plain_url(asked: Asked, ask: Ask, world: World) -> Reply:
    return (await ask(asked)).with_contact(url="http://crm.example.com/101")


@fault("the contact has fields of the CRM's own", "LKP-011")
async def own_fields(asked: Asked, ask: Ask, world: World) -> Reply:
    return (await ask(asked)).with_contact(owner="Sam", created_at="2026-01-01")


@fault("a lookup notes down that it was made", "LKP-012", also=None)
async def stamps(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    world.memo["count"] = world.memo.get("count", 0) + 1
    good = _is_good_lookup(asked, world)
    return reply.with_contact(notes=f"looked up {world.memo['count']} times") if good else reply


@fault("a lookup creates who is not there", "LKP-013", also=None)
async def creates(asked: Asked, ask: Ask, world: World) -> Reply:
    seen = world.memo.setdefault("seen", set())
    reply = await ask(asked)
    if not _is_good_lookup(asked, world) or not _is_not_found(reply) or len(_phone(asked)) != 12:
        return reply
    if _phone(asked) in seen:
        return STRANGER
    seen.add(_phone(asked))
    return reply


def refusing(*known: str, path: str) -> Run:
    """Refuses fields that are not known."""

    async def run(asked: Asked, ask: Ask, world: World) -> Reply:
        fields = asked.fields.get("call") if path == "/calls" else asked.fields
        unknown = set(fields if isinstance(fields, dict) else {}) - set(known)
        if asked.path == path and unknown and world.is_admitted(asked):
            return says(422, {"error": "unknown_field", "message": f"phone and more: {min(unknown)}"})
        return await ask(asked)

    return run


fault("unknown fields of a lookup are refused", "LKP-014", also="EVT-006 HTTP-014")(
    refusing("phone", "org_id", "call_id", "direction", path="/contacts/lookup")
)


@fault("a lookup needs a call id", "LKP-015")
async def needs_call_id(asked: Asked, ask: Ask, world: World) -> Reply:
    missing = asked.path == "/contacts/lookup" and asked.fields.get("call_id") is None
    if missing and world.is_admitted(asked) and _phone(asked):
        return says(422, {"error": "invalid_request", "message": "call_id is missing; phone too perhaps"})
    return await ask(asked)


@fault("outbound calls are not looked up", "LKP-016")
async def inbound_only(asked: Asked, ask: Ask, world: World) -> Reply:
    outbound = _is_good_lookup(asked, world) and asked.fields.get("direction") == "outbound"
    return NOT_FOUND if outbound else await ask(asked)


@fault("a missing phone is somebody not found", "LKP-017", also="LKP-023")
async def missing_phone(asked: Asked, ask: Ask, world: World) -> Reply:
    missing = isinstance(asked.json, dict) and asked.fields.get("phone") is None
    return NOT_FOUND if missing and _is_good_lookup(asked, world) else await ask(asked)


@fault("a phone of another type crashes", "LKP-018", also="LKP-023 ERR-004")
async def phone_type(asked: Asked, ask: Ask, world: World) -> Reply:
    wrong = isinstance(asked.json, dict) and not isinstance(asked.fields.get("phone"), str | None)
    return CRASH if wrong and _is_good_lookup(asked, world) else await ask(asked)


@fault("withheld numbers are all one contact", "LKP-019")
async def withheld(asked: Asked, ask: Ask, world: World) -> Reply:
    return STRANGER if _is_good_lookup(asked, world) and _phone(asked) == "anonymous" else await ask(asked)


@fault("wildcards reach the CRM's search", "LKP-020", also="LKP-021")
async def wildcards(asked: Asked, ask: Ask, world: World) -> Reply:
    wild = any(character in _phone(asked) for character in "*%")
    return STRANGER if _is_good_lookup(asked, world) and wild else await ask(asked)


@fault("a quote in the phone breaks the query", "LKP-021", also="ERR-004")
async def injection(asked: Asked, ask: Ask, world: World) -> Reply:
    return CRASH if _is_good_lookup(asked, world) and "'" in _phone(asked) else await ask(asked)


@fault("a long phone overflows", "LKP-022", also="ERR-004")
async def long_phone(asked: Asked, ask: Ask, world: World) -> Reply:
    return CRASH if _is_good_lookup(asked, world) and len(_phone(asked)) > 5000 else await ask(asked)


@fault("mistakes are not explained", "LKP-023")
async def unexplained(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    wrong = asked.path == "/contacts/lookup" and reply.status == 422
    return says(400, {"error": "bad_request", "message": "bad request"}) if wrong else reply


def _answer_of(world: World, asked: Asked, phone: str, ask: Ask) -> Any:
    body = asked.body.replace(_phone(asked).encode(), phone.encode())
    return ask(world.sign(replace(asked, body=body)))


@fault("numbers are compared by their last seven digits", "MAT-006", also="MAT-005 MAT-004")
async def last_seven(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    if _is_good_lookup(asked, world) and _is_not_found(reply) and _phone(asked)[1:].isdigit():
        for known in (EXACT, LOCAL):
            if _phone(asked)[-7:] == known[-7:]:
                found: Reply = await _answer_of(world, asked, known, ask)
                return found
    return reply


@fault("the country's code is not looked at", "MAT-004", "MAT-005")
async def any_country(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    if _is_good_lookup(asked, world) and _is_not_found(reply) and _phone(asked)[1:].isdigit():
        for known in (EXACT, LOCAL):
            if _phone(asked)[-10:] == known[-10:]:
                found: Reply = await _answer_of(world, asked, known, ask)
                return found
    return reply


@fault("a search for part of the number is believed", "MAT-007")
async def part_of_it(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    longer = _phone(asked).startswith(EXACT) and len(_phone(asked)) > len(EXACT)
    if longer and _is_good_lookup(asked, world):
        found: Reply = await _answer_of(world, asked, EXACT, ask)
        return found
    return reply


@fault("every match is called a suffix", "MAT-001", also="MAT-010")
async def all_suffix(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    return reply.with_fields(match="suffix") if reply.status == 200 and "match" in reply.data else reply


@fault("a number stored without its country is not found", "MAT-002", also="MAT-003 MAT-004 MAT-010")
async def local_unknown(asked: Asked, ask: Ask, world: World) -> Reply:
    return NOT_FOUND if _is_good_lookup(asked, world) and _phone(asked) == LOCAL else await ask(asked)


@fault("every match is called exact", "MAT-003", also="MAT-010")
async def all_exact(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    return reply.with_fields(match="exact") if reply.status == 200 and "match" in reply.data else reply


@fault("a shared number counts as one match", "MAT-008", also="MAT-010")
async def one_match(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    return reply.with_fields(matches=1) if reply.status == 200 and "matches" in reply.data else reply


@fault("a shared number is answered by turns", "MAT-009")
async def by_turns(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    if not _is_good_lookup(asked, world) or _phone(asked) != SHARED:
        return reply
    world.memo["turn"] = world.memo.get("turn", 0) + 1
    return reply.with_contact(id=("103", "104")[world.memo["turn"] % 2])


@fault("one contact of many has another id", "MAT-010", also="MAT-002")
async def wrong_one(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    return reply.with_contact(id="777") if _phone(asked) == LOCAL and reply.status == 200 else reply


@fault("a number of the unknown ones is found", "MAT-011", also=None)
async def unknown_found(asked: Asked, ask: Ask, world: World) -> Reply:
    found = _is_good_lookup(asked, world) and _phone(asked) == "+13175550199"
    return STRANGER if found else await ask(asked)

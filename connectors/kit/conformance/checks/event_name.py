"""EVT: the event belongs to the path, and anything else is a mistake of the sender's."""

from __future__ import annotations

from typing import Final

from connectors.kit.conformance import expect, rules
from connectors.kit.conformance.check import Group
from connectors.kit.conformance.checks.signature import wrongly_signed
from connectors.kit.conformance.hum import Hum
from connectors.kit.conformance.request import Request
from connectors.kit.conformance.stage import Stage

EVT: Final = Group("EVT", "Event name")

COMPARE: Final = (
    "Compare X-HUM-Event with the one name that belongs to the path, and answer 400 to all others."
)
NAME: Final = "X-HUM-Event"


async def _refuses(hum: Hum, request: Request, *events: str) -> None:
    for event in events:
        changed = request.having(NAME, event)
        expect.bad_request(await hum.send(changed), 400)


@EVT.check("HUM-EVT-001", "A lookup named ping is refused", rule=rules.EVENT, hint=COMPARE)
async def lookup_as_ping(hum: Hum, stage: Stage) -> None:
    await _refuses(hum, hum.lookup(await stage.unknown()), "ping")


@EVT.check("HUM-EVT-002", "A lookup named call.sync is refused", rule=rules.EVENT, hint=COMPARE)
async def lookup_as_call(hum: Hum, stage: Stage) -> None:
    await _refuses(hum, hum.lookup(await stage.unknown()), "call.sync")


@EVT.check("HUM-EVT-003", "A lookup with an unknown event is refused", rule=rules.EVENT, hint=COMPARE)
async def lookup_unknown(hum: Hum, stage: Stage) -> None:
    phone = await stage.unknown()
    await _refuses(hum, hum.lookup(phone), "contact.deleted", "contact.lookup.v2", "contact")


@EVT.check("HUM-EVT-004", "A lookup without an event is refused", rule=rules.EVENT, hint=COMPARE)
async def lookup_without(hum: Hum, stage: Stage) -> None:
    request = hum.lookup(await stage.unknown())
    expect.bad_request(await hum.send(request.without(NAME)), 400)
    await _refuses(hum, request, "")


@EVT.check(
    "HUM-EVT-005",
    "An event in capital letters is refused",
    rule=rules.EVENT,
    hint="Event names are lower case; compare them as they are.",
    strict_only=True,
)
async def capitals(hum: Hum, stage: Stage) -> None:
    await _refuses(hum, hum.lookup(await stage.unknown()), "Contact.Lookup")


@EVT.check(
    "HUM-EVT-006",
    "A lookup named contact.create is refused, and creates nothing",
    rule=rules.EVENT,
    hint="The path says what to do; the event must agree with it.",
    profile="full",
    writes=True,
)
async def lookup_as_create(hum: Hum, stage: Stage) -> None:
    phone = await stage.fresh()
    await _refuses(hum, hum.lookup(phone, name=stage.name()), "contact.create")
    expect.not_found(await hum.send(hum.lookup(phone)))


@EVT.check("HUM-EVT-007", "A ping named contact.lookup is refused", rule=rules.EVENT, hint=COMPARE)
async def ping_as_lookup(hum: Hum, stage: Stage) -> None:
    await _refuses(hum, hum.ping(), "contact.lookup")


@EVT.check("HUM-EVT-008", "A ping without an event is refused", rule=rules.EVENT, hint=COMPARE)
async def ping_without(hum: Hum, stage: Stage) -> None:
    expect.bad_request(await hum.send(hum.ping().without(NAME)), 400)


@EVT.check(
    "HUM-EVT-009",
    "A create named contact.lookup is refused, and creates nothing",
    rule=rules.EVENT,
    hint=COMPARE,
    profile="full",
    writes=True,
)
async def create_as_lookup(hum: Hum, stage: Stage) -> None:
    phone = await stage.fresh()
    await _refuses(hum, hum.create(phone, name=stage.name()), "contact.lookup")
    expect.not_found(await hum.send(hum.lookup(phone)))


@EVT.check(
    "HUM-EVT-010",
    "A create without an event is refused",
    rule=rules.EVENT,
    hint=COMPARE,
    profile="full",
    writes=True,
)
async def create_without(hum: Hum, stage: Stage) -> None:
    request = hum.create(await stage.fresh(), name=stage.name())
    expect.bad_request(await hum.send(request.without(NAME)), 400)


@EVT.check(
    "HUM-EVT-011",
    "A call with the event of something else is refused",
    rule=rules.EVENT,
    hint=COMPARE,
    profile="full",
    writes=True,
)
async def call_as_other(hum: Hum, stage: Stage) -> None:
    await _refuses(hum, hum.sync(await stage.call(hum.new_id("call"))), "call.completed", "contact.create")


@EVT.check(
    "HUM-EVT-012",
    "A call without an event is refused",
    rule=rules.EVENT,
    hint=COMPARE,
    profile="full",
    writes=True,
)
async def call_without(hum: Hum, stage: Stage) -> None:
    expect.bad_request(await hum.send(hum.sync(await stage.call(hum.new_id("call"))).without(NAME)), 400)


@EVT.check(
    "HUM-EVT-013",
    "A wrong signature counts before a wrong event",
    rule=rules.SIGNED,
    hint="Verify first, and look at the rest of the request only then.",
    strict_only=True,
)
async def signature_first(hum: Hum, stage: Stage) -> None:
    request = wrongly_signed(hum, hum.lookup(await stage.unknown()))
    expect.refused(await hum.send(request.having(NAME, "contact.create")))

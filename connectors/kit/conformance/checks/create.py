"""CRE: a contact is made as HUM asks, or HUM hears that there is one already.

These checks write: 555-01xx numbers under marked names.
"""

from __future__ import annotations

from typing import Any, Final

from connectors.kit.conformance import expect, rules
from connectors.kit.conformance.check import Group
from connectors.kit.conformance.checks.lookup import IGNORE
from connectors.kit.conformance.exchange import Answer
from connectors.kit.conformance.hum import Hum
from connectors.kit.conformance.request import CREATE
from connectors.kit.conformance.stage import Stage

CRE: Final = Group("CRE", "Contact create")

UNCHANGED: Final = "Store names as they come, as UTF-8, and escape them only where they are shown."


async def _creates(hum: Hum, phone: str, **more: Any) -> tuple[Answer, dict[str, Any]]:
    answer = await hum.send(hum.create(phone, **more))
    contact, made = expect.created(answer)
    if not made:
        raise answer.failed("a contact made now", "one that existed")
    return answer, contact


@CRE.check(
    "HUM-CRE-001",
    "A contact is created and answered",
    rule=rules.CREATE,
    hint='Answer 201 {"contact": {"id": …}, "created": true} once the CRM has it.',
    profile="full",
    writes=True,
)
async def creates(hum: Hum, stage: Stage) -> None:
    answer = (await stage.made()).answer
    if not expect.created(answer)[1]:
        raise answer.failed("a contact made now", "one that existed")


@CRE.check(
    "HUM-CRE-002",
    "A contact made now is answered with status 201",
    rule=rules.PRACTICE,
    hint="201 says by itself that something was made; HUM takes 200, too.",
    profile="full",
    strict_only=True,
    writes=True,
)
async def status(hum: Hum, stage: Stage) -> None:
    answer = (await stage.made()).answer
    expect.created(answer)
    expect.same(answer, "status", 201, answer.status)


@CRE.check(
    "HUM-CRE-003",
    "A created contact is found by its number, as the same one",
    rule=rules.CREATE,
    hint="Store the phone where the lookup searches; wait for the CRM's index if it lags.",
    profile="full",
    writes=True,
)
async def found_again(hum: Hum, stage: Stage) -> None:
    made = await stage.made()
    contact_id = made.id
    answer = await hum.send(hum.lookup(made.phone))
    expect.same(answer, "contact.id", contact_id, expect.found(answer)["id"])


@CRE.check(
    "HUM-CRE-004",
    "The answer has the number and the name that were given",
    rule=rules.CONTACT,
    hint="Answer the contact as the CRM has it after the create.",
    profile="full",
    writes=True,
)
async def as_given(hum: Hum, stage: Stage) -> None:
    made = await stage.made()
    contact, _ = expect.created(made.answer)
    for field, given in (("phone", made.phone), ("name", made.name)):
        if contact.get(field) is not None or hum.strict:
            expect.same(made.answer, f"contact.{field}", given, contact.get(field))


@CRE.check(
    "HUM-CRE-005",
    "A number alone is enough",
    rule=rules.CREATE,
    hint="name, email and call_id may be missing or null; make up a name from the number where the CRM "
    "needs one.",
    profile="full",
    writes=True,
)
async def number_alone(hum: Hum, stage: Stage) -> None:
    await _creates(hum, await stage.fresh(), name=None, email=None, call_id=None)
    await _creates(hum, await stage.fresh())


@CRE.check(
    "HUM-CRE-006",
    "Names in all scripts come back unchanged",
    rule=rules.CONTACT,
    hint=UNCHANGED,
    profile="full",
    writes=True,
)
async def scripts(hum: Hum, stage: Stage) -> None:
    phone, name = await stage.fresh(), f"{stage.name()} Zoë Müller-Łęcki 山田太郎 مريم 😀"
    await _creates(hum, phone, name=name)
    await stage.until_found(phone)
    answer = await hum.send(hum.lookup(phone))
    expect.same(answer, "contact.name", name, expect.found(answer).get("name"))


@CRE.check(
    "HUM-CRE-007",
    "Names with quotes and angle brackets come back unchanged",
    rule=rules.CONTACT,
    hint=UNCHANGED,
    profile="full",
    writes=True,
)
async def quotes(hum: Hum, stage: Stage) -> None:
    phone, name = await stage.fresh(), f"""{stage.name()} O'Brien "Bo" <b> & \\ % ;:, Co."""
    await _creates(hum, phone, name=name)
    await stage.until_found(phone)
    answer = await hum.send(hum.lookup(phone))
    expect.same(answer, "contact.name", name, expect.found(answer).get("name"))


@CRE.check(
    "HUM-CRE-008",
    "A number that is known already makes no second contact",
    rule=rules.CREATE,
    hint="Look the number up before creating, and answer 409 with the contact that has it.",
    profile="full",
    writes=True,
)
async def known_already(hum: Hum, stage: Stage) -> None:
    made = await stage.made()
    first = made.id
    answer = await hum.send(hum.create(made.phone, name=stage.name()))
    contact, again = expect.created(answer)
    if again or contact["id"] != first:
        raise answer.failed(f"409 with the contact {first!r}", f"a second contact, {contact['id']!r}")
    answer = await hum.send(hum.lookup(made.phone))
    expect.found(answer)
    expect.same(answer, "matches", 1, answer.data.get("matches"))


@CRE.check(
    "HUM-CRE-009",
    "409 brings the contact that exists",
    rule=rules.CREATE,
    hint="HUM needs the id of the contact: put it beside the error.",
    profile="full",
    writes=True,
)
async def conflict(hum: Hum, stage: Stage) -> None:
    made = await stage.made()
    first = made.id
    answer = await hum.send(hum.create(made.phone, name=stage.name()))
    if answer.status == 409 or hum.strict:
        expect.same(answer, "status", 409, answer.status)
        expect.same(answer, "contact.id", first, expect.contact(answer)["id"])


@CRE.check(
    "HUM-CRE-010",
    "Different numbers make different contacts",
    rule=rules.CREATE,
    hint="Two people may have one name: compare numbers, not names.",
    profile="full",
    writes=True,
)
async def different(hum: Hum, stage: Stage) -> None:
    made = await stage.made()
    first = made.id
    answer, second = await _creates(hum, await stage.fresh(), name=made.name)
    if first == second["id"]:
        raise answer.failed("another contact for another number", f"contact.id: {second['id']!r} again")


@CRE.check(
    "HUM-CRE-011",
    "Unknown fields of the request are ignored",
    rule=rules.EVOLUTION,
    hint=IGNORE,
    profile="full",
    writes=True,
)
async def unknown_fields(hum: Hum, stage: Stage) -> None:
    await _creates(hum, await stage.fresh(), name=stage.name(), future={"a": [1]}, tags=["x"], big=10**30)


async def _refuses(hum: Hum, *bodies: Any) -> None:
    for body in bodies:
        expect.bad_request(await hum.send(hum.signed(CREATE, body)))


@CRE.check(
    "HUM-CRE-012",
    "A create without a phone is a mistake",
    rule=rules.CREATE,
    hint="Answer 400: a contact without a number is of no use to HUM.",
    profile="full",
    writes=True,
)
async def phone_missing(hum: Hum, stage: Stage) -> None:
    digits = int(await stage.fresh())
    await _refuses(hum, {"name": stage.name()}, {"phone": None}, {"phone": ""}, {"phone": digits})


@CRE.check(
    "HUM-CRE-013",
    "A create with what is no number is a mistake",
    rule=rules.CREATE,
    hint="Parse the number first and answer 400 when it is none: withheld callers must not become contacts.",
    profile="full",
    writes=True,
)
async def no_number(hum: Hum, stage: Stage) -> None:
    for phone in ("anonymous", "+1", "*", "+266696687", "+1" + "5" * 500):
        await _refuses(hum, {"phone": phone, "name": stage.name(), "source": "hum"})


@CRE.check(
    "HUM-CRE-014",
    "A name of another type is a mistake, not a crash",
    rule=rules.CREATE,
    hint="Check types before use, and answer 400.",
    profile="full",
    writes=True,
)
async def name_of_other_type(hum: Hum, stage: Stage) -> None:
    for name in (17, {"first": "A"}, ["A"]):
        await _refuses(hum, {"phone": await stage.fresh(), "name": name, "source": "hum"})


@CRE.check(
    "HUM-CRE-015",
    "A name of two thousand characters breaks nothing",
    rule=rules.CREATE,
    hint="Cut what the CRM cannot hold, or answer 400.",
    profile="full",
    writes=True,
)
async def long_name(hum: Hum, stage: Stage) -> None:
    name = (stage.name() + " long" * 400)[:2000]
    answer = await hum.send(hum.create(await stage.fresh(), name=name))
    expect.supported(answer)
    expect.no_crash(answer)

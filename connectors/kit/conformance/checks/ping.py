"""PNG: the connector says that it works, and does nothing else."""

from __future__ import annotations

from typing import Final

from connectors.kit.conformance import expect, rules
from connectors.kit.conformance.check import Group
from connectors.kit.conformance.checks.lookup import IGNORE
from connectors.kit.conformance.hum import Hum
from connectors.kit.conformance.request import PING
from connectors.kit.conformance.stage import Stage

PNG: Final = Group("PNG", "Ping")


@PNG.check(
    "HUM-PNG-001",
    'A ping is answered {"ok": true}',
    rule=rules.PING,
    hint='Answer 200 {"ok": true} when the CRM answers and takes the credentials.',
)
async def alive(hum: Hum, stage: Stage) -> None:
    expect.alive(await hum.send(hum.ping()))


@PNG.check(
    "HUM-PNG-002",
    "Name and version are texts",
    rule=rules.PING,
    hint="Both are optional; a version is a text, even if it looks like a number.",
)
async def name_and_version(hum: Hum, stage: Stage) -> None:
    answer = await hum.send(hum.ping())
    for field in ("name", "version"):
        value = answer.data.get(field)
        if value is not None and not isinstance(value, str):
            raise answer.failed(f"{field}: a text", f"{field}: {value!r}")


@PNG.check("HUM-PNG-003", "Unknown fields of a ping are ignored", rule=rules.EVOLUTION, hint=IGNORE)
async def unknown_fields(hum: Hum, stage: Stage) -> None:
    expect.alive(await hum.send(hum.ping(future=[1, {"x": None}], gateway="1.0")))


@PNG.check(
    "HUM-PNG-004",
    "A ping may say nothing",
    rule=rules.PING,
    hint="Nothing in the body of a ping is needed to answer it.",
)
async def empty(hum: Hum, stage: Stage) -> None:
    nulls = {"org_id": None, "connector_id": None, "timestamp": None}
    for body in ({}, nulls):
        expect.alive(await hum.send(hum.signed(PING, body)))


@PNG.check(
    "HUM-PNG-005",
    "A ping changes no contact",
    rule=rules.PING,
    hint="Ask the CRM for something that only reads, such as who the credentials belong to.",
    needs="known",
)
async def changes_nothing(hum: Hum, stage: Stage) -> None:
    phone = (await stage.known()).phone
    before = await hum.send(hum.lookup(phone))
    expect.found(before)
    expect.alive(await hum.send(hum.ping()))
    after = await hum.send(hum.lookup(phone))
    expect.same(after, "the contact", before.data, after.data)


@PNG.check(
    "HUM-PNG-006",
    "A ping that carries a contact creates none",
    rule=rules.PING,
    hint="The path says what to do; what else stands in the body does not count.",
    profile="full",
    writes=True,
)
async def creates_nothing(hum: Hum, stage: Stage) -> None:
    phone = await stage.fresh()
    expect.alive(await hum.send(hum.ping(phone=phone, name=stage.name(), source="hum")))
    expect.not_found(await hum.send(hum.lookup(phone)))


@PNG.check(
    "HUM-PNG-007",
    "Ten pings at once are all answered",
    rule=rules.PING,
    hint="A ping must not wait for another one.",
)
async def many(hum: Hum, stage: Stage) -> None:
    for answer in await hum.send_all(hum.ping() for _ in range(10)):
        expect.alive(answer)


@PNG.check(
    "HUM-PNG-008",
    "A ping changes no activity: the call told before is known after it",
    rule=rules.PING,
    hint="A ping must not reset what the connector remembers of calls.",
    profile="full",
    writes=True,
)
async def forgets_nothing(hum: Hum, stage: Stage) -> None:
    told = await stage.logged()
    expect.alive(await hum.send(hum.ping()))
    answer = await hum.send(hum.sync(await stage.call(told.call_id)))
    expect.same(answer, "activity_id", told.activity_id, expect.logged(answer))

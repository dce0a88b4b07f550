"""LKP, what is no number: a mistake, or somebody whom nobody knows, and never a stranger's contact."""

from __future__ import annotations

from typing import Any, Final

from connectors.kit.conformance import expect, rules
from connectors.kit.conformance.checks.lookup import LKP
from connectors.kit.conformance.exchange import Answer
from connectors.kit.conformance.hum import ORG, Hum
from connectors.kit.conformance.request import LOOKUP
from connectors.kit.conformance.stage import Stage

NO_NUMBER: Final = (
    "Parse the number first; what is none is answered 400, or found by nobody. Never search for it."
)


async def _mistaken(hum: Hum, *bodies: dict[str, Any]) -> list[Answer]:
    answers = [await hum.send(hum.signed(LOOKUP, {"org_id": ORG, **body})) for body in bodies]
    for answer in answers:
        expect.bad_request(answer)
    return answers


@LKP.check(
    "HUM-LKP-017",
    "A lookup without a phone is a mistake, never somebody not found",
    rule=rules.NOT_FOUND,
    hint='Answer 400 and say that phone is missing; HUM would take {"found": false} for the truth.',
)
async def phone_missing(hum: Hum, stage: Stage) -> None:
    await _mistaken(hum, {}, {"phone": None})


@LKP.check(
    "HUM-LKP-018",
    "A phone that is no text is a mistake",
    rule=rules.NOT_FOUND,
    hint="Check the type before use, and answer 400.",
)
async def phone_of_other_type(hum: Hum, stage: Stage) -> None:
    await _mistaken(hum, {"phone": 13175550142}, {"phone": ["+13175550142"]}, {"phone": {"e164": "+1"}})


@LKP.check(
    "HUM-LKP-019",
    "What is no number is found by nobody",
    rule=rules.MATCHING,
    hint=NO_NUMBER,
)
async def no_number(hum: Hum, stage: Stage) -> None:
    for phone in ("", " ", "anonymous", "+", "+1", "0", "-", "sip:alice@example.com", "+266696687"):
        expect.nobody(await hum.send(hum.lookup(phone)))


@LKP.check(
    "HUM-LKP-020",
    "Wildcards are found by nobody",
    rule=rules.MATCHING,
    hint="Escape what the CRM's search takes for a pattern, or better: search only for parsed numbers.",
)
async def wildcards(hum: Hum, stage: Stage) -> None:
    for phone in ("*", "%", "+1%", "_" * 12, ".*", "+1317*", "?" * 12):
        expect.nobody(await hum.send(hum.lookup(phone)))


@LKP.check(
    "HUM-LKP-021",
    "A phone that holds a query is found by nobody, and breaks nothing",
    rule=rules.MATCHING,
    hint="Pass values as parameters and never build a query out of text.",
)
async def injections(hum: Hum, stage: Stage) -> None:
    for phone in (
        "' OR '1'='1",
        f"{await stage.unknown()}' OR 1=1 --",
        "*)(uid=*))(|(uid=*",
        '"} , {"phone": "',
        "+1} IN ALL FIELDS RETURNING Contact(Id) {",
        "{{7*7}}${7*7}",
    ):
        expect.nobody(await hum.send(hum.lookup(phone)))


@LKP.check(
    "HUM-LKP-022",
    "A phone of ten thousand characters breaks nothing",
    rule=rules.MATCHING,
    hint=NO_NUMBER,
)
async def long_phone(hum: Hum, stage: Stage) -> None:
    for phone in ("+1" + "5" * 10_000, "9" * 10_000, "+1 " + "(" * 10_000):
        expect.nobody(await hum.send(hum.lookup(phone)))


@LKP.check(
    "HUM-LKP-023",
    "The message of a mistake names the field",
    rule=rules.PRACTICE,
    hint='Say which field is wrong: {"error": "invalid_request", "message": "phone is missing"}.',
    strict_only=True,
)
async def names_the_field(hum: Hum, stage: Stage) -> None:
    for answer in await _mistaken(hum, {}, {"phone": 5}):
        if b"phone" not in answer.body:
            raise answer.failed('an error whose body names "phone"')

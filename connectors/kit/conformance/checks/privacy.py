"""PRV: answers give away no secret, nothing about strangers, and nothing to whoever has no secret."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from connectors.kit.conformance import expect, rules, signing
from connectors.kit.conformance.check import Group
from connectors.kit.conformance.checks.signature import OTHER_SECRET
from connectors.kit.conformance.exchange import Answer
from connectors.kit.conformance.hum import Hum
from connectors.kit.conformance.request import CREATE
from connectors.kit.conformance.stage import Stage

PRV: Final = Group("PRV", "Privacy")

SAY_LESS: Final = "Say which field is wrong, not what stood in it: HUM logs the errors of connectors."


def _answers(hum: Hum) -> Iterator[Answer]:
    for exchange in hum.exchanges:
        if exchange.answer is not None:
            yield exchange.answer


def _whole(answer: Answer) -> bytes:
    head = "\n".join(f"{name}: {value}" for name, value in answer.headers)
    return head.encode("utf-8", "replace") + b"\n\n" + answer.body


@PRV.check(
    "HUM-PRV-001",
    "No answer of the run holds the secret",
    rule=rules.SHOWN_ONCE,
    hint="Never write headers of a request into an answer, and no settings into errors.",
    when="last",
)
async def secret(hum: Hum, stage: Stage) -> None:
    bare = hum.secret.removeprefix("whsec_")
    spellings = {bare, quote(bare, safe=""), base64.b64encode(hum.secret.encode()).decode().rstrip("=")}
    spellings |= {bare.rstrip("="), bare.replace("/", "\\/")}
    for answer in _answers(hum):
        if any(spelling.encode() in _whole(answer) for spelling in spellings):
            raise answer.failed("an answer without the secret", "the secret in it")


@PRV.check(
    "HUM-PRV-002",
    "No answer of the run holds a signature that would have been right",
    rule=rules.SIGNED,
    hint='Do not answer "expected sha256=…, got …": whoever reads it can sign anything.',
    when="last",
)
async def right_signature(hum: Hum, stage: Stage) -> None:
    for answer in _answers(hum):
        request = answer.exchange.request
        right = signing.body_signature(hum.secret, request.body).removeprefix("sha256=")
        if right.encode() in _whole(answer).lower():
            raise answer.failed("an answer without the right signature", "the signature in it")


@PRV.check(
    "HUM-PRV-003",
    "Without the secret, a known and an unknown number look the same",
    rule=rules.SIGNED,
    hint="Verify before the lookup, and answer every refusal with the same words.",
    needs="known",
)
async def no_oracle(hum: Hum, stage: Stage) -> None:
    known, unknown = (await stage.known()).phone, await stage.unknown()
    seen = []
    for phone in (known, unknown):
        request = hum.lookup(phone).having("Authorization", f"Bearer {OTHER_SECRET}")
        answer = await hum.send(request)
        expect.refused(answer)
        seen.append(len(answer.body))
        if phone.encode() in answer.body:
            raise answer.failed("an error without the number", "the number in it")
    expect.same(answer, "length of the answer", *seen)


@PRV.check(
    "HUM-PRV-004",
    "Errors repeat no names and numbers",
    rule=rules.PRACTICE,
    hint=SAY_LESS,
    profile="full",
    strict_only=True,
    writes=True,
)
async def nothing_repeated(hum: Hum, stage: Stage) -> None:
    marker = hum.new_id("quillfeather")
    bodies = (
        {"phone": f"no number {marker}", "name": stage.name()},
        {"phone": {"number": marker}, "name": marker},
        {"phone": await stage.fresh(), "name": {"first": marker}},
    )
    for body in bodies:
        answer = await hum.send(hum.signed(CREATE, body))
        if answer.status >= 400 and marker.encode() in answer.body:
            raise answer.failed("an error that does not repeat what was sent", "the person's name in it")


@PRV.check(
    "HUM-PRV-005",
    "No error of the run repeats the number",
    rule=rules.PRACTICE,
    hint=SAY_LESS,
    strict_only=True,
    when="last",
)
async def no_numbers(hum: Hum, stage: Stage) -> None:
    for answer in _answers(hum):
        phone = _phone_of(answer)
        if answer.status >= 400 and phone and phone.encode() in answer.body and answer.status != 409:
            raise answer.failed("an error without the number", "the number in it")


def _phone_of(answer: Answer) -> str:
    """The number that was asked for, where it is one."""
    _, mark, rest = answer.exchange.request.body.partition(b'"phone":"')
    phone = rest.partition(b'"')[0].decode("utf-8", "replace") if mark else ""
    return phone if phone.startswith("+") and 8 <= len(phone) <= 16 else ""


@PRV.check(
    "HUM-PRV-006",
    "No answer of the run sets a cookie",
    rule=rules.PRACTICE,
    hint="HUM keeps none; a session middleware in front of these paths is of no use.",
    strict_only=True,
    when="last",
)
async def no_cookies(hum: Hum, stage: Stage) -> None:
    for answer in _answers(hum):
        if answer.header("set-cookie"):
            raise answer.failed("no Set-Cookie", "one")

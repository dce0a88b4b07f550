"""AUTH: the bearer is checked as well, whole, and whatever the signature says.

All of this is tried on lookups; `everywhere` has the other endpoints.
"""

from __future__ import annotations

import base64
from typing import Final

from connectors.kit.conformance import expect, rules
from connectors.kit.conformance.check import Group
from connectors.kit.conformance.checks.signature import OTHER_SECRET
from connectors.kit.conformance.hum import Hum
from connectors.kit.conformance.request import LOOKUP
from connectors.kit.conformance.stage import Stage

AUTH: Final = Group("AUTH", "Bearer")

WHOLE: Final = "Compare the whole secret behind `Bearer `, as bytes and in constant time."


async def _refuses(hum: Hum, stage: Stage, *values: str | bytes) -> None:
    for value in values:
        request = hum.lookup(await stage.unknown()).having("Authorization", value)
        expect.refused(await hum.send(request))


@AUTH.check(
    "HUM-AUTH-001",
    "A signed lookup without a bearer is refused",
    rule=rules.UNAUTHORIZED,
    hint="Check both: the bearer and the signature.",
)
async def missing(hum: Hum, stage: Stage) -> None:
    expect.refused(await hum.send(hum.lookup(await stage.unknown()).without("Authorization")))


@AUTH.check("HUM-AUTH-002", "Another secret as bearer is refused", rule=rules.UNAUTHORIZED, hint=WHOLE)
async def other_secret(hum: Hum, stage: Stage) -> None:
    await _refuses(hum, stage, f"Bearer {OTHER_SECRET}")


@AUTH.check("HUM-AUTH-003", "The beginning of the secret is refused", rule=rules.UNAUTHORIZED, hint=WHOLE)
async def beginning(hum: Hum, stage: Stage) -> None:
    await _refuses(hum, stage, f"Bearer {hum.secret[:-1]}", f"Bearer {hum.secret[:4]}")


@AUTH.check(
    "HUM-AUTH-004", "The secret with something behind it is refused", rule=rules.UNAUTHORIZED, hint=WHOLE
)
async def something_behind(hum: Hum, stage: Stage) -> None:
    await _refuses(hum, stage, f"Bearer {hum.secret}x", f"Bearer {hum.secret} x", f"Bearer {hum.secret},x")


@AUTH.check(
    "HUM-AUTH-005",
    "An empty bearer is refused",
    rule=rules.UNAUTHORIZED,
    hint="Refuse to start without a secret, and an empty bearer always.",
)
async def empty(hum: Hum, stage: Stage) -> None:
    await _refuses(hum, stage, "Bearer", "")


@AUTH.check(
    "HUM-AUTH-006",
    "The word for an unset value is refused as bearer",
    rule=rules.UNAUTHORIZED,
    hint="A missing setting became a text: refuse to start without a secret.",
)
async def unset(hum: Hum, stage: Stage) -> None:
    await _refuses(hum, stage, *(f"Bearer {word}" for word in ("None", "null", "undefined", "nil", "false")))


@AUTH.check(
    "HUM-AUTH-007",
    "The secret in other letters is refused",
    rule=rules.UNAUTHORIZED,
    hint="Upper and lower case differ in a secret: compare it as it is.",
)
async def other_case(hum: Hum, stage: Stage) -> None:
    await _refuses(hum, stage, f"Bearer {hum.secret.swapcase()}")


@AUTH.check(
    "HUM-AUTH-008",
    "Another scheme than Bearer is refused",
    rule=rules.SIGNED,
    hint="The header is `Bearer`, one space, and the secret.",
)
async def other_scheme(hum: Hum, stage: Stage) -> None:
    basic = base64.b64encode(f"hum:{hum.secret}".encode()).decode()
    await _refuses(hum, stage, f"Basic {basic}", f"Token {hum.secret}")


@AUTH.check(
    "HUM-AUTH-009",
    "The secret without a scheme is refused",
    rule=rules.SIGNED,
    hint="The header is `Bearer`, one space, and the secret.",
    strict_only=True,
)
async def no_scheme(hum: Hum, stage: Stage) -> None:
    await _refuses(hum, stage, hum.secret)


@AUTH.check(
    "HUM-AUTH-010",
    "A bearer that is not ASCII is refused, and crashes nothing",
    rule=rules.UNAUTHORIZED,
    hint="Compare bytes: Python's hmac.compare_digest raises TypeError on text beyond ASCII.",
)
async def not_ascii(hum: Hum, stage: Stage) -> None:
    await _refuses(hum, stage, "Bearer sécret-ü".encode(), b"Bearer \xff\xfe")


@AUTH.check(
    "HUM-AUTH-011",
    "Two bearers, one of them wrong, are refused",
    rule=rules.PRACTICE,
    hint="Refuse an Authorization header that comes twice: two readers could take two different ones.",
    strict_only=True,
)
async def two_bearers(hum: Hum, stage: Stage) -> None:
    request = hum.lookup(await stage.unknown()).also("Authorization", f"Bearer {OTHER_SECRET}")
    expect.refused(await hum.send(request))


@AUTH.check(
    "HUM-AUTH-012",
    "Another secret that is used for both bearer and signature is refused",
    rule=rules.UNAUTHORIZED,
    hint="The key of the signature is the own secret, never what the request brings.",
)
async def consistently_wrong(hum: Hum, stage: Stage) -> None:
    body = hum.lookup(await stage.unknown()).body
    expect.refused(await hum.send(hum.signed(LOOKUP, body, secret=OTHER_SECRET)))


@AUTH.check(
    "HUM-AUTH-016",
    "A good request is accepted right after refused ones",
    rule=rules.PRACTICE,
    hint="Do not lock HUM out after wrong secrets: while a secret is being rotated it tries both.",
    when="alone",
)
async def no_lock_out(hum: Hum, stage: Stage) -> None:
    phone = await stage.unknown()
    for _ in range(10):
        await hum.send(hum.lookup(phone).having("Authorization", f"Bearer {OTHER_SECRET}"))
    expect.not_found(await hum.send(hum.lookup(phone)))

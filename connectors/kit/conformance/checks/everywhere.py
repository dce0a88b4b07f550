"""SIG and AUTH on the other endpoints: whoever verifies only where it was thought of has forgotten one.

What must be refused goes to `/contacts` and `/calls` with the body `[]`: nothing to be written, even by a
connector that is at fault.
"""

from __future__ import annotations

from typing import Final

from connectors.kit.conformance import expect, rules
from connectors.kit.conformance.checks.bearer import AUTH
from connectors.kit.conformance.checks.signature import OTHER_SECRET, SIG, SIGNATURES, wrongly_signed
from connectors.kit.conformance.hum import Hum
from connectors.kit.conformance.request import CALLS, CREATE, Endpoint
from connectors.kit.conformance.stage import Stage

EVERYWHERE: Final = "Verify in one place, in front of all endpoints, so that none can be forgotten."


@SIG.check("HUM-SIG-022", "A ping without a signature is refused", rule=rules.UNAUTHORIZED, hint=EVERYWHERE)
async def unsigned_ping(hum: Hum, stage: Stage) -> None:
    expect.refused(await hum.send(hum.ping().without(*SIGNATURES)))


@SIG.check(
    "HUM-SIG-023", "A ping signed with another secret is refused", rule=rules.UNAUTHORIZED, hint=EVERYWHERE
)
async def ping_other_secret(hum: Hum, stage: Stage) -> None:
    expect.refused(await hum.send(wrongly_signed(hum, hum.ping())))


@SIG.check(
    "HUM-SIG-024",
    "A create without a signature is refused",
    rule=rules.UNAUTHORIZED,
    hint=EVERYWHERE,
    profile="full",
)
async def unsigned_create(hum: Hum, stage: Stage) -> None:
    expect.refused(await hum.send(hum.signed(CREATE, []).without(*SIGNATURES)))


@SIG.check(
    "HUM-SIG-025",
    "A create signed with another secret is refused",
    rule=rules.UNAUTHORIZED,
    hint=EVERYWHERE,
    profile="full",
)
async def create_other_secret(hum: Hum, stage: Stage) -> None:
    expect.refused(await hum.send(wrongly_signed(hum, hum.signed(CREATE, []))))


@SIG.check(
    "HUM-SIG-026",
    "A call without a signature is refused",
    rule=rules.UNAUTHORIZED,
    hint=EVERYWHERE,
    profile="full",
)
async def unsigned_call(hum: Hum, stage: Stage) -> None:
    expect.refused(await hum.send(hum.signed(CALLS, []).without(*SIGNATURES)))


@SIG.check(
    "HUM-SIG-027",
    "A call signed with another secret is refused",
    rule=rules.UNAUTHORIZED,
    hint=EVERYWHERE,
    profile="full",
)
async def call_other_secret(hum: Hum, stage: Stage) -> None:
    expect.refused(await hum.send(wrongly_signed(hum, hum.signed(CALLS, []))))


async def _endpoint_refuses(hum: Hum, endpoint: Endpoint) -> None:
    good = hum.signed(endpoint, [])
    expect.refused(await hum.send(good.without("Authorization")))
    expect.refused(await hum.send(good.having("Authorization", f"Bearer {OTHER_SECRET}")))


@AUTH.check(
    "HUM-AUTH-013",
    "A ping without or with another bearer is refused",
    rule=rules.UNAUTHORIZED,
    hint=EVERYWHERE,
)
async def ping(hum: Hum, stage: Stage) -> None:
    good = hum.ping()
    expect.refused(await hum.send(good.without("Authorization")))
    expect.refused(await hum.send(good.having("Authorization", f"Bearer {OTHER_SECRET}")))


@AUTH.check(
    "HUM-AUTH-014",
    "A create without or with another bearer is refused",
    rule=rules.UNAUTHORIZED,
    hint=EVERYWHERE,
    profile="full",
)
async def create(hum: Hum, stage: Stage) -> None:
    await _endpoint_refuses(hum, CREATE)


@AUTH.check(
    "HUM-AUTH-015",
    "A call without or with another bearer is refused",
    rule=rules.UNAUTHORIZED,
    hint=EVERYWHERE,
    profile="full",
)
async def call(hum: Hum, stage: Stage) -> None:
    await _endpoint_refuses(hum, CALLS)

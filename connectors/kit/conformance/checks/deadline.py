"""DEA: somebody is on the line. An answer that comes late is none, and lateness is never "not found"."""

from __future__ import annotations

from statistics import median
from typing import Final

from connectors.kit.conformance import expect, rules
from connectors.kit.conformance.check import Group
from connectors.kit.conformance.hum import Hum
from connectors.kit.conformance.stage import Stage

DEA: Final = Group("DEA", "Deadlines")

HEADER: Final = "X-HUM-Deadline-Ms"
GRACE: Final = 1.0  # seconds for the way there and back, and a busy machine

GIVE_UP: Final = "Give the CRM what is left of the deadline, and answer 503 or 504 when it is over."


@DEA.check(
    "HUM-DEA-001",
    "A lookup is answered by its deadline, if only with an error",
    rule=rules.DEADLINE,
    hint=GIVE_UP,
    when="alone",
)
async def in_time(hum: Hum, stage: Stage) -> None:
    for milliseconds in (1000, 300):
        request = hum.lookup(await stage.unknown()).having(HEADER, str(milliseconds))
        (answer,) = await hum.send_all([request])
        limit = milliseconds / 1000 + GRACE
        if answer.elapsed > limit:
            got = f"one after {answer.elapsed:.2f} s"
            raise answer.failed(f"an answer within {milliseconds} ms (and {GRACE:g} s for the way)", got)
        if answer.status == 200 or not _is_late(answer.status):
            expect.not_found(answer)


def _is_late(status: int) -> bool:
    return status in (429, 502, 503, 504)


@DEA.check(
    "HUM-DEA-002",
    'A deadline that is too short is never "not found"',
    rule=rules.NOT_FOUND,
    hint="When the time is over before the CRM has answered, answer 503 or 504, never an empty result.",
    needs="known",
    when="alone",
)
async def never_not_found(hum: Hum, stage: Stage) -> None:
    phone = (await stage.known()).phone
    for milliseconds in (50, 5, 1):
        (answer,) = await hum.send_all([hum.lookup(phone).having(HEADER, str(milliseconds))])
        if not _is_late(answer.status):
            expect.found(answer)


@DEA.check(
    "HUM-DEA-003",
    "A lookup without a deadline is answered",
    rule=rules.DEADLINE,
    hint="Where nobody waits, HUM sends no deadline: take a default.",
)
async def none(hum: Hum, stage: Stage) -> None:
    expect.not_found(await hum.send(hum.lookup(await stage.unknown()).without(HEADER)))


@DEA.check(
    "HUM-DEA-004",
    "A deadline that is no number breaks nothing",
    rule=rules.PRACTICE,
    hint="Read plain digits, and take a default for everything else: int() takes '٣' and raises on 'soon'.",
)
async def odd(hum: Hum, stage: Stage) -> None:
    for value in ("soon", "", "-1", "1.5", "1e3", "٣".encode(), "9" * 5000, "NaN"):
        (answer,) = await hum.send_all([hum.lookup(await stage.unknown()).having(HEADER, value)])
        if not _is_late(answer.status):
            expect.no_crash(answer)


@DEA.check(
    "HUM-DEA-005",
    "Lookups take less than 1,200 ms",
    rule=rules.HOOKS,
    hint="Callers wait for no longer: keep connections to the CRM open, ask for all notations at once, "
    "cache.",
    strict_only=True,
    when="alone",
)
async def quick(hum: Hum, stage: Stage) -> None:
    phone = await stage.unknown()
    answers = [await hum.send(hum.lookup(phone)) for _ in range(5)]
    typical = median(answer.elapsed for answer in answers)
    if typical > 1.2:
        raise answers[-1].failed("five lookups of less than 1.2 s", f"{typical:.2f} s for the typical one")

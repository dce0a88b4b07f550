"""Calls that the check tells of are nobody's: no contact that was there before gets an activity."""

from __future__ import annotations

import random

import pytest

from connectors.kit.conformance import Report, read_seed
from connectors.kit.conformance.numbers import Numbers
from tests.connectors.conformance.reference import (
    CRASH,
    EXACT,
    PEOPLE,
    SEED,
    Ask,
    Asked,
    Reply,
    Run,
    World,
    checked,
    says,
)

OWN = {contact.id for contact in PEOPLE}


def by_number(filed: list[str]) -> Run:
    """A connector that files every call with whoever has one of its two numbers, whatever HUM says."""

    async def run(asked: Asked, ask: Ask, world: World) -> Reply:
        if asked.path == "/calls":
            numbers = {str(asked.call.get(name, ""))[-10:] for name in ("from", "to")} - {""}
            for contact in world.connector.contacts.values():
                digits = "".join(filter(str.isdigit, contact.phone or ""))[-10:]
                filed.extend([contact.id] if digits in numbers else [])
        return await ask(asked)

    return run


@pytest.mark.anyio
@pytest.mark.parametrize("seed", [SEED, read_seed("{}")], ids=["seed", "no-seed"])
async def test_no_call_is_filed_with_a_contact_that_was_there_before(seed: object) -> None:
    filed: list[str] = []
    report = await checked(by_number(filed), seed=seed, only=("CAL", "EVT", "PNG", "IDM"))
    assert not report.failures
    assert filed, "the call that is told with its contact is filed with it"
    assert not OWN & set(filed)


@pytest.mark.anyio
async def test_nothing_that_may_write_names_a_contact_of_the_seed() -> None:
    named: list[bytes] = []

    async def watch(asked: Asked, ask: Ask, world: World) -> Reply:
        if asked.path in ("/calls", "/contacts") and EXACT[2:].encode() in asked.body:
            named.append(asked.body)
        return await ask(asked)

    assert not (await checked(watch)).failures
    assert not named


@pytest.mark.anyio
@pytest.mark.parametrize("answer", [CRASH, says(404, {}), says(200, {"found": True, "contact": {"id": "1"}})])
async def test_where_no_lookup_says_that_nobody_has_a_number_no_call_is_told(answer: Reply) -> None:
    told: list[Asked] = []

    async def blind(asked: Asked, ask: Ask, world: World) -> Reply:
        if asked.path == "/contacts/lookup":
            return answer
        told.extend([asked] if asked.call else [])
        return await ask(asked)

    report: Report = await checked(blind, only=("CAL-001", "CAL-003", "CAL-018", "EVT-011", "PNG-008"))
    assert not told
    assert len(report.skipped) == 5
    assert all("a caller who is surely no contact" in result.reason for result in report.skipped)


def test_taken_numbers_are_never_handed_out() -> None:
    free = Numbers(random.Random(7)).next()
    again = Numbers(random.Random(7), [free]).next()
    assert again != free

"""One number becomes one contact."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from connectors.kit.contract import Contact
from connectors.kit.failures import Unavailable
from connectors.kit.trial import Trial
from tests.connectors.kit.crm import Crm, fails_with, yields

pytestmark = pytest.mark.anyio

PHONE = "+13175550199"


async def test_the_same_delivery_gets_the_same_answer(tmp_path: Path) -> None:
    crm, ledger = Crm(), tmp_path / "ledger.db"
    async with Trial(crm, ledger) as hum:
        first = await hum.create(PHONE, "Zoe", delivery="dlv_1")
        second = await hum.create(PHONE, "Zoe", delivery="dlv_1")
    async with Trial(crm, ledger) as hum:
        third = await hum.create(PHONE, "Zoe", delivery="dlv_1")
    assert (first.status, first.body["created"]) == (201, True)
    assert (second.status, second.body) == (third.status, third.body) == (first.status, first.body)
    assert crm.asked.count("create") == 1


async def test_another_delivery_hears_that_it_exists() -> None:
    crm = Crm()
    async with Trial(crm) as hum:
        first = await hum.create(PHONE, "Zoe", delivery="dlv_1")
        second = await hum.create("(317) 555-0199", "Zoe", delivery="dlv_2")
    assert (second.status, second.body["created"]) == (409, False)
    assert second.body["contact"] == first.body["contact"]
    assert crm.asked.count("create") == 1


async def test_a_contact_that_was_always_there() -> None:
    async with Trial(Crm()) as hum:
        answer = await hum.create("+13175550142", "Somebody")
    assert (answer.status, answer.body["contact"]["id"]) == (409, "1")


async def test_a_search_that_lags_behind_makes_no_duplicate() -> None:
    """hubspot-api-nodejs#545: the search finds a contact seconds after it was made."""
    crm = Crm([])
    crm.search_finds = False
    async with Trial(crm) as hum:
        first = await hum.create(PHONE, delivery="dlv_1")
        second = await hum.create(PHONE, delivery="dlv_2")
    assert (first.status, second.status) == (201, 409)
    assert second.body["contact"]["id"] == first.body["contact"]["id"]
    assert len(crm.contacts) == 1


async def test_ten_at_once_make_one() -> None:
    crm = Crm([])
    crm.before |= {"lookup": yields, "create": yields}
    async with Trial(crm) as hum:
        answers = await asyncio.gather(*(hum.create(PHONE, delivery=f"dlv_{n}") for n in range(10)))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 9
    assert len({answer.body["contact"]["id"] for answer in answers}) == 1


async def test_the_crm_may_say_that_it_exists() -> None:
    class Strict(Crm):
        async def create(self, request: object) -> tuple[Contact, bool]:
            return Contact("77", phone="317-555-0199", email="zoe@example.com"), False

    async with Trial(Strict([])) as hum:
        answer = await hum.create(PHONE)
    assert (answer.status, answer.body["created"]) == (409, False)
    assert answer.body["contact"] == {"id": "77", "phone": PHONE, "email": "zoe@example.com"}


async def test_no_number_no_contact() -> None:
    crm = Crm()
    async with Trial(crm) as hum:
        for phone in ("", "anonymous", "+266696687", "911", "5550199"):
            assert (await hum.create(phone)).status == 422
    assert crm.asked == ["open"]


async def test_a_failing_search_creates_nobody() -> None:
    crm = Crm()
    crm.before["lookup"] = fails_with(Unavailable("down"))
    async with Trial(crm) as hum:
        assert (await hum.create(PHONE, delivery="dlv_1")).status == 503
        assert "create" not in crm.asked
        crm.before.clear()
        assert (await hum.create(PHONE, delivery="dlv_1")).status == 201


async def test_the_crm_gets_the_number_as_hum_writes_it() -> None:
    crm = Crm([])
    async with Trial(crm) as hum:
        await hum.create("(317) 555-0199", "Zoe", "zoe@example.com")
    (made,) = crm.contacts.values()
    assert (made.phone, made.name, made.email) == (PHONE, "Zoe", "zoe@example.com")

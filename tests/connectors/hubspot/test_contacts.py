"""Contacts in HubSpot: found in any notation, never doubled."""

from __future__ import annotations

import asyncio

import pytest

from connectors.hubspot.connector import HubSpot as Connector
from connectors.kit.contract import CreateRequest
from connectors.kit.failures import Refused, Unavailable
from tests.connectors.hubspot.conftest import Connect
from tests.connectors.hubspot.double import HubSpot, Line, Trouble
from tests.connectors.hubspot.people import DANA, names, phone

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "stored",
    ["+13175550142", "(317) 555-0142", "317.555.0142", "1-317-555-0142", "3175550142", "+1 317 555 0142"],
)
@pytest.mark.parametrize("place", ["phone", "mobilephone"])
async def test_found_in_any_notation_with_one_request(
    hubspot: HubSpot, connector: Connector, stored: str, place: str
) -> None:
    hubspot.has_contact(firstname="Dana", **{place: stored})
    assert await names(connector) == ["Dana"]
    assert hubspot.kinds() == {"POST /crm/v3/objects/contacts/search": 1}


@pytest.mark.parametrize("stored", ["+44 317 555 0142", "+13175550143", "555-0142 ask for Dana", ""])
async def test_another_number_is_nobody(hubspot: HubSpot, connector: Connector, stored: str) -> None:
    hubspot.has_contact(firstname="Dana", phone=stored)
    assert await names(connector) == []


async def test_of_several_the_oldest_comes_first(hubspot: HubSpot, connector: Connector) -> None:
    hubspot.has_contact(firstname="Younger", phone=DANA, long_ago=100)
    hubspot.has_contact(firstname="Older", mobilephone="(317) 555-0142", long_ago=9_000)
    assert await names(connector) == ["Older", "Younger"]


async def test_what_a_contact_shows(hubspot: HubSpot, connect: Connect) -> None:
    made = hubspot.has_contact(
        firstname="Dana", lastname="Quillfeather", email="dana@example.com", phone=DANA, company="Acme",
        jobtitle="Buyer", vip_level="gold",
    )  # fmt: skip
    [found] = await connect(fields=("vip_level",)).lookup(phone())
    contact = found.contact
    assert (contact.id, contact.email, contact.company, contact.title) == (
        made, "dana@example.com", "Acme", "Buyer",
    )  # fmt: skip
    assert contact.url == f"https://app.hubspot.com/contacts/48/record/0-1/{made}"
    assert contact.fields == {"vip_level": "gold"}


async def test_a_contact_just_made_is_found_although_search_does_not_know_it(
    hubspot: HubSpot, connector: Connector
) -> None:
    contact, created = await connector.create(CreateRequest(DANA, name="Dana Quillfeather"))
    assert created
    assert await names(connector) == ["Dana Quillfeather"]
    again, created_again = await connector.create(CreateRequest(DANA, name="Dana"))
    assert (again.id, created_again) == (contact.id, False)
    assert len(hubspot.contacts) == 1
    hubspot.clock.now += 60
    assert await names(connector) == ["Dana Quillfeather"], "then from HubSpot itself"


async def test_the_e_mail_address_of_another_contact_answers_that_contact(
    hubspot: HubSpot, connector: Connector
) -> None:
    there = hubspot.has_contact(firstname="Dana", email="dana@example.com")
    contact, created = await connector.create(CreateRequest(DANA, email="Dana@Example.com"))
    assert (contact.id, contact.name, created) == (there, "Dana", False)
    assert len(hubspot.contacts) == 1
    assert await names(connector) == [], "whose number it is not thereby"


async def test_a_conflict_that_names_nobody_is_looked_for_by_e_mail(
    hubspot: HubSpot, connector: Connector
) -> None:
    there = hubspot.has_contact(firstname="Dana", email="dana@example.com")
    hubspot.answers(409, {"category": "CONFLICT", "correlationId": "x", "message": "taken"})
    contact, created = await connector.create(CreateRequest(DANA, email="dana@example.com"))
    assert (contact.id, created) == (there, False)


@pytest.mark.parametrize("trouble", ["answer lost", "bad gateway", "silence"])
async def test_a_lost_answer_makes_no_second_contact(
    hubspot: HubSpot, line: Line, connector: Connector, trouble: Trouble
) -> None:
    line.breaks(trouble, "/crm/v3/objects/contacts")
    connector._client._timeout = 1.0 if trouble == "silence" else 30.0
    with pytest.raises(Unavailable):
        await connector.create(CreateRequest(DANA, name="Dana"))
    assert len(hubspot.contacts) == 1, "HubSpot did it"
    with pytest.raises(Unavailable) as unsure:
        await connector.create(CreateRequest(DANA, name="Dana"))
    assert unsure.value.retry_after == 30, "nobody can tell yet"
    hubspot.clock.now += 10
    assert await names(connector) == ["Dana"], "which is where the kit looks before it asks for one"


async def test_a_lost_request_is_made_up_for_when_search_can_tell(
    hubspot: HubSpot, line: Line, connector: Connector
) -> None:
    line.breaks("request lost", "/crm/v3/objects/contacts")
    with pytest.raises(Unavailable):
        await connector.create(CreateRequest(DANA))
    hubspot.clock.now += 31
    assert (await connector.create(CreateRequest(DANA)))[1]
    assert len(hubspot.contacts) == 1


async def test_a_caller_who_hangs_up_while_a_contact_is_made_makes_no_second(
    hubspot: HubSpot, line: Line, connector: Connector
) -> None:
    line.breaks("silence", "/crm/v3/objects/contacts")
    making = asyncio.create_task(connector.create(CreateRequest(DANA)))
    while not hubspot.contacts:
        await asyncio.sleep(0)
    making.cancel()
    await asyncio.gather(making, return_exceptions=True)
    with pytest.raises(Unavailable):
        await connector.create(CreateRequest(DANA))
    assert len(hubspot.contacts) == 1


async def test_a_refused_contact_may_be_tried_again_at_once(hubspot: HubSpot, connector: Connector) -> None:
    hubspot.answers(400, {"category": "VALIDATION_ERROR", "correlationId": "x", "message": "no"})
    with pytest.raises(Refused):
        await connector.create(CreateRequest(DANA))
    assert (await connector.create(CreateRequest(DANA)))[1]

"""Parties are found by phone and created, in a running Tryton."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import phonenumbers
import pytest

from connectors.kit.candidates import choose
from connectors.kit.contract import CreateRequest, Found, NotFound
from connectors.kit.phones import parse
from connectors.tryton.client import Invalid, Record, Tryton
from connectors.tryton.connector import TrytonConnector
from tests.connectors.tryton.server import DATABASE, Crm

pytestmark = pytest.mark.anyio


async def find(connector: TrytonConnector, number: str) -> Found | NotFound:
    phone = parse(number)
    assert phone is not None
    return choose(phone, await connector.lookup(phone), "US")


async def test_a_number_that_tryton_could_read(crm: Crm, connector: TrytonConnector) -> None:
    ann = crm.party(
        "Ann Meadow", ("email", "ann@example.com"), ("phone", "+1 (317) 555-0142"),
        ("mobile", "+1.317.555.0143"),
    )  # fmt: skip
    for number in ("+13175550142", "+13175550143"):
        found = await find(connector, number)
        assert isinstance(found, Found)
        assert (found.contact.id, found.contact.name, found.match) == (ann, "Ann Meadow", "exact")
        assert (found.contact.email, found.contact.phone) == ("ann@example.com", number)
        assert found.contact.fields["code"]
    assert isinstance(await find(connector, "+13175550144"), NotFound)


@pytest.mark.parametrize(
    "typed", ["(317) 555-0142", "317.555.0142", "1-317-555-0142", "317 555 01 42", "+1 317 555 0142 ext. 5"]
)
async def test_a_number_as_somebody_typed_it(crm: Crm, connector: TrytonConnector, typed: str) -> None:
    """Tryton keeps as it is what it cannot read, or was not told to be a phone."""
    ann = crm.party("Ann", ("other", typed))
    found = await find(connector, "+13175550142")
    assert isinstance(found, Found)
    assert found.contact.id == ann


async def test_other_numbers_and_addresses_are_nobody(crm: Crm, connector: TrytonConnector) -> None:
    crm.party("Bernd", ("other", "+49 317 5550142"))
    crm.party("Longer", ("other", "31755501429"))
    crm.party("Web", ("email", "13175550142@example.com"), ("website", "https://example.com/13175550142"))
    assert isinstance(await find(connector, "+13175550142"), NotFound)


async def test_who_left_is_nobody(crm: Crm, connector: TrytonConnector) -> None:
    left = crm.party("Left", ("phone", "+13175550142"))
    crm.rpc("model.party.party.write", [int(left)], {"active": False})
    assert isinstance(await find(connector, "+13175550142"), NotFound)


async def test_a_number_that_several_share(crm: Crm, connector: TrytonConnector) -> None:
    first = crm.party("First", ("phone", "+13175550142"))
    crm.party("Second", ("other", "(317) 555-0142"), ("mobile", "+13175550142"))
    for _ in range(3):
        found = await find(connector, "+13175550142")
        assert isinstance(found, Found)
        assert (found.contact.id, found.matches) == (first, 2)


async def test_a_link_to_the_web_client(crm: Crm) -> None:
    ann = crm.party("Ann", ("phone", "+13175550142"))
    connector = crm.connector(web_url="https://tryton.example.com/")
    found = await find(connector, "+13175550142")
    assert isinstance(found, Found)
    assert found.contact.url == f"https://tryton.example.com/#crm/model/party.party/{ann}"
    await connector.close()


async def test_somebody_new(crm: Crm, connector: TrytonConnector) -> None:
    contact, made = await connector.create(
        CreateRequest(phone="+13175550142", name="José  Núñez", email="jose@example.com")
    )
    assert made
    assert (contact.name, contact.phone, contact.email) == ("José Núñez", "+13175550142", "jose@example.com")
    found = crm.records("party.contact_mechanism", [["party", "=", int(contact.id)]], "type", "value_compact")
    assert {(one["type"], one["value_compact"]) for one in found} == {
        ("phone", "+13175550142"),
        ("email", "jose@example.com"),
    }
    again = await find(connector, "+13175550142")
    assert isinstance(again, Found)
    assert again.contact.id == contact.id


async def test_without_a_name_the_number_stands_there_and_is_no_name(
    crm: Crm, connector: TrytonConnector
) -> None:
    contact, _ = await connector.create(CreateRequest(phone="+13175550142"))
    [party] = crm.records("party.party", [["id", "=", int(contact.id)]], "name")
    assert party["name"] == "+13175550142"
    assert contact.name is None


class _Strict(Tryton):
    """Tryton with its optional check of e-mail addresses, which asks the DNS."""

    async def create(self, model: str, values: Mapping[str, Any], fields: Iterable[str]) -> Record:
        if any(made["type"] == "email" for _, all_of in values["contact_mechanisms"] for made in all_of):
            raise Invalid("Tryton does not take what was sent")
        return await super().create(model, values, fields)


async def test_an_address_that_tryton_does_not_take_costs_no_contact(crm: Crm) -> None:
    connector = TrytonConnector(_Strict(crm.url, DATABASE, crm.key))
    contact, made = await connector.create(CreateRequest(phone="+13175550142", name="Ann", email="not one"))
    assert made
    assert (contact.name, contact.email) == ("Ann", None)
    assert len(crm.records("party.party", [])) == 1
    await connector.close()


async def test_a_number_that_tables_of_numbers_do_not_know_yet(crm: Crm, connector: TrytonConnector) -> None:
    """Possible, but not valid: Tryton refuses it as a phone."""
    assert not phonenumbers.is_valid_number(phonenumbers.parse("+15555550142"))
    contact, made = await connector.create(CreateRequest(phone="+15555550142", name="Ann"))
    assert made
    found = await find(connector, "+15555550142")
    assert isinstance(found, Found)
    assert found.contact.id == contact.id
